"""IAPR TC-12 as a hashing benchmark with 255 labels."""

from __future__ import annotations

from functools import partial

from .base import Protocol, Sizes, under
from .drawing import in_order, permuted

PROTOCOLS = (
    Protocol(
        name="iaprtc12/dcmh",
        dataset="iaprtc12",
        draw=partial(permuted, query=2000, train=10_000, seed=0),
        published=Sizes(20_000, query=2000, database=18_000, train=10_000),
        measures=under("dcmh"),
        source="Q.-Y. Jiang, W.-J. Li. Deep cross-modal hashing. CVPR, 2017; code jiangqy/DCMH-CVPR2017.",
        notes="The MATLAB code permutes anew at each run, without a seed (read in the code for MIRFLICKR-25K; for this"
        " dataset assumed): same sizes and procedure, our seed.",
    ),
    Protocol(
        name="iaprtc12/torchcmh",
        dataset="iaprtc12",
        draw=partial(permuted, query=2000, train=10_000, seed=8),
        published=Sizes(20_000, query=2000, database=18_000, train=10_000),
        measures=under("dcmh"),
        source="WangGodder/deep-cross-modal-hashing (torchcmh), dataset/tc12.py; SCAHN and MESDCH come from there.",
        notes="numpy's permutation with seed 8 (read in the code): on the same MATLAB lists, which the loader reads,"
        " this is torchcmh's own split.",
    ),
    Protocol(
        name="iaprtc12/ucch",
        dataset="iaprtc12",
        draw=partial(in_order, query=2000, last=True),
        published=Sizes(20_000, query=2000, database=18_000, train=18_000),
        measures=under("ucch"),
        source="P. Hu et al. Unsupervised contrastive cross-modal hashing. IEEE TPAMI, 2023; code penghu-cs/UCCH,"
        " src/cmdataset.py, IAPR_fea.",
        notes="The last 2,000 rows of a file in random order query, all others train and are searched (read in the"
        " code), so that scores may reflect memorisation. That file is another than the lists"
        " here, so the same rows of these are other pairs.",
    ),
)
