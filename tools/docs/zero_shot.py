"""Zero-shot retrieval in CLIP's space on the dataset coco500-clip, as it is and with each modality centred.

    python tools/docs/zero_shot.py DATA_DIR

MAP is of the pairs that have a class, which search each other; R@k is of all pairs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from crossbit.data.pairs import CROSSINGS
from crossbit.datasets import load
from crossbit.io.tables import text_table
from crossbit.metrics import evaluate
from crossbit.metrics.instance import evaluate_instances

RECALLS = ("R@1", "R@5", "R@10")


def rows(data_dir: Path) -> list[dict[str, object]]:
    """Return a row for each direction, as the embeddings are and centred."""
    found: list[dict[str, object]] = []
    for centred in (False, True):
        corpus = load("coco500-clip", data_dir, centred=centred)
        assert corpus.labels is not None
        known, every = np.asarray(corpus.labels.any(axis=1)), np.arange(len(corpus))
        for source, target in CROSSINGS:
            query, database = corpus.features[source], corpus.features[target]
            by_label = evaluate(query[known], database[known], corpus.labels[known], corpus.labels[known], "MAP")
            own = evaluate_instances(query, database, every, every, RECALLS)
            setting: dict[str, object] = {
                "embeddings": "centred" if centred else "as they are",
                "task": f"{source}->{target}",
            }
            found.append({**setting, **by_label.means(), **own.means()})
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path, help="the folder of the datasets")
    print(text_table(rows(parser.parse_args().data_dir)))
