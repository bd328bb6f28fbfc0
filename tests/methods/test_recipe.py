"""Recipes and the short text they are written as."""

import pytest

from crossbit.errors import InputError
from crossbit.methods import Recipe
from crossbit.spec import parse_call


def test_a_recipe_carries_every_parameter():
    recipe = Recipe.parse("cca(ridge=2)+itq", {"power": 0})
    assert recipe.parameters == {"ridge": 2.0, "power": 0.0}
    assert recipe.binariser == "itq"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ccca", "no method 'ccca'; there are cca, "),
        ("cca+foo", "no binariser 'foo'; there are centred, itq, sign"),
        ("cfrh(gama=1)", r"CFRH has no gama; it has alpha, batch, beta"),
        ("cfrh(batch=1.5)", "batch is 1.5, but must be of type int"),
        ("cfrh(fusion=sum)", "fusion is 'sum', but must be one of 'row-cosine', 'product'"),
        ("cfrh(eta)", "option 'eta': it should be key=value"),
        ("cfrh(eta=1", "cannot read 'cfrh"),
    ],
)
def test_a_misspelt_recipe_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        Recipe.parse(text)


def test_values_are_read_as_what_they_look_like():
    assert parse_call("m(a=1,b=2.0,c=x,d=false)").options == {"a": 1, "b": 2.0, "c": "x", "d": False}
