"""MIRFLICKR-25K: one dataset, eight protocols whose numbers do not compare with each other."""

from __future__ import annotations

from functools import partial

from .base import Protocol, Sizes, under
from .drawing import class_by_class, in_order, permuted

ROWS = (
    "Rows are in the order of the files found: of the release of DCMH's authors, or of all_imgs.txt, which need not be"
    " the same."
)

PROTOCOLS = (
    Protocol(
        name="mirflickr25k/dcmh",
        dataset="mirflickr25k",
        draw=partial(in_order, query=2000, train=10_000),
        published=Sizes(20_015, query=2000, database=18_015, train=10_000),
        measures=under("dcmh"),
        source="Q.-Y. Jiang, W.-J. Li. Deep cross-modal hashing. CVPR, 2017; code jiangqy/DCMH-CVPR2017, DCMH_demo.py.",
        notes="The released TensorFlow code takes the first 2,000 rows to query and the next 10,000 to train (read in"
        " the code; AGAH queries with the first 2,000 rows too); the MATLAB code permutes anew at each run, so which"
        f" split the paper's numbers are from is not known. {ROWS}",
        sha256={
            15_677: "2e23e14a50575afec608cbf26e645a854e82d9352b375dd10d39a86112747d83",
            20_015: "a173345be96dff4284032c6444b4ceb60a2d26fe5b327b10f0a8fa63edb150c4",
        },
    ),
    Protocol(
        name="mirflickr25k/ssah",
        dataset="mirflickr25k",
        draw=partial(permuted, query=2000, train=10_000, seed=0),
        published=Sizes(20_015, query=2000, database=18_015, train=10_000),
        measures=under("dcmh"),
        source="C. Li et al. Self-supervised adversarial hashing networks for cross-modal retrieval. CVPR, 2018; code"
        " lelan-li/SSAH, load_data.py.",
        notes="The released code permutes without a seed (read in the code), so the paper's split cannot be recovered:"
        " same sizes and procedure, our seed.",
        sha256={
            15_677: "d2cead6b21f51feae3aad5882597f914c3bbb672858024acee887a5cb2bffd13",
            20_015: "c33c4828c8cb41abfc3b156ce4103397f60590ed90732cb7eb16128b62f5a158",
        },
    ),
    Protocol(
        name="mirflickr25k/dadh",
        dataset="mirflickr25k",
        draw=partial(in_order, query=2000, train=10_000, last=True),
        published=Sizes(20_015, query=2000, database=18_015, train=10_000),
        measures=under("dcmh"),
        source="C. Bai et al. Deep adversarial discrete hashing for cross-modal retrieval. ICMR, 2020; code"
        " Zjut-MultimediaPlus/DADH.",
        notes=f"The last 2,000 rows query, the first 10,000 train (read in the code). {ROWS}",
        sha256={
            15_677: "d81e2096eec49790fce4196e3a9a5c7ed285cbd9a22566dc672a7243428a6391",
            20_015: "38337a912c7379d58ba8863f91a0152d741115c249f8f75dff4e8dc98eae5144",
        },
    ),
    Protocol(
        name="mirflickr25k/torchcmh",
        dataset="mirflickr25k",
        draw=partial(permuted, query=2000, train=10_000, seed=6),
        published=Sizes(20_015, query=2000, database=18_015, train=10_000),
        measures=under("dcmh"),
        source="WangGodder/deep-cross-modal-hashing (torchcmh), dataset/mirflckr25k.py; MESDCH uses the same.",
        notes="numpy's permutation with seed 6 (read in the code): on the release of DCMH's authors, in its order, this"
        f" is torchcmh's own split. {ROWS}",
        sha256={
            15_677: "3de28eabcb54fca5f130aa71704f3a24338796990a484b4b9de913b404f956cb",
            20_015: "c2c76d3d15f1a7b0a25c134d4c641fd2a684340d948420ac1155ac0fea430d75",
        },
    ),
    Protocol(
        name="mirflickr25k/mith",
        dataset="mirflickr25k",
        draw=partial(permuted, query=2000, train=10_000, seed=1),
        published=Sizes(20_015, query=2000, database=18_015, train=10_000),
        measures=under("dcmh"),
        source="Y. Liu et al. Multi-granularity interactive transformer hashing for cross-modal retrieval. ACM"
        " Multimedia, 2023; code DarrenZZhang/MM23-MITH, load_data.py.",
        notes="numpy's permutation with seed 1, fixed in the code whatever the options say (read in the code). Its rows"
        " come in the order of its own caption files, which are not public: same procedure and seed, other rows.",
        sha256={
            15_677: "07b5451730625203bfd9f68cddf5bfd647fa9f4ed09c76a0446e28168d0e9146",
            20_015: "adad951a670c71246b1cb1c6c9555e66792481c797a4049b0b4f17de82158dcf",
        },
    ),
    Protocol(
        name="mirflickr25k/djsrh",
        dataset="mirflickr25k",
        draw=partial(class_by_class, each=(80, 200), first=(160, 400), train=5000, seed=0),
        published=Sizes(20_015, query=2000, database=18_015, train=5000),
        measures=under("djsrh"),
        source="S. Su, Z. Zhong, C. Zhang. Deep joint-semantics reconstructing hashing. ICCV, 2019; JDSH, DSAH, CFRH"
        " and CCAH follow it (datasets.py).",
        notes="Class by class, 160 query and 400 train of the first, 80 and 200 of each other, of the items still free"
        " (read in the code). The released code draws without a seed, so that a checkpoint evaluated in a second run is"
        " tested on its own training items, and the paper's split cannot be recovered: same sizes and procedure, our"
        " seed. MAP@50 is divided by the hits among the first 50.",
        sha256={
            15_677: "57b281e101c7926ddf170cfa2355743fa91e9dde13fa482d07d2e51faa00d94b",
            20_015: "d594a5ca964246554e1478c878e88a0f20dc172e5de7ccd9e0e5de13629633b0",
        },
    ),
    Protocol(
        name="mirflickr25k/ucch",
        dataset="mirflickr25k",
        draw=partial(in_order, query=2000, last=True),
        published=Sizes(20_015, query=2000, database=18_015, train=18_015),
        measures=under("ucch"),
        source="P. Hu, H. Zhu, J. Lin, D. Peng, Y.-P. Zhao, X. Peng. Unsupervised contrastive cross-modal hashing."
        " IEEE TPAMI, 2023; code penghu-cs/UCCH, src/cmdataset.py, MIRFlickr25K_fea.",
        notes="The last 2,000 rows query, all others train and are searched (read in the code), so"
        " that scores may reflect memorisation. The code's mode for raw pictures shuffles each part anew and mixes"
        " queries into the training part; this is its other mode. It validates on the first 2,000 training rows, which"
        f" are no part of the split here. Queries without a relevant item are dropped from the mean. {ROWS}",
        sha256={
            15_677: "92bad1a4a3d57ce563189061a7312d2e1673ddb0d2505cae009233cf2ac97062",
            20_015: "b6023bda2787518a6fd5e82ab3e185abf8635734c9b629ffdb2d5d46888caaa5",
        },
    ),
    Protocol(
        name="mirflickr25k/clip",
        dataset="mirflickr25k",
        draw=partial(permuted, query=5000, train=10_000, seed=1814),
        published=Sizes(24_581, query=5000, database=19_581, train=10_000),
        measures=under("dcmh"),
        source="J. Tu, X. Liu, Z. Lin, R. Hong, M. Wang. Differentiable cross-modal hashing via multimodal transformers"
        " (DCHMT). ACM Multimedia, 2022; DSPH, DNPH, TwDH and DHaPH use the same sizes.",
        notes="The CLIP era takes every picture with a label, 24,581, with its raw tags as a sentence; the loader here"
        " has the 20,015 pairs of DCMH, so numbers are indicative only. Seed 1814 is the default of CLIP-CMH and"
        " QinLab (read in their code), for the whole program; other rows, so another split. TwDH prints MAP@5000 over"
        " the first 5,000 relevant items instead (`--conventions twdh`), and DCHMT's own code gives NaN if one query"
        " has no relevant item.",
        sha256={
            15_677: "b7fb01fc1889a718176c2ddde3e364efe16682e8abb5ade410d9bfc0d7912f48",
            20_015: "c5a0a457cbdee4242efa36aea0cc8f7385c216310065a04cac123e4e2099744d",
        },
    ),
)
