"""Recipes and the short text they are written as."""

import pytest

from crossbit.errors import InputError
from crossbit.methods.recipe import Recipe
from crossbit.spec import parse_call


def test_a_recipe_carries_every_parameter():
    recipe = Recipe.parse("cca(ridge=2)+itq", {"power": 0})
    assert recipe.parameters == {"ridge": 2.0, "power": 0.0}
    assert recipe.binariser == "itq"


@pytest.mark.parametrize(
    ("text", "name", "dim", "binariser"),
    [
        ("cca", "cca", 0, None),
        ("cca@256", "cca", 256, None),
        ("cca(ridge=2)@256+itq", "cca(ridge=2)", 256, "itq"),
        ("infonce(model=a+b@c)+sign", "infonce(model=a+b@c)", 0, "sign"),
    ],
)
def test_a_recipe_is_a_call_its_dimensions_and_a_binariser(text, name, dim, binariser):
    recipe = Recipe.parse(text)
    assert (recipe.name, recipe.dim, recipe.binariser) == (text, dim, binariser)
    assert recipe.method == Recipe.parse(name).method


def test_a_space_with_dimensions_of_its_own(toy):
    assert Recipe.parse("cca@5").fit(toy.train, 64).dim == 5
    coded = Recipe.parse("cca@5+itq").fit(toy.train, 3, seed=1)
    assert (coded.space, coded.dim) == ("hamming", 3)
    narrow = Recipe.parse("cca+itq").fit(toy.train, 3, seed=1)
    assert (coded.embed(toy.query.text, "text") != narrow.embed(toy.query.text, "text")).any()
    with pytest.raises(InputError, match="keeps one bit per dimension: the space has 5 dimensions"):
        Recipe.parse("cca@5+sign").fit(toy.train, 3)
    with pytest.raises(InputError, match="scm@5: only a real-valued space has dimensions"):
        Recipe.parse("scm@5").fit(toy.train, 8)
    with pytest.raises(InputError, match="1 to 8,192 bits or dimensions, not 9,000"):
        Recipe.parse("cca@9000").fit(toy.train, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cca@x", "cannot read 'cca@x'"),
        ("cca+itq@5", "no binariser 'itq@5'"),
        ("ccca", "no method 'ccca'; there are adah, cca, "),
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
