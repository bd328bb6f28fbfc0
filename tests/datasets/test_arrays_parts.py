"""Parts of arrays by number, by id and by block: counts are kept or refused, and blocks are thinned."""

import numpy as np
import pytest
from scipy.io import savemat

from crossbit.datasets import load
from crossbit.datasets.array_ids import id_of
from crossbit.errors import InputError

RNG = np.random.default_rng(0)
X, Y, K = RNG.normal(size=(40, 6)), RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40)
PARTS = ("train", "query", "database", "validation")


@pytest.fixture
def folder(tmp_path):
    for name, array in (("X", X), ("Y", Y), ("k", K)):
        np.save(tmp_path / f"{name}.npy", array)
        np.save(tmp_path / f"{name}a.npy", array[:30])
        np.save(tmp_path / f"{name}b.npy", array[30:])
    return tmp_path


def whole(folder, **options):
    return load("arrays", folder, image="X.npy", text="Y.npy", **options)


def blocks(folder, *, labelled=True, **options):
    labels = {"labels": "ka.npy+kb.npy"} if labelled else {}
    return load("arrays", folder, image="Xa.npy+Xb.npy", text="Ya.npy+Yb.npy", **labels, **options)


def sizes(corpus):
    return [len(getattr(corpus.split, part)) for part in PARTS]


def rows(corpus, part):
    return {*corpus.rows(getattr(corpus.split, part)).tolist()}


def test_every_count_of_a_drawn_split_is_kept(folder):
    labelled = {"labels": "k.npy"}
    assert sizes(whole(folder, query=5, validation=4, **labelled)) == [31, 5, 31, 4]
    assert sizes(whole(folder, query=5, train=10, database=20, validation=3, **labelled)) == [10, 5, 20, 3]
    assert sizes(whole(folder, database=20, **labelled)) == [20, 4, 20, 0]
    assert sizes(whole(folder, query=5, train=10)) == [10, 5, 5, 0]
    np.save(folder / "q.npy", [0, 39])
    assert sizes(whole(folder, query="q.npy", validation=5, **labelled)) == [33, 2, 33, 5]
    assert sizes(whole(folder, query="q.npy", database=10, train=6, **labelled)) == [6, 2, 10, 0]
    assert sizes(whole(folder, query="q.npy", validation=5, train=6)) == [6, 2, 2, 5]
    assert sizes(whole(folder, validation="q.npy", **labelled)) == [35, 3, 35, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": 0}, "query=0: a part has at least one item"),
        ({"query": -3}, "query=-3: a part has at least one item"),
        ({"train": 0}, "train=0: a part has at least one item"),
        ({"validation": -1}, "validation=-1: a part has"),
        ({"query": 30, "validation": 10}, "query=30, validation=10: there are only 40 items to draw them from"),
        ({"query": 30, "train": 20}, "train=20, query=30: there are only 40 items to draw them from"),
        ({"database": 10, "train": 20, "labels": "k.npy"}, "train=20 are drawn from the database, but database=10"),
        ({"database": 10}, "without labels the queries search each other"),
        ({"query": "q.npy", "train": 39}, "train=39: only 38 items are left for it"),
    ],
)
def test_a_count_that_cannot_be_is_refused_by_name(folder, options, message):
    np.save(folder / "q.npy", [0, 39])
    with pytest.raises(InputError, match=message):
        whole(folder, **options)


def test_counts_thin_two_blocks_and_mix_nothing(folder):
    corpus = blocks(folder, train=10, query=4, validation=3)
    assert sizes(corpus) == [10, 4, 27, 3]
    for part in ("train", "database", "validation"):
        assert rows(corpus, part) < {*range(30)}
    assert rows(corpus, "query") < {*range(30, 40)}
    assert sizes(blocks(folder, train=10)) == [10, 10, 30, 0]
    assert sizes(blocks(folder, labelled=False, train=10, query=4)) == [10, 4, 4, 0]
    with pytest.raises(InputError, match="train=35: only 30 items are left for it"):
        blocks(folder, train=35)
    drawn = blocks(folder, split="drawn", query=20)
    assert sizes(drawn) == [20, 20, 20, 0]
    assert rows(drawn, "query") & {*range(30)}


def test_a_seed_that_draws_nothing_is_said(folder, caplog):
    caplog.set_level("INFO")
    blocks(folder, seed=3)
    assert "seed=3: nothing is drawn, for the arrays say the split" in caplog.text
    caplog.clear()
    blocks(folder, seed=3, train=10)
    assert "nothing is drawn" not in caplog.text
    assert "train 10, query 10, database 30; train drawn with seed 3" in caplog.text


def test_more_blocks_than_two_are_not_drawn_from_unasked(folder):
    names = {option: f"{letter}a.npy+{letter}b.npy+{letter}.npy" for option, letter in (("image", "X"), ("text", "Y"))}
    with pytest.raises(InputError, match=r"3 blocks .* or draw from all with split=drawn"):
        load("arrays", folder, **names, query=5)
    assert sizes(load("arrays", folder, **names, query=5, split="drawn")) == [75, 5, 5, 0]


