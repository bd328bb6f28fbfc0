"""Every protocol on a corpus of the published shape; what it refuses and what it doubts; the real data."""

import dataclasses
import importlib
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import crossbit.protocols
from crossbit.data.corpus import Corpus
from crossbit.data.splits import Split, leakage_warnings
from crossbit.datasets import load, loader
from crossbit.errors import InputError
from crossbit.evaluation.setup import Setup
from crossbit.metrics.conventions import CONVENTIONS
from crossbit.protocols import PROTOCOLS, protocol

CLASSES = {"coco": 80, "iaprtc12": 255, "mirflickr25k": 24, "nuswide": 21, "wikipedia": 10}
#: The first digits of the checksum that each recipe has on `fake`: a recipe that changes is another protocol.
FROZEN = {
    "coco/clip": "d48300ced0b38183",
    "coco/mith": "abd82f083339dc2a",
    "coco/torchcmh": "d437445326578feb",
    "coco/ucch": "9614742886ada14f",
    "coco/captions-1k": "8d4213e993a8f2e1",
    "coco/captions-5k": "8d4213e993a8f2e1",
    "flickr8k/karpathy": "2993004db38e4851",
    "flickr30k/karpathy": "94666957916077d6",
    "iaprtc12/dcmh": "a6dfac494b71c75b",
    "iaprtc12/torchcmh": "f96a2801b1b7940c",
    "iaprtc12/ucch": "19c9314bcd12f3e2",
    "mirflickr25k/dcmh": "395be3d7865257c9",
    "mirflickr25k/ssah": "a82049f9c83f32f7",
    "mirflickr25k/dadh": "7f0df3126f30614b",
    "mirflickr25k/torchcmh": "86b6f6fee7f33bd7",
    "mirflickr25k/mith": "5ae68f07cc8d6f31",
    "mirflickr25k/djsrh": "165d89a9fb15adf0",
    "mirflickr25k/ucch": "6401de88277d0738",
    "mirflickr25k/clip": "cc3179c075561667",
    "nuswide/tc10-djsrh": "fb8715aa7b329848",
    "nuswide/tc10-ucch": "74c014fdd587b9f1",
    "nuswide/tc21-dcmh": "b40f55ff41f0efb2",
    "nuswide/tc21-torchcmh": "31510e380d6f1e89",
    "nuswide/tc21-dadh": "6eeecfbb2f3c97b9",
    "nuswide/tc21-mith": "48dcc03828d300b1",
    "nuswide/tc21-hashnet": "51fd97ac633cd613",
    "nuswide/tc21-clip": "b6c2febfd24c4fc5",
    "wikipedia/official": "07c64065e47ad2c1",
    "wikipedia/djsrh": "07c64065e47ad2c1",
    "wikipedia/dgcpn": "46123df4add9b4d9",
}


def classes(found):
    options = found.loads().options
    return options.get("concepts", CLASSES.get(found.loads().name, 0))


def fake(found, pairs=None, name=None):
    """Return a corpus of the shape that was published with a protocol, or of another size; its labels are spread."""
    n, parts = pairs or found.published.pairs, found.published
    ids = tuple(f"i{row}" for row in range(n))
    width = classes(found)
    labels = None if found.instance else np.arange(n)[:, None] % width == np.arange(width)
    if not found.procedure.startswith(("published", "held_out")):
        given = Split("random", ids[1:], ids[:1], ids[1:])
    elif found.instance:
        queries = ids[-parts.query :]
        given = Split("published", ids[: parts.train], queries, queries, ids[parts.train : -parts.query], instance=True)
    else:
        given = Split("official", ids[: parts.train], ids[parts.train :], ids[: parts.train])
    return Corpus(name or found.loads().name, ids, given, labels=labels)


@pytest.fixture(scope="module", params=PROTOCOLS)
def drawn(request):
    """A protocol with its split of a corpus of the published shape."""
    found = protocol(request.param)
    return found, found.split(fake(found))


def test_a_split_has_the_published_sizes(drawn):
    found, split = drawn
    sizes = {part: len(getattr(split, part)) for part in ("query", "database", "train", "validation")}
    assert sizes == {part: size for part, size in found.published._asdict().items() if part != "pairs"}
    assert split.name == found.name
    assert split.instance == found.instance
    if not found.instance:
        assert {*split.train} <= {*split.database}


