"""Arrays of people's own: blocks, parts, transposes, labels, captions, and what is ambiguous refused."""

import json

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_array, issparse

from crossbit.data.splits import Split
from crossbit.datasets import load
from crossbit.errors import InputError

RNG = np.random.default_rng(0)
CLASS = RNG.integers(0, 5, 24)
X, T, L = RNG.normal(size=(24, 6)), RNG.normal(size=(24, 4)), np.eye(5)[CLASS]
NAMES = "image=I_tr+I_te, text=T_tr+T_te, labels=L_tr+L_te"


def options(text):
    return dict(part.strip().split("=", 1) for part in text.split(","))


@pytest.fixture
def folder(tmp_path):
    parts = {"I_tr": X[:20], "T_tr": T[:20], "L_tr": L[:20], "I_te": X[20:], "T_te": T[20:], "L_te": L[20:]}
    savemat(tmp_path / "mine.mat", {**parts, "I": X, "T": T, "Y": CLASS + 1})
    for name, array in (("x", X), ("t", T), ("y", CLASS)):
        np.save(tmp_path / f"{name}.npy", array)
    return tmp_path


def arrays(folder, text="image=x.npy,text=t.npy,labels=y.npy", **more):
    return load("arrays", folder, **options(text), **more)


def rows(corpus, part):
    return corpus.rows(getattr(corpus.split, part)).tolist()


def test_of_two_blocks_the_first_trains_and_is_searched_and_the_second_queries(folder):
    corpus = arrays(folder, f"file=mine.mat, {NAMES}")
    assert (corpus.features["image"] == X).all()
    assert (corpus.features["text"] == T).all()
    assert (corpus.labels == (L > 0)).all()
    assert rows(corpus, "train") == rows(corpus, "database") == [*range(20)]
    assert rows(corpus, "query") == [*range(20, 24)]
    assert not corpus.split.instance


def test_one_block_is_drawn_from(folder):
    corpus = arrays(folder)
    assert [len(p) for p in (corpus.split.train, corpus.split.query, corpus.split.database)] == [22, 2, 22]
    corpus = arrays(folder, query=4, train=10, seed=3)
    assert corpus.split.query == tuple(corpus.ids[row] for row in np.random.RandomState(3).permutation(24)[:4])
    assert corpus.split.train == corpus.split.database[:10]
    without = arrays(folder, "image=x.npy,text=t.npy", query=5, validation=3)
    assert without.split.instance
    assert [len(p) for p in (without.split.train, without.split.query, without.split.validation)] == [16, 5, 3]


@pytest.mark.parametrize(
    ("lists", "train", "query"),
    [
        ({"query": [1, 2], "train": [3, 24]}, [2, 23], [0, 1]),
        ({"query": [0, 1], "train": [2, 22]}, [2, 22], [0, 1]),
        ({"query": np.arange(24) < 3}, [*range(3, 24)], [0, 1, 2]),
        ({"query": np.array([[1.0] + [0.0] * 23])}, [*range(1, 24)], [0]),
        ({"train": np.arange(1, 21), "query": np.arange(21, 25)}, [*range(20)], [20, 21, 22, 23]),
        ({"train": np.arange(1, 25)[:20][None].astype(np.uint16), "database": [1, 24]}, [*range(20)], [20, 21, 22]),
    ],
)
def test_parts_are_lists_of_numbers_or_flags(folder, lists, train, query):
    savemat(folder / "parts.mat", {name: np.asarray(value) for name, value in lists.items()})
    corpus = arrays(folder, **{name: f"parts.mat:{name}" for name in lists})
    assert sorted(rows(corpus, "train")) == train
    assert rows(corpus, "query") == query


