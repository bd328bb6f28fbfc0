"""Reading a collection in Python: iteration, membership, and what it does without."""

import subprocess
import sys

import crossbit.collection.collection
from crossbit.collection.model import load


def test_a_collection_is_a_container_of_items(shelf, scenes, monkeypatch):
    monkeypatch.setattr(crossbit.collection.collection, "PAGE", 7)
    assert [item.id for item in shelf] == [raw.id for raw in scenes]
    assert next(iter(shelf)) == shelf.item(scenes[0].id)
    assert len(shelf) == 60
    assert scenes[3].id in shelf
    assert "nobody" not in shelf
    assert 3 not in shelf
    assert repr(shelf) == f"Collection({str(shelf.folder)!r}, bits=16)"


def test_items_may_go_while_they_are_read(shelf, monkeypatch):
    monkeypatch.setattr(crossbit.collection.collection, "PAGE", 7)
    for item in shelf:
        shelf.remove(item.id)
    assert len(shelf) == 0
    assert [*shelf] == []


def test_a_model_is_loaded_and_encodes_outside_of_any_read(folder, monkeypatch):
    """A read transaction keeps the log from shrinking; a model may take seconds to load."""
    from crossbit.collection import Collection

    reading = []
    with Collection(folder) as shelf:

        def loaded(place, device=None):
            assert not shelf.store._connection().in_transaction
            model = load(place, device)
            embed = model.embed

            def watched(*given):
                reading.append(shelf.store._connection().in_transaction)
                return embed(*given)

            object.__setattr__(model, "embed", watched)
            return model

        monkeypatch.setattr(crossbit.collection.collection, "load", loaded)
        assert shelf.search("red", k=3).hits
        shelf.update("000003", texts="a blue star")
    assert reading == [False, False]


BLOCKED = ["torch", "onnxruntime", "matplotlib", "skimage", "sklearn", "pandas", "pyarrow", "transformers"]
READ = """
import sys
for name in {blocked}:
    sys.modules[name] = None
import numpy as np
from crossbit.codes import Codes
from crossbit.collection import Collection, like
with Collection({folder!r}) as shelf:
    assert "000003" in shelf and len([*shelf]) == 60 and shelf.thumbnail("000003")
    assert "faiss" not in sys.modules
    codes = Codes.from_bits(np.zeros((1, 16), bool))
    assert len(shelf.search_codes(codes, "image", 3)[0]) == 3
    assert len(shelf.search(like("000003"), k=3, where="year > 2000")) == 3
    assert str(shelf.search(like("000003"))) and shelf.search(like("000003"))._repr_html_()
writing = [name for name in sys.modules if name.startswith("crossbit.collection.")]
print(*(name for name in writing if ".ingest" in name or "transactions" in name or ".integrity" in name))
"""


def test_reading_does_without_the_extras_and_without_what_writes(folder):
    code = READ.format(blocked=BLOCKED, folder=str(folder))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, ""), ended.stderr