def test_a_procedure_is_frozen(drawn):
    found, split = drawn
    assert split.sha256[:16] == FROZEN[found.name]


def test_every_frozen_procedure_is_a_protocol():
    assert FROZEN.keys() == PROTOCOLS.keys()


def test_the_names_are_those_of_the_files():
    files = Path(crossbit.protocols.__file__).parent.glob("*.py")
    names = [
        each.name
        for file in files
        for each in getattr(importlib.import_module(f"crossbit.protocols.{file.stem}"), "PROTOCOLS", ())
        if file.stem != "__init__"
    ]
    assert sorted(names) == sorted(PROTOCOLS)


def test_listing_builds_none():
    code = "import sys, crossbit.protocols as p; len(p.PROTOCOLS), [*p.PROTOCOLS]; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    built = {name for name in modules if name.startswith("crossbit.protocols.")}
    assert built == {"crossbit.protocols.base"}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_says_what_it_is(name):
    found = protocol(name)
    assert found.name == name
    assert name.startswith(f"{found.loads().name}/")
    assert found.source
    assert found.notes.endswith(".")
    assert found.captions == "each" if found.instance else found.captions in ("join", "first")
    call = found.loads()
    loader(call.name, **call.options)
    plain = {each.measure for each in CONVENTIONS.values() if not each.phantoms}
    assert found.instance or found.measures[0] in plain
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in found.sha256.values())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_seed_that_is_ours_is_said_to_be_ours(name):
    found = protocol(name)
    assert ("our seed" in found.notes) == found.procedure.endswith("seed=0)")


@pytest.mark.parametrize("name", ["mirflickr25k/djsrh", "mirflickr25k/torchcmh", "mirflickr25k/ucch", "iaprtc12/dcmh"])
def test_fewer_pairs_make_the_database_smaller_and_nothing_else(name):
    found = protocol(name)
    corpus = fake(found, 15_677)
    split = found.split(corpus)
    assert split == found.split(corpus)
    assert len(split.query) == found.published.query
    assert len(split.database) == 15_677 - found.published.query
    assert len(split.train) == min(found.published.train, len(split.database))
    assert "15,677 pairs were found, but 20,0" in " ".join(found.doubts(corpus, split))


def test_rows_in_order_are_the_first_or_the_last():
    first, last = protocol("mirflickr25k/dcmh"), protocol("mirflickr25k/dadh")
    split = first.split(fake(first))
    assert (split.query[0], split.query[-1], split.train[0], split.train[-1]) == ("i0", "i1999", "i2000", "i11999")
    split = last.split(fake(last))
    assert (split.query[0], split.query[-1], split.train[0], split.train[-1]) == ("i18015", "i20014", "i0", "i9999")


def test_the_classes_have_their_shares():
    found = protocol("mirflickr25k/djsrh")
    corpus = fake(found)
    split = found.split(corpus)
    shares = corpus.labels[corpus.rows(split.query)].sum(axis=0)
    assert shares.tolist() == [160] + [80] * 23
    assert corpus.labels[corpus.rows(split.train)].sum(axis=0).tolist() == [400] + [200] * 23


def test_validation_is_the_first_of_the_official_queries():
    found = protocol("wikipedia/dgcpn")
    corpus = fake(found)
    split = found.split(corpus)
    assert split.validation + split.query == corpus.split.query
    assert len(split.validation) == 231


@pytest.mark.parametrize(
    ("name", "corpus", "message"),
    [
        ("mirflickr25k/dcmh", {"pairs": 11_999}, "2000 query [+] 10000 train items are wanted, but there are 11999"),
        ("mirflickr25k/ucch", {"pairs": 2000}, "2000 query [+] 1 train items are wanted, but there are 2000"),
        ("coco/clip", {"pairs": 159}, "5000 query [+] 10000 train items are wanted, but there are 159"),
        ("nuswide/tc10-djsrh", {"pairs": 1990}, "'nuswide/tc10-djsrh, class 0': 200 query items are wanted, but"),
        ("mirflickr25k/dcmh", {"name": "scenes"}, "mirflickr25k/dcmh is for dataset mirflickr25k, not scenes"),
    ],
)
def test_what_a_protocol_cannot_split_is_refused(name, corpus, message):
    found = protocol(name)
    with pytest.raises(InputError, match=message):
        found.split(fake(found, **corpus))


