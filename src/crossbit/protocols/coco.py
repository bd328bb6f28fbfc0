"""MS COCO: items that share a class, or a picture's own captions."""

from __future__ import annotations

from functools import partial

from .base import RECALLS, Protocol, Sizes, under
from .drawing import in_order, permuted, published

LABELS = "coco(task=labels,annotations=official)"
KARPATHY = (
    "A. Karpathy, L. Fei-Fei. Deep visual-semantic alignments for generating image descriptions. CVPR, 2015; evaluated"
    " as in F. Faghri et al. VSE++: improving visual-semantic embeddings with hard negatives. BMVC, 2018."
)
RESTVAL = (
    "The training part includes restval (113,287 pictures); VSE++ leaves it out unless told otherwise, which"
    " `--dataset 'coco(annotations=karpathy,restval=false)'` does. All captions count, 25,010 of the queries; the line"
    " of VSE++ keeps five of each picture, which moves R@1 by at most 0.1 points."
)

PROTOCOLS = (
    Protocol(
        name="coco/clip",
        dataset=LABELS,
        draw=partial(permuted, query=5000, train=10_000, seed=1814),
        published=Sizes(122_218, query=5000, database=117_218, train=10_000),
        measures=under("dcmh"),
        captions="first",
        source="J. Tu, X. Liu, Z. Lin, R. Hong, M. Wang. Differentiable cross-modal hashing via multimodal transformers"
        " (DCHMT). ACM Multimedia, 2022; DSPH, DNPH, TwDH and DHaPH use the same sizes.",
        notes="Pictures of train2017 and val2017 with a class. Seed 1814 is the default of CLIP-CMH and QinLab (read"
        " in their code), for the whole program; their rows come in an order of their own. It draws one of the five"
        " captions at every access, also to test; here it is the first.",
    ),
    Protocol(
        name="coco/mith",
        dataset=LABELS,
        draw=partial(permuted, query=5000, train=10_000, seed=1),
        published=Sizes(122_218, query=5000, database=117_218, train=10_000),
        measures=under("dcmh"),
        captions="first",
        source="Y. Liu et al. Multi-granularity interactive transformer hashing for cross-modal retrieval. ACM"
        " Multimedia, 2023; code DarrenZZhang/MM23-MITH, load_data.py.",
        notes="numpy's permutation with seed 1, fixed in the code (read in the code), of rows in an order of its own."
        " It fixes one caption of each picture; here it is the first (assumed).",
    ),
    Protocol(
        name="coco/torchcmh",
        dataset="coco(task=labels,annotations=official,year=2014)",
        draw=partial(permuted, query=5000, train=10_000, seed=8),
        published=Sizes(122_218, query=5000, database=117_218, train=10_000),
        measures=under("dcmh"),
        source="WangGodder/deep-cross-modal-hashing (torchcmh), dataset/coco2014.py.",
        notes="numpy's permutation with seed 8 (read in the code), of rows in an order of its own. The pictures of"
        " 2014 are those of 2017, divided otherwise; how many its lists hold is assumed to be all with a class.",
    ),
    Protocol(
        name="coco/ucch",
        dataset=LABELS,
        draw=partial(in_order, query=5000, last=True),
        published=Sizes(122_218, query=5000, database=117_218, train=117_218),
        measures=under("ucch"),
        source="P. Hu et al. Unsupervised contrastive cross-modal hashing. IEEE TPAMI, 2023; code penghu-cs/UCCH,"
        " src/cmdataset.py, MSCOCO_fea.",
        notes="The last 5,000 rows of a file in random order query, all others train and are searched (read in the"
        " code), so that scores may reflect memorisation. The file is not public: here the last"
        " rows of the official lists query. That it holds every picture with a class is assumed.",
    ),
    Protocol(
        name="coco/captions-1k",
        dataset="coco(annotations=karpathy)",
        draw=published,
        published=Sizes(123_287, query=5000, database=5000, train=113_287, validation=5000),
        measures=RECALLS,
        captions="each",
        fold=1000,
        source=KARPATHY,
        notes=f"Each 1,000 of the 5,000 test pictures, in the order of the file, are a gallery; scores are means over"
        f" the five. Never to be put beside scores on all 5,000. {RESTVAL}",
    ),
    Protocol(
        name="coco/captions-5k",
        dataset="coco(annotations=karpathy)",
        draw=published,
        published=Sizes(123_287, query=5000, database=5000, train=113_287, validation=5000),
        measures=RECALLS,
        captions="each",
        source=KARPATHY,
        notes=f"All 5,000 test pictures and their captions are one gallery. {RESTVAL}",
    ),
)
