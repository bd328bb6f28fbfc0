"""The packs of features that papers hand out: each layout, made up small, is recognised and read."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from crossbit.datasets import load
from crossbit.errors import InputError
from crossbit.features import featurise
from crossbit.features.export import export

RNG = np.random.default_rng(0)
CLASS = RNG.integers(0, 4, 30)
X, T, L = RNG.normal(size=(30, 6)), RNG.normal(size=(30, 4)), np.eye(4)[CLASS]
TRAIN, TEST = slice(0, 24), slice(24, 30)


def separate(folder, names):
    for name, (key, value) in names.items():
        savemat(folder / f"{name}.mat", {key: value})


def ucch(folder):
    stem = "mirflickr25k"
    separate(folder, {f"{stem}-iall-vgg": ("XAll", X), f"{stem}-yall": ("YAll", T), f"{stem}-lall": ("LAll", L)})


def ucch_nus(folder):
    stem = "nus-wide-tc10"
    separate(folder, {f"{stem}-xall-vgg": ("XAll", X), f"{stem}-yall": ("YAll", T), f"{stem}-lall": ("LAll", L)})


def ucch_shuffled(folder):
    stem = "mirflickr25k"
    parts = {"iall-vgg": ("XAll", X), "yall": ("YAll", T), "lall": ("LAll", L)}
    separate(folder, {f"{stem}-{part}-rand": value for part, value in parts.items()})


def ucch_coco(folder):
    with h5py.File(folder / "MSCOCO_deep_doc2vec_data_rand.h5py", "w") as file:
        file["XAll"], file["YAll"], file["LAll"] = X, T, L


def ucch_iapr(folder):
    parts = {"VDatabase": X[TRAIN], "YDatabase": T[TRAIN], "databaseL": L[TRAIN]}
    savemat(folder / "iapr-tc12-rand.mat", parts | {"VTest": X[TEST], "YTest": T[TEST], "testL": L[TEST]})


def dcmh(folder):
    with h5py.File(folder / "FLICKR-25K.mat", "w") as file:
        file["images"], file["YAll"], file["LAll"] = X.T, T.T, L.T


def dscmr(folder):
    numbers = CLASS[:, None] + 1
    for part, rows in (("train", TRAIN), ("test", TEST)):
        values = {f"{part}_img": X[rows], f"{part}_txt": T[rows], f"{part}_img_lab": numbers[rows]}
        separate(folder, {name: (name, value) for name, value in values.items()})


def scratch(folder):
    parts = {
        f"{letter}_{end}": a[rows] for letter, a in zip("ITL", (X, T, L), strict=True) for end, rows in PARTS.items()
    }
    savemat(folder / "wiki_data.mat", parts)


PARTS = {"tr": TRAIN, "te": TEST}


def roph(folder):
    split = {"train": np.arange(1, 25), "test": np.arange(25, 31)}
    savemat(folder / "wiki.mat", {"wiki": {"X1": X, "X2": T, "Y": CLASS[:, None] + 1, "split": split}})


def acmr(folder):
    for part, rows in (("train", TRAIN), ("test", TEST)):
        np.save(folder / f"{part}_img_feats.npy", X[rows])
        np.save(folder / f"{part}_txt_vecs.npy", T[rows])
        np.save(folder / f"{part}_labels.npy", CLASS[rows])


def extracted(folder):
    separate(folder, {"a": ("X", X), "b": ("T", T), "c": ("L", L)})
    corpus = load("arrays", folder, image="a.mat:X", text="b.mat:T", labels="c.mat:L")
    (folder / "out").mkdir()
    export(featurise(corpus), corpus, folder / "out" / "arrays")
    return folder / "out"


def extracted_sparse(folder):
    from scipy.sparse import csr_array, save_npz

    save_npz(folder / "t.npz", csr_array(T))
    savemat(folder / "x.mat", {"X": X, "L": L})
    corpus = load("arrays", folder, image="x.mat:X", text="t.npz", labels="x.mat:L")
    (folder / "out").mkdir()
    export(featurise(corpus), corpus, folder / "out" / "arrays")
    return folder / "out"


@pytest.mark.parametrize(
    ("make", "queries"),
    [
        (ucch, 3),
        (ucch_nus, 3),
        (ucch_shuffled, 3),
        (ucch_coco, 3),
        (ucch_iapr, 6),
        (dcmh, 3),
        (dscmr, 6),
        (scratch, 6),
        (roph, 6),
        (acmr, 6),
        (extracted, 3),
        (extracted_sparse, 3),
    ],
)
def test_a_pack_is_recognised_and_read(tmp_path, make, queries, caplog):
    caplog.set_level("INFO")
    corpus = load("arrays", make(tmp_path) or tmp_path)
    text = corpus.features["text"]
    assert np.allclose(corpus.features["image"], X)
    assert np.allclose(text if isinstance(text, np.ndarray) else text.toarray(), T)
    assert (corpus.labels == (L > 0)).all()
    assert len(corpus.split.query) == queries
    assert "recognised " in caplog.text


@pytest.mark.parametrize("kind", ["mat", "npz"])
def test_packs_with_a_database_of_their_own(tmp_path, kind):
    """The matrices of MATLAB with I_db, and what UCMFH's pickles are converted to."""
    rows = {"train": slice(0, 10), "query": slice(10, 14), "retrieval": slice(14, 30)}
    if kind == "npz":
        for part, some in rows.items():
            np.savez(tmp_path / f"{part}.npz", image=X[some], text=T[some], label=L[some])
    else:
        ends = dict(zip(("tr", "te", "db"), rows.values(), strict=True))
        parts = {
            f"{letter}_{end}": a[some] for letter, a in zip("ITL", (X, T, L), strict=True) for end, some in ends.items()
        }
        savemat(tmp_path / "mir_cnn.mat", parts)
    corpus = load("arrays", tmp_path)
    assert (corpus.features["image"] == X).all()
    for part, some in zip(("train", "query", "database"), rows.values(), strict=True):
        assert corpus.rows(getattr(corpus.split, part)).tolist() == [*range(30)][some]


