"""Write the files that tests/compatibility opens: everything that crossbit keeps on disk, as version 0.1.0 wrote it.

Run on 0.1.0, in a checkout of it, with the folder to write: python write.py FOLDER. Later versions only read them.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from crossbit.bundle import Bundle, Origin
from crossbit.collection.exchange import export
from crossbit.experiment import score
from crossbit.results import Ledger, Run, compare, setting
from PIL import Image

import crossbit
from crossbit.collection import Collection, Raw, text
from crossbit.data import Paired
from crossbit.datasets import load
from crossbit.features import featurise
from crossbit.methods import Recipe
from crossbit.metrics import Measure
from crossbit.training import Training

MODELS = {
    "linear": ("cca(ridge=0.1)+itq", "hog|pca16", "bow", 16),
    "network": ("cfrh(hidden=8,decoder_hidden=8,epochs=3)", "hog|pca16|l2", "bow(max_words=60)", 16),
    "sentences": ("vsepp(width=8,epochs=1)", "hog|pca16", "words", 8),
}


class Stopped(BaseException):
    """Ends a run in the middle, as a kill would."""


def training_pairs() -> Paired:
    """Return the pairs of the run that was interrupted."""
    rng = np.random.default_rng(0)
    return Paired(rng.random((96, 12), dtype=np.float32), rng.random((96, 9), dtype=np.float32))


def main() -> None:
    """Write all of it, and what it should give, into expected.json."""
    assert crossbit.__version__ == "0.1.0"
    out = Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    corpus = load("scenes", train=40, database=40, query=8)
    expected = {"version": crossbit.__version__, "codes": {}, "scores": {}}
    sentences = ["a red circle", "two blue squares"]

    pictures = out / "pictures"
    pictures.mkdir()
    files = []
    for number in range(12):
        files.append(pictures / f"{number:02}.png")
        Image.fromarray(corpus.images[number]).save(files[-1], optimize=True)

    for name, (recipe, image, words, bits) in MODELS.items():
        made = featurise(corpus, image, words)
        method = Recipe.parse(recipe)
        encoder = method.fit(made.dataset.train, bits, seed=1)
        bundle = Bundle(
            encoder, made.pipelines, made.dataset.split, Origin(method.name, method.parameters, 1, "scenes")
        )
        bundle.save(out / name)
        expected["codes"][name] = {
            m: np.sign(bundle.embed(bundle.pipelines[m](raws), m)).astype(int).tolist()
            for m, raws in (("image", files[:2]), ("text", sentences))
        }
        if encoder.space == "hamming":
            scores = score(encoder, made.dataset, [Measure.parse("MAP")])
            expected["scores"][name] = {task: of_task.mean("MAP") for task, of_task in scores.items()}
    (out / "split.json").write_bytes((out / "linear" / "split.json").read_bytes())

    raws = [
        Raw(f"item {n}", file.read_bytes(), (corpus.texts[n][0],), {"year": 2000 + n}) for n, file in enumerate(files)
    ]
    raws.append(Raw("only text", None, ("a golden star",), {"labels": ["star"]}))
    with Collection.create(out / "collection", out / "linear", thumbnail=48, vectors=True) as shelf:
        shelf.add(raws, cache=out / "cache")
        shelf.remove(["item 11"])
        shelf.update(["item 3"], metadata={"kept": "ünïcode"})
        shelf.configure("search", {"index": "ivf", "probes": 4, "shortlist": 10, "rescore": True})
        found = shelf.search(text("a red circle"), k=5)
        expected["search"] = [[hit.item.id, hit.distance, round(hit.score, 4)] for hit in found.hits]
        expected["ids"] = shelf.ids()
        export(shelf, out / "export.parquet")

    def die(epoch: int, encoder: object) -> None:
        if epoch == 3:
            raise Stopped

    network = Recipe.parse("cfrh(hidden=4,decoder_hidden=4,epochs=5)")
    run = {"method": "cfrh", "seed": 2}
    try:
        network.fit(
            training_pairs(), 8, seed=2, training=Training(folder=out / "run", interval=0.0, facts=run, watch=die)
        )
    except Stopped:
        for log in (out / "run").glob("events*"):
            log.unlink()
    whole = network.fit(training_pairs(), 8, seed=2)
    expected["run"] = {name: value.numpy().ravel()[:4].tolist() for name, value in whole.state_dict().items()}

    data = featurise(corpus, "hog|pca16", "bow").dataset
    runs = [Run(Recipe.parse("cca+itq"), 8, 0)]
    where = setting({"image": "hog|pca16", "text": "bow"}, "join", data)
    found = list(compare(runs, data, [Measure.parse("MAP")], Ledger(out / "ledger.jsonl", where)))
    expected["ledger"] = {"setting": where, "values": [result.value for result in found]}
    (out / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
