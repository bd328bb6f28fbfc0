"""NUS-WIDE: the ten and the twenty-one commonest concepts."""

from __future__ import annotations

from functools import partial

from .base import Protocol, Sizes, under
from .drawing import class_by_class, in_order, permuted

ROWS = "Rows are in the order of the files found, which need not be that of the authors' files."

PROTOCOLS = (
    Protocol(
        name="nuswide/tc10-djsrh",
        dataset="nuswide(concepts=10)",
        draw=partial(class_by_class, each=(200, 500), train=5000, seed=0),
        published=Sizes(186_577, query=2000, database=184_577, train=5000),
        measures=under("djsrh"),
        source="S. Su, Z. Zhong, C. Zhang. Deep joint-semantics reconstructing hashing. ICCV, 2019; JDSH, DSAH, CFRH"
        " and CCAH follow it (datasets.py).",
        notes="Class by class, 200 query and 500 train of the items still free; drawn without a seed (read in the"
        " code), so the paper's split cannot be recovered: same sizes and procedure, our seed. The number of pairs is"
        " the paper's and is not in the code; others count 186,557. MAP@50 is divided by the hits among the first 50.",
    ),
    Protocol(
        name="nuswide/tc10-ucch",
        dataset="nuswide(concepts=10)",
        draw=partial(in_order, query=2100, last=True),
        published=Sizes(186_577, query=2100, database=184_477, train=184_477),
        measures=under("ucch"),
        source="P. Hu et al. Unsupervised contrastive cross-modal hashing. IEEE TPAMI, 2023; code penghu-cs/UCCH,"
        " src/cmdataset.py, NUSWIDE_fea.",
        notes="The last 2,100 rows query, all others train and are searched (read in the code), so"
        " that scores may reflect memorisation. Queries without a relevant item are dropped from the mean."
        f" {ROWS}",
    ),
    Protocol(
        name="nuswide/tc21-dcmh",
        dataset="nuswide(concepts=21)",
        draw=partial(permuted, query=2100, train=10_500, seed=0),
        published=Sizes(195_834, query=2100, database=193_734, train=10_500),
        measures=under("dcmh"),
        source="Q.-Y. Jiang, W.-J. Li. Deep cross-modal hashing. CVPR, 2017; code jiangqy/DCMH-CVPR2017.",
        notes="The MATLAB code permutes anew at each run, without a seed (read in the code for MIRFLICKR-25K; for this"
        " dataset assumed): same sizes and procedure, our seed.",
    ),
    Protocol(
        name="nuswide/tc21-torchcmh",
        dataset="nuswide(concepts=21)",
        draw=partial(permuted, query=2100, train=10_500, seed=7),
        published=Sizes(195_834, query=2100, database=193_734, train=10_500),
        measures=under("dcmh"),
        source="WangGodder/deep-cross-modal-hashing (torchcmh), dataset/nus_wide.py.",
        notes=f"numpy's permutation with seed 7 (read in the code). {ROWS}",
    ),
    Protocol(
        name="nuswide/tc21-dadh",
        dataset="nuswide(concepts=21)",
        draw=partial(in_order, query=2100, train=10_000),
        published=Sizes(195_834, query=2100, database=193_734, train=10_000),
        measures=under("dcmh"),
        source="C. Bai et al. Deep adversarial discrete hashing for cross-modal retrieval. ICMR, 2020; code"
        " Zjut-MultimediaPlus/DADH; AGAH has the same sizes.",
        notes="The first 2,100 rows query (read in the code); that the next 10,000 train is assumed. A comment in the"
        f" code counts other rows than the 21 concepts have. {ROWS}",
    ),
    Protocol(
        name="nuswide/tc21-mith",
        dataset="nuswide(concepts=21,tagged=true)",
        draw=partial(permuted, query=2100, train=10_500, seed=1),
        published=Sizes(190_421, query=2100, database=188_321, train=10_500),
        measures=under("dcmh"),
        source="Y. Liu et al. Multi-granularity interactive transformer hashing for cross-modal retrieval. ACM"
        " Multimedia, 2023; code DarrenZZhang/MM23-MITH, load_data.py. SSAH counts the same pairs (recalled).",
        notes="Pairs without a tag are left out. numpy's permutation with seed 1, fixed in the code (read in the code);"
        f" sizes from its README. {ROWS}",
    ),
    Protocol(
        name="nuswide/tc21-hashnet",
        dataset="nuswide(concepts=21)",
        draw=partial(class_by_class, each=(100, 500), train=10_500, seed=0),
        published=Sizes(195_834, query=2100, database=193_734, train=10_500),
        measures=under("cfrh-5000"),
        source="swuxyj/DeepHash-pytorch (lists nus_wide_21), after DPSH and HashNet (Cao et al., ICCV, 2017).",
        notes="100 query and 500 train of each of 21 concepts (recalled); the lists are not in this repository: same"
        " sizes and procedure, our seed. MAP@5000 is divided by the hits among the first 5,000.",
    ),
    Protocol(
        name="nuswide/tc21-clip",
        dataset="nuswide(concepts=21)",
        draw=partial(permuted, query=5000, train=10_000, seed=1814),
        published=Sizes(195_834, query=5000, database=190_834, train=10_000),
        measures=under("dcmh"),
        source="J. Tu, X. Liu, Z. Lin, R. Hong, M. Wang. Differentiable cross-modal hashing via multimodal transformers"
        " (DCHMT). ACM Multimedia, 2022; DSPH, DNPH, TwDH and DHaPH use the same sizes.",
        notes="Seed 1814 is the default of CLIP-CMH and QinLab (read in their code), for the whole program. Their"
        " lists leave out between none and 3,055 pairs, and a missing tag becomes the text 123456 (read in"
        " make_nuswide.py)."
        f" {ROWS}",
    ),
)