def test_where_numbers_begin_is_told_or_refused(folder, caplog):
    np.save(folder / "q.npy", [3, 4])
    with pytest.raises(InputError, match="row numbers 3 to 4 of 24 items may count from 0 or from 1; say first=0 or"):
        arrays(folder, query="q.npy")
    assert rows(arrays(folder, query="q.npy", first=1), "query") == [2, 3]
    assert rows(arrays(folder, query="q.npy", first=0), "query") == [3, 4]
    np.save(folder / "q.npy", [3, 24])
    caplog.set_level("INFO")
    assert rows(arrays(folder, query="q.npy"), "query") == [2, 23]
    assert "query: row numbers 3 to 24 count from 1" in caplog.text
    np.save(folder / "q.npy", [0, 24])
    with pytest.raises(InputError, match="row numbers 0 to 24 do not fit 24 items"):
        arrays(folder, query="q.npy")


def test_blocks_ids_files_and_arrays_of_parts_are_splits_too(folder):
    named = arrays(folder, f"file=mine.mat, {NAMES}, train=I_te, query=T_tr")
    assert rows(named, "train") == [*range(20, 24)]
    assert rows(named, "query") == [*range(20)]
    (folder / "ids.txt").write_text("".join(f"item {n}\n" for n in range(24)))
    (folder / "q.txt").write_text("item 7\nitem 2\n")
    listed = arrays(folder, ids="ids.txt", query="q.txt")
    assert listed.split.query == ("item 7", "item 2")
    Split("mine", train=("item 1",), query=("item 2",), database=("item 1", "item 3")).save(folder / "s.json")
    assert arrays(folder, ids="ids.txt", split="s.json").split.database == ("item 1", "item 3")
    np.save(folder / "parts.npy", np.repeat([1, 2, 3], [18, 2, 4]))
    parted = arrays(folder, split="parts.npy")
    assert [rows(parted, "validation"), rows(parted, "query")] == [[18, 19], [20, 21, 22, 23]]
    (folder / "parts.txt").write_text("train\n" * 20 + "test\n" * 4)
    assert rows(arrays(folder, split="parts.txt"), "query") == [20, 21, 22, 23]


def test_rows_of_one_item_are_refused(folder):
    (folder / "ids.txt").write_text("".join(f"item {n // 2}\n" for n in range(24)))
    with pytest.raises(InputError, match=r"ids repeats item 0, item 1, .*: a row is an item; .* with --captions join"):
        arrays(folder, ids="ids.txt")


@pytest.mark.parametrize("turned", [{"x"}, {"t"}, {"x", "t"}, {"x", "t", "l"}])
def test_an_item_per_column_is_turned_where_only_that_fits(folder, turned, caplog):
    caplog.set_level("INFO")
    for name, array in (("x", X), ("t", T), ("l", L)):
        np.save(folder / f"{name}.npy", array.T if name in turned else array)
    corpus = arrays(folder, "image=x.npy,text=t.npy,labels=l.npy")
    assert (corpus.features["image"] == X).all()
    assert (corpus.features["text"] == T).all()
    assert (corpus.labels == (L > 0)).all()
    assert caplog.text.count("one column per item, turned to rows") == len(turned)


def test_a_square_matrix_is_taken_as_it_stands_and_that_is_said(folder, caplog):
    caplog.set_level("INFO")
    np.save(folder / "square.npy", RNG.normal(size=(24, 24)))
    arrays(folder, "image=square.npy,text=t.npy")
    assert "image: 24 x 24, an item per row (square: taken as it stands)" in caplog.text
    assert "text: 24 x 4, an item per row\n" in caplog.text


def test_queries_without_a_label_are_counted(folder, caplog):
    caplog.set_level("INFO")
    labels = L.copy()
    labels[21:23] = 0
    np.save(folder / "l.npy", labels)
    np.save(folder / "q.npy", [0, 21, 22])
    arrays(folder, "image=x.npy,text=t.npy,labels=l.npy,query=q.npy")
    assert "2 of 3 queries have no label: nothing is relevant to them" in caplog.text