def test_files_without_labels_or_without_a_split_are_refused():
    found = protocol("iaprtc12/dcmh")
    bare = dataclasses.replace(fake(found), labels=None)
    with pytest.raises(InputError, match="by label, and iaprtc12 was found without labels; `crossbit datasets show"):
        found.split(bare)
    found = protocol("flickr30k/karpathy")
    corpus = fake(found)
    drawn = dataclasses.replace(corpus, split=dataclasses.replace(corpus.split, name="drawn"))
    with pytest.raises(InputError, match="from a file, but the files found of flickr30k bring none"):
        found.split(drawn)


def test_options_of_a_dataset_may_be_added_but_not_contradicted():
    found = protocol("nuswide/tc21-dcmh")
    assert found.loads().options == {"concepts": 21}
    assert found.loads("nuswide(query=5)").options == {"concepts": 21, "query": 5}
    with pytest.raises(InputError, match=r"is for dataset nuswide\(concepts=21\), not nuswide\(concepts=10\)"):
        found.loads("nuswide(concepts=10)")


def test_what_speaks_against_a_split_is_said():
    found = protocol("wikipedia/official")
    corpus = fake(found)
    doubts = found.doubts(corpus, found.split(corpus))
    assert len(doubts) == 2
    assert "the database of split 'wikipedia/official' is its training part" in doubts[0]
    assert "sha256 is" in doubts[1]
    assert f"{found.sha256[2866][:12]}… is recorded for so many pairs" in doubts[1]
    found = protocol("iaprtc12/torchcmh")
    assert found.doubts(fake(found), found.split(fake(found))) == []


def test_searching_the_training_part_is_memory():
    assert leakage_warnings(Split("s", ("a", "b"), ("q",), ("b", "a")))
    assert leakage_warnings(Split("s", ("a", "b"), ("q",), ("a",)))
    assert leakage_warnings(Split("s", ("a",), ("q",), ("a", "b"))) == []


def test_an_overlap_of_train_and_query_is_refused():
    def leaking(name, corpus):
        return Split(name, corpus.ids[:10], corpus.ids[9:12], corpus.ids[12:])

    found = dataclasses.replace(protocol("mirflickr25k/dcmh"), draw=leaking)
    with pytest.raises(InputError, match="1 items are in both query and train: i9; remove them"):
        found.split(fake(found))
    assert found.procedure == "leaking"


def test_a_setup_takes_one_split(tmp_path):
    with pytest.raises(InputError, match="a dataset or a protocol must be named"):
        Setup("")
    with pytest.raises(InputError, match="are two splits: give --protocol or --split"):
        Setup("wikipedia", protocol="wikipedia/official", split=tmp_path / "split.json")


def test_a_saved_split_is_taken_from_its_file(tmp_path, tiny_scenes, caplog):
    ids = tiny_scenes.ids
    Split("mine", ids[:20], ids[20:30], ids[:20]).save(tmp_path / "split.json")
    setup = Setup("scenes(query=20,train=30,database=40)", split=tmp_path / "split.json")
    with caplog.at_level(logging.WARNING):
        corpus = setup.corpus()
    assert (corpus.split.name, corpus.split.query) == ("mine", ids[20:30])
    assert "the database of split 'mine' is its training part" in caplog.text
    Split("other", ("a",), ("b",), ("c",)).save(tmp_path / "split.json")
    with pytest.raises(InputError, match="has no items a; it has 60 items"):
        setup.corpus()


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name, found in PROTOCOLS.items() if found.sha256])
def test_the_real_data_has_the_recorded_split(name, data_dir):
    found = protocol(name)
    corpus = load(found.loads().name, data_dir)
    split = found.split(corpus)
    assert split.sha256 == found.sha256[len(corpus)]
    assert not any("sha256" in doubt for doubt in found.doubts(corpus, split))


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name.startswith("mirflickr25k/")])
def test_the_full_lists_of_mirflickr_have_the_recorded_split(name, data_dir):
    folder = data_dir / "mirflickr25k"
    ids = tuple(line[10:-4] for line in (folder / "all_imgs.txt").read_text().split())
    labels = np.loadtxt(folder / "all_labels.txt", dtype=int) > 0
    assert (len(ids), ids[0]) == (20_015, "im1")
    corpus = Corpus("mirflickr25k", ids, Split("all", ids[1:], ids[:1], ids[1:]), labels=labels)
    found = protocol(name)
    assert found.split(corpus).sha256 == found.sha256[20_015]