def test_counts_thin_the_blocks_of_a_pack_and_of_a_file_of_options(tmp_path):
    ends = {"tr": slice(0, 10), "te": slice(10, 20), "db": slice(20, 40)}
    arrays = {"I": X, "T": Y, "L": np.eye(3)[K]}
    savemat(tmp_path / "p.mat", {f"{name}_{end}": a[at] for name, a in arrays.items() for end, at in ends.items()})
    corpus = load("arrays", tmp_path, train=5, query=4)
    assert sizes(corpus) == [5, 4, 20, 0]
    assert rows(corpus, "train") < {*range(10)}
    assert rows(corpus, "query") < {*range(10, 20)}
    (tmp_path / "arrays.toml").write_text(
        'file = "p.mat"\nimage = "I_tr+I_te+I_db"\ntext = "T_tr+T_te+T_db"\nlabels = "L_tr+L_te+L_db"\n'
        'query = "I_te"\ndatabase = "I_db"\ntrain = "I_tr"\n'
    )
    corpus = load("arrays", tmp_path, database=8)
    assert sizes(corpus) == [10, 10, 8, 0]
    assert rows(corpus, "database") < {*range(20, 40)}


def test_numbers_are_ids_where_they_are_the_items_ids(folder, caplog):
    caplog.set_level("INFO")
    np.save(folder / "ids.npy", np.arange(1000, 1040))
    np.save(folder / "q.npy", [1003, 1001])
    corpus = whole(folder, ids="ids.npy", query="q.npy")
    assert corpus.split.query == ("1003", "1001")
    assert "query: numbers 1001 to 1003 are ids" in caplog.text
    np.save(folder / "q.npy", [0, 3])
    assert whole(folder, ids="ids.npy", query="q.npy").split.query == ("1000", "1003")
    np.save(folder / "q.npy", [3, 1003])
    with pytest.raises(InputError, match="row numbers 3 to 1003 do not fit 40 items, and are not all ids of items"):
        whole(folder, ids="ids.npy", query="q.npy")
    with pytest.raises(InputError, match="numbers 3 to 1003 are not all ids of items"):
        whole(folder, ids="ids.npy", query="q.npy", first="ids")


def test_numbers_that_are_ids_and_row_numbers_are_refused_until_one_is_chosen(folder):
    np.save(folder / "ids.npy", np.arange(40)[::-1])
    np.save(folder / "q.npy", [0, 3])
    with pytest.raises(InputError, match=r"numbers 0 to 3 are ids of items, and may also be row .* say first=ids, or"):
        whole(folder, ids="ids.npy", query="q.npy")
    assert rows(whole(folder, ids="ids.npy", query="q.npy", first="ids"), "query") == {39, 36}
    assert rows(whole(folder, ids="ids.npy", query="q.npy", first=0), "query") == {0, 3}
    np.save(folder / "ids.npy", np.arange(1, 41))
    np.save(folder / "q.npy", [2, 40])
    assert rows(whole(folder, ids="ids.npy", query="q.npy"), "query") == {1, 39}
    with pytest.raises(InputError, match="first=7: lists of numbers count from 0 or 1, or hold ids"):
        whole(folder, query="q.npy", first=7)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.r_[np.nan, np.arange(39)], "ids holds nan, and an id is a text or a number"),
        (np.r_[np.inf, np.arange(39)], "ids holds inf, and an id is a text or a number"),
        (np.arange(40) * 1j, "ids=ids.npy holds complex numbers"),
    ],
)
def test_what_is_no_id_is_refused(folder, ids, message):
    np.save(folder / "ids.npy", ids)
    with pytest.raises(InputError, match=message):
        whole(folder, ids="ids.npy")


def test_bytes_are_ids_if_they_are_text():
    assert id_of(b"im7", "ids") == "im7"
    with pytest.raises(InputError, match=r"ids holds .* no text in UTF-8"):
        id_of(b"\xff", "ids")


def test_ids_stay_as_they_are_written(folder):
    names = [f"{n:05d}" for n in range(40)]
    (folder / "ids.json").write_text(str(names).replace("'", '"'))
    (folder / "q.json").write_text('["00003", " 00001"]')
    assert whole(folder, ids="ids.json", query="q.json").split.query == ("00003", "00001")
    np.save(folder / "ids.npy", np.array(names, "S"))
    assert whole(folder, ids="ids.npy").ids[3] == "00003"
    (folder / "q.json").write_text('["zebra"]')
    with pytest.raises(InputError, match=r"query=q.json: no item is called zebra$"):
        whole(folder, ids="ids.json", query="q.json")
    with pytest.raises(InputError, match=r"no item is called zebra; ids= says what the items are called"):
        whole(folder, query="q.json")


def test_row_numbers_without_end_are_refused(folder):
    np.save(folder / "q.npy", [1.0, np.inf])
    with pytest.raises(InputError, match=r"query=q\.npy holds float64, and a part is"):
        whole(folder, query="q.npy")


def test_sentences_of_the_first_block_alone_are_told(folder):
    (folder / "caps.txt").write_text("a dog\n" * 30)
    with pytest.raises(InputError, match=r"30 sentences .* into 40 images, but into those of Xa.npy: add the other"):
        load("arrays", folder, image="Xa.npy+Xb.npy", captions="caps.txt")