def test_regions_of_scan_are_averaged(tmp_path, caplog):
    caplog.set_level("INFO")
    for part, n in (("train", 4), ("dev", 2), ("test", 3)):
        np.save(tmp_path / f"{part}_ims.npy", np.full((n, 36, 8), n, np.float32))
        (tmp_path / f"{part}_caps.txt").write_text("a dog\n" * 5 * n)
    corpus = load("arrays", tmp_path)
    assert corpus.features["image"].shape == (9, 8)
    assert len(corpus.texts[0]) == 5
    assert "regions=mean" in caplog.text


@pytest.mark.parametrize("name", ["train_img_feats.pkl", "retrieval.pkl"])
def test_pickles_of_packs_are_refused_with_how_to_convert_them(tmp_path, name):
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(
        InputError, match=rf"{name} is a pickle, which can run any code and is never read; if you trust"
    ):
        load("arrays", tmp_path)
    assert not (tmp_path / "hacked").exists()


def test_other_files_are_no_pack(tmp_path):
    savemat(tmp_path / "x.mat", {"A": X, "B": T})
    with pytest.raises(InputError, match=r"image= and text= say which arrays to read; .* holds x.mat"):
        load("arrays", tmp_path)


def test_of_several_packs_none_is_taken_unasked(tmp_path):
    for name in ("a.mat", "b.mat"):
        savemat(tmp_path / name, {"XAll": X, "YAll": T, "LAll": L})
    with pytest.raises(InputError, match=r"holds 2 packs of features; choose one: file=a.mat or file=b.mat"):
        load("arrays", tmp_path)
    assert len(load("arrays", tmp_path, file="b.mat")) == 30


def test_of_several_packs_in_many_files_each_is_shown_with_its_arrays(tmp_path):
    ucch(tmp_path)
    ucch_shuffled(tmp_path)
    with pytest.raises(
        InputError, match=r"holds 2 packs of features; choose one: arrays\(image=.*\) or arrays\("
    ) as held:
        load("arrays", tmp_path)
    assert "image=mirflickr25k-iall-vgg-rand.mat:XAll, text=mirflickr25k-yall-rand.mat:YAll" in str(held.value)


def test_sentences_of_a_pack_without_validation(tmp_path):
    for part, n in (("train", 4), ("test", 3)):
        np.save(tmp_path / f"{part}_ims.npy", np.arange(n * 2.0).reshape(n, 2))
        (tmp_path / f"{part}_caps.txt").write_text("a dog\n" * 5 * n)
    split = load("arrays", tmp_path).split
    assert [len(split.train), len(split.query), len(split.validation)] == [4, 3, 0]