def test_sentences_that_do_not_fit_are_counted(folder):
    (folder / "caps.txt").write_text("a dog\n" * 47)
    with pytest.raises(InputError, match="47 sentences in captions do not go evenly into 24 images"):
        arrays(folder, "image=x.npy,captions=caps.txt")


def test_blocks_of_columns_are_turned_too(folder):
    savemat(folder / "t.mat", {"a": X[:20].T, "b": X[20:].T, "T": T})
    corpus = arrays(folder, "file=t.mat, image=a+b, text=T")
    assert (corpus.features["image"] == X).all()
    assert rows(corpus, "query") == [*range(20, 24)]


@pytest.mark.parametrize(
    ("x", "t", "message"),
    [
        ((20, 10), (10, 20), "image 20 x 10, text 10 x 20 can be read as 20 items or 10 items; turn the arrays"),
        ((20, 10), (30, 5), "no reading gives these a row per item each: image 20 x 10, text 30 x 5"),
        ((20, 10), (100, 6), "there are 5 rows of text for each of image, .* give the sentences as captions="),
        ((20, 3, 4), (20, 6), "3 vectors for each item; methods take one: regions=mean averages them"),
    ],
)
def test_shapes_that_do_not_decide_are_refused(tmp_path, x, t, message):
    np.save(tmp_path / "x.npy", np.ones(x))
    np.save(tmp_path / "t.npy", np.ones(t))
    with pytest.raises(InputError, match=message):
        arrays(tmp_path, "image=x.npy,text=t.npy")


def test_labels_are_decided_on_purpose(folder):
    (folder / "y.list").write_text("".join(f"t{n}\tim{n}\t{number + 1}\n" for n, number in enumerate(CLASS)))
    (folder / "names.txt").write_text("art\nbiology\nmusic\nsport\nwar\n")
    for place in ("mine.mat:Y", "y.list:3", "y.npy"):
        corpus = arrays(folder, f"image=x.npy,text=t.npy,labels={place},classes=names.txt")
        assert (corpus.labels == (L > 0)).all()
        assert corpus.classes[1] == "biology"
    savemat(folder / "names.mat", {"names": np.array([["sea", "sky"][number % 2] for number in CLASS], object)})
    assert arrays(folder, "image=x.npy,text=t.npy,labels=names.mat").classes == ("sea", "sky")
    with pytest.raises(InputError, match="labels are names already, such as sea, sky; leave it out"):
        arrays(folder, "image=x.npy,text=t.npy,labels=names.mat,classes=names.txt")
    savemat(folder / "classes.mat", {"names": np.array(["art", "biology", "music", "sport", "war"], object)})
    for place in ("classes.mat:names", "classes.mat"):
        assert arrays(folder, f"image=x.npy,text=t.npy,labels=y.npy,classes={place}").classes[4] == "war"
    savemat(folder / "flags.mat", {"flags": (CLASS % 2)[:, None]})
    with pytest.raises(
        InputError, match=r"flags of one class, .* or numbers of two classes; choose form=flags or form="
    ):
        arrays(folder, "image=x.npy,text=t.npy,labels=flags.mat")
    assert arrays(folder, "image=x.npy,text=t.npy,labels=flags.mat,form=flags").labels.shape == (24, 1)


def test_sparse_matrices_and_cells(folder):
    bag = (RNG.random((24, 9)) < 0.3).astype(float)
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = X[:20], X[20:]
    savemat(folder / "c.mat", {"bag": csc_array(bag.T), "views": cells, "L": csc_array(L)})
    corpus = arrays(folder, "file=c.mat, image=views, text=bag, labels=L")
    assert (corpus.features["image"] == X).all()
    assert issparse(corpus.features["text"])
    assert (corpus.features["text"].toarray() == bag).all()
    assert rows(corpus, "query") == [*range(20, 24)]


