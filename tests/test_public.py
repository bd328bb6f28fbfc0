"""The public face: `import crossbit` is instant and offers everything that people need by name."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import crossbit

#: What the package promises to offer.
FACE = {
    *("Codes", "hamming", "evaluate", "Measure", "load_dataset", "featurise", "fit", "Recipe", "Method", "Source"),
    *("DualEncoder", "binarise", "load_model", "Collection", "Item", "Raw", "text", "image", "like", "register_method"),
    *("register_extractor", "register_layer", "register_dataset", "register_index", "InputError", "StorageError"),
}


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_all_is_sorted_and_complete():
    assert crossbit.__all__ == sorted(crossbit.__all__)
    assert set(crossbit.__all__) >= FACE
    assert dir(crossbit) == crossbit.__all__
    assert {*crossbit._PLACES, "__version__"} == set(crossbit.__all__)


def test_type_checkers_see_the_same_names():
    """The imports under TYPE_CHECKING are the table of places, name by name."""
    tree = ast.parse(Path(crossbit.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {
        alias.asname: f"{node.module}:{alias.name}" if node.module else alias.name
        for node in block.body
        for alias in node.names
    }
    assert seen == crossbit._PLACES


@pytest.mark.parametrize("name", crossbit.__all__)
def test_every_name_is_there_and_documented(name):
    value = getattr(crossbit, name)
    assert value.__doc__ or name == "__version__"


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'crossbit' has no attribute 'Shelf'; dir\(crossbit\) lists"):
        crossbit.Shelf  # noqa: B018
    assert not hasattr(crossbit, "Shelf")


def test_importing_it_imports_nothing_heavy():
    program = "import sys, crossbit, json; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    assert not {"torch", "numpy", "scipy", "sklearn", "faiss", "numba", "typer"} & set(json.loads(run(program)))


def test_codes_and_collections_need_no_torch():
    program = "import sys; from crossbit import Codes, Collection, Measure; print('torch' in sys.modules)"
    assert run(program).strip() == "False"


def test_the_library_is_silent_until_somebody_listens():
    program = "import logging, crossbit; logging.getLogger('crossbit.anything').warning('heard')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def test_fit_save_load_evaluate_in_four_lines(tmp_path):
    scenes = "scenes(train=60,database=80,query=20)"
    model = crossbit.fit("cca(ridge=0.1)+itq", scenes, bits=16)
    model.save(tmp_path / "model")
    found = crossbit.evaluate(tmp_path / "model", scenes, ["MAP"], against=model)
    assert found.tasks == ("image->text", "text->image")
    assert found.mean("MAP", "image->text") == pytest.approx(found.rows[0]["value"])
    assert [row["difference"] for row in found.differences] == [0, 0]
    assert model.origin.dataset == scenes
    assert "image->text" in str(found) == repr(found)
    assert repr(model) == f"Bundle({model.origin.method} fitted on {scenes}: {model.dim} bits)"
    assert found._repr_html_().count("<tr>") == 6


def test_features_in_every_form_are_fitted_alike(tiny_scenes, tmp_path):
    ready = crossbit.featurise(tiny_scenes)
    models = [crossbit.fit("cca(ridge=0.1)+itq", data, bits=8) for data in (tiny_scenes, ready, ready.dataset)]
    codes = [model.encoder.encode(ready.dataset.query.image, "image").packed.tobytes() for model in models]
    assert len(set(codes)) == 1
    means = [
        crossbit.evaluate(model, data, "MAP").mean("MAP", "text->image")
        for model, data in zip([*models, models[0].encoder], [tiny_scenes, ready, ready.dataset, ready], strict=True)
    ]
    assert len(set(means)) == 1
    models[2].save(tmp_path / "model")
    assert crossbit.load_model(tmp_path / "model").pipelines["image"].spec == "precomputed"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda scenes: crossbit.fit("cca+itq", 3),
            "a dataset is its name, a Corpus, Featurised or a D.*, not int",
        ),
        (
            lambda scenes: crossbit.fit(None, scenes),
            r"a recipe is a string such as 'cca\+itq', or a Recipe, not NoneType",
        ),
        (lambda scenes: crossbit.fit("cca", scenes, bits="32"), "bits is a whole number such as 64, not the str '32'"),
        (lambda scenes: crossbit.load_model(5), "a saved model is named by its folder, .* not by int"),
        (lambda scenes: crossbit.fit("ccx", scenes), "no method 'ccx'; there are adah, cca"),
        (lambda scenes: crossbit.fit("cca", scenes, features={"picture": "hog"}), "no modality 'picture'"),
        (lambda scenes: crossbit.fit("cca", crossbit.featurise(scenes), features={"image": "hog"}), "features already"),
        (lambda scenes: crossbit.evaluate("no/such/model", scenes), "is not a model"),
    ],
)
def test_bad_input_is_told(call, message, tiny_scenes):
    with pytest.raises(crossbit.InputError, match=message):
        call(tiny_scenes)


def test_codes_of_a_list_are_told_what_makes_them():
    """In a process of its own: the tests' check of types would come first."""
    told = run("import crossbit\ntry: crossbit.Codes([1, 2], 8)\nexcept crossbit.InputError as error: print(error)")
    assert told.startswith("codes are an array of packed bits, not a list: Codes.from_bits and")


def test_an_encoder_alone_takes_features_only(tiny_scenes):
    encoder = crossbit.fit("cca(ridge=0.1)+itq", tiny_scenes, bits=8).encoder
    with pytest.raises(crossbit.InputError, match=r"an encoder alone takes features: give a model of crossbit\.fit"):
        crossbit.evaluate(encoder, tiny_scenes)