@pytest.mark.parametrize("repeated", [False, True])
def test_captions_in_a_row_belong_to_one_image(tmp_path, repeated):
    for part, n in (("train", 4), ("dev", 2), ("test", 3)):
        image = np.arange(n * 2.0).reshape(n, 2)
        np.save(tmp_path / f"{part}_ims.npy", np.repeat(image, 5, axis=0) if repeated else image)
        (tmp_path / f"{part}_caps.txt").write_text("".join(f"{part} {i}, {c}\n" for i in range(n) for c in range(5)))
    corpus = load("arrays", tmp_path)
    assert len(corpus) == 9
    assert corpus.features["image"].shape == (9, 2)
    assert corpus.texts[4] == tuple(f"dev 0, {c}" for c in range(5))
    assert [len(p) for p in (corpus.split.train, corpus.split.validation, corpus.split.query)] == [4, 2, 3]
    assert corpus.split.instance
    (tmp_path / "dev_caps.txt").write_text("one\n")
    with pytest.raises(
        InputError, match=r"36 sentences in captions do not go evenly|do not go together block by block"
    ):
        load("arrays", tmp_path)


def test_regions_are_averaged_if_wanted(tmp_path):
    regions = np.random.default_rng(0).random((6, 3, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", regions)
    np.save(tmp_path / "t.npy", np.ones((6, 2)))
    corpus = arrays(tmp_path, "image=x.npy,text=t.npy,regions=mean")
    assert np.allclose(corpus.features["image"], regions.mean(1))


def test_options_in_a_file_beside_the_arrays(folder, tmp_path):
    (folder / "arrays.toml").write_text(
        'file = "mine.mat"\nimage = ["I_tr", "I_te"]\ntext = "T_tr + T_te"\nlabels = "L_tr+L_te"\nquery = "I_te"\n'
    )
    assert rows(load("arrays", folder), "query") == [20, 21, 22, 23]
    assert len(load("arrays", folder, query=3).split.query) == 3
    (folder / "arrays.toml").write_text('image = "../x.npy"\ntext = "t.npy"\n')
    with pytest.raises(InputError, match=r"'../x.npy' leads out of"):
        load("arrays", folder)
    (folder / "arrays.toml").write_text('picture = "x.npy"\n')
    with pytest.raises(InputError, match=r"arrays.toml: Arrays has no picture"):
        load("arrays", folder)
    for text in ("", 'image = "x.npy"\n', 'text = "t.npy"\n'):
        (folder / "arrays.toml").write_text(text)
        with pytest.raises(InputError, match=r"arrays.toml: a pair needs image= and text=, or image= and captions="):
            load("arrays", folder)
    (folder / "arrays.toml").write_text("image = \n")
    with pytest.raises(InputError, match=r"arrays.toml is not TOML"):
        load("arrays", folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image=I", "a pair needs image= and text="),
        ("image=I,text=T", "image=I is no file of arrays .*and no file= says where it lies"),
        ("image=x.npy,text=absent.npy", "text=absent.npy: there is no file .*absent.npy"),
        ("file=mine.mat,image=I,text=U", r"has no 'U'; it holds .*T \(24, 4\)"),
        ("image=x.npy,text=t.pkl", "is a pickle|there is no file"),
        ("file=mine.mat,image=I_tr+I_te+I,text=T_tr+T_te+T", r"3 blocks \(I_tr, I_te, I\), and nothing says which"),
        ("image=x.npy,text=t.npy,query=y.npy,split=y.npy", "split=y.npy says all parts"),
        (
            "image=x.npy,text=t.npy,query=mine.mat:T",
            "query=mine.mat:T holds float64, and a part is a block of rows, a list",
        ),
        ("image=x.npy,text=t.npy,database=y.npy", "without labels the queries search each other"),
        ("image=x.npy,text=t.npy,labels=I", "labels=I is no file of arrays"),
        ("image=x.npy,text=t.npy,form=flags", "classes= and form= are about labels=, which are not given"),
        ("image=x.npy,text=t.npy,labels=mine.mat:L_tr", r"no reading gives these .* labels 20 x 5$"),
        ("image=x.npy,text=t.npy,split=no.json", r"split=no.json: there is no file .*no.json"),
        ("image=x.npy,text=t.npy,labels=y.npy,classes=no.txt", r"classes=no.txt: there is no file .*no.txt"),
        ("image=x.npy,text=t.npy,labels=y.npy,classes=x.npy", "classes=x.npy holds no texts, and classes are a list"),
        ("file=no.mat", r"file=no.mat: there is no file .*no.mat"),
        (
            "file=mine.mat,image=I_tr+I_te,text=T_tr+T_te,labels=L_tr",
            "labels has the rows of I_tr alone: add its other",
        ),
        (f"file=mine.mat, {NAMES}, form=flags", "form=flags says what a single column is, but labels 20 x 5 [+] 4 x 5"),
        ("file=other.mat", r"other.mat holds mine \(24, 6\), words \(24, 4\)"),
    ],
)
def test_what_cannot_be_read_is_refused(folder, text, message):
    savemat(folder / "other.mat", {"mine": X, "words": T})
    with pytest.raises(InputError, match=message):
        arrays(folder, text)


def test_fields_that_end_as_files_do_are_looked_for_in_the_file_first(folder):
    savemat(folder / "pack.mat", {"data": {"feat": {"img": X, "txt": T}}})
    corpus = arrays(folder, "file=pack.mat,image=data.feat.img,text=data.feat.txt")
    assert (corpus.features["text"] == T).all()
    with h5py.File(folder / "pack.h5", "w") as file:
        file["img"], file["feat/csv"] = X, T
    assert (arrays(folder, "file=pack.h5,image=img,text=feat.csv").features["text"] == T).all()


def test_files_are_looked_for_from_here_too(folder, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(folder)
    assert (arrays(tmp_path / "data").features["image"] == X).all()
    assert (arrays(tmp_path / "data", f"file=mine.mat, {NAMES}").features["image"] == X).all()


def test_labels_of_bytes_are_names(folder):
    np.save(folder / "y.npy", np.array([f"c{label}" for label in CLASS], "S2"))
    assert arrays(folder).classes == tuple(f"c{label}" for label in np.unique(CLASS))


@pytest.mark.parametrize("option", ["image", "labels"])
def test_single_values_are_no_columns(folder, option):
    np.save(folder / f"{option[0] if option == 'labels' else 'x'}.npy", np.float64(3))
    text = "image=x.npy,text=t.npy,labels=l.npy" if option == "labels" else "image=x.npy,text=t.npy"
    with pytest.raises(InputError, match=f"{option}=.* is a single value, and no array with a row per item"):
        arrays(folder, text)


def test_large_arrays_are_mapped_and_not_copied(folder):
    corpus = arrays(folder)
    assert isinstance(corpus.features["image"], np.memmap)
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"], file["t"] = X, T
    assert (arrays(folder, "file=x.h5,image=x,text=t").features["image"] == X).all()


@pytest.mark.data
def test_scm_on_the_wikipedia_features_has_its_known_numbers(data_dir, crossbit_cli):
    lists = "trainset_txt_img_cat.list:3+testset_txt_img_cat.list:3"
    dataset = f"arrays(file=raw_features.mat, image=I_tr+I_te, text=T_tr+T_te, labels={lists})"
    methods = "scm(ridge=1e-6,relative_ridge=0),cca+itq"
    where = ("--data-dir", data_dir / "wikipedia", "--measure", "MAP(ties=stable)", "--json")
    ended = crossbit_cli("compare", methods, "--dataset", dataset, "--bits", "16,32", *where)
    print(ended.out)
    found = {
        (row["task"], row["bits"]): row for row in json.loads(ended.out)["results"] if row["method"].startswith("scm")
    }
    assert {key: round(row["value"], 4) for key, row in found.items()} == {
        ("image->text", 16): 0.2210,
        ("image->text", 32): 0.2337,
        ("text->image", 16): 0.2134,
        ("text->image", 32): 0.2366,
    }
