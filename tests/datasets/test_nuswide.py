"""NUS-WIDE and IAPR TC-12: the official lists and the MATLAB files, faked."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from crossbit.datasets import load
from crossbit.errors import InputError

N = 120
OPTIONS = {"concepts": 10, "query": 20, "train": 30}


@pytest.fixture
def nuswide(tmp_path):
    """12 concepts, of which `a` and `b` are the rarest; the last pair has no common one, the first no tag."""
    rng = np.random.default_rng(0)
    labels = rng.random((N, 12)) < 0.4
    labels[:, :2] = False
    labels[-1] = [True, True] + [False] * 10
    tags = rng.random((N, 1000)) < 0.02
    tags[0] = False
    for folder in ("ImageList", "Groundtruth/AllLabels", "NUS_WID_Tags"):
        (tmp_path / folder).mkdir(parents=True)
    for name, column in zip("abcdefghijkl", labels.T, strict=True):
        text = "".join(f"{flag:d}\n" for flag in column)
        (tmp_path / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt").write_text(text)
    (tmp_path / "ImageList" / "Imagelist.txt").write_text("".join(f"actor\\{n:04d}_7.jpg\r\n" for n in range(N)))
    (tmp_path / "NUS_WID_Tags" / "TagList1k.txt").write_text("".join(f"tag{n}\n" for n in range(1000)))
    (tmp_path / "NUS_WID_Tags" / "AllTags1k.txt").write_text(
        "".join("\t".join(f"{flag:d}" for flag in row) + "\t\n" for row in tags)
    )
    return tmp_path, labels, tags


def test_the_commonest_concepts_make_the_classes(nuswide):
    folder, labels, tags = nuswide
    corpus = load("nuswide", folder, **OPTIONS)
    rows = np.flatnonzero(labels[:, 2:].any(axis=1))
    assert corpus.classes == tuple("cdefghijkl")
    assert (corpus.labels == labels[rows, 2:]).all()
    assert corpus.ids == tuple(f"actor/{row:04d}_7" for row in rows)
    assert (corpus.features["text"].toarray() == tags[rows]).all()
    assert corpus.texts[5] == (" ".join(f"tag{tag}" for tag in np.flatnonzero(tags[rows[5]])),)
    assert corpus.images is None
    assert [len(p) for p in (corpus.split.query, corpus.split.train)] == [20, 30]
    assert {*corpus.split.train} < {*corpus.split.database}
    assert len(load("nuswide", folder, tagged=True, **OPTIONS)) == len(corpus) - 1


def test_absent_pictures_are_left_out(nuswide, caplog):
    folder = nuswide[0]
    (folder / "Flickr" / "actor").mkdir(parents=True)
    for n in range(100):
        (folder / "Flickr" / "actor" / f"{n:04d}_7.jpg").touch()
    corpus = load("nuswide", folder, **OPTIONS)
    assert corpus.images[0] == folder / "Flickr" / "actor" / "0000_7.jpg"
    assert "20 of 120 pictures are not in" in caplog.text
    assert corpus.ids[-1] <= "actor/0099_7"


def test_each_variant_has_its_own_split(nuswide):
    folder = nuswide[0]
    with pytest.raises(InputError, match="class-balanced, class 0': 200 query items are wanted"):
        load("nuswide", folder, concepts=10)
    for name in range(69):
        (folder / "Groundtruth" / "AllLabels" / f"Labels_more{name}.txt").write_text("0\n" * N)
    with pytest.raises(InputError, match="class-balanced, class 0': 100 query items are wanted"):
        load("nuswide", folder)
    with pytest.raises(InputError, match=r"'random': 5000 query \+ 10000 train items are wanted"):
        load("nuswide", folder, concepts=81)
    assert load("nuswide", folder, concepts=81, query=20, train=30).split.name == "random"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Groundtruth/AllLabels/Labels_c.txt", "0\n1\n", "Labels_c.txt has 2 lines, but there are 120 items"),
        (
            "Groundtruth/AllLabels/Labels_c.txt",
            "0\n-1\n" * 60,
            "line 2 must be 1 numbers 0 or 1, not '-1'",
        ),
        ("NUS_WID_Tags/AllTags1k.txt", "0 1\n", "AllTags1k.txt: line 1 must be 1000 numbers 0 or 1, not '0 1'"),
        ("NUS_WID_Tags/AllTags1k.txt", "0 " * 1000 + "\n", "AllTags1k.txt has 1 lines, but there are 120 items"),
        ("NUS_WID_Tags/AllTags1k.txt", "", "AllTags1k.txt has 0 lines, but there are 120 items"),
        ("NUS_WID_Tags/TagList1k.txt", "sky\n", "TagList1k.txt has 1 lines, but there are 1000 items"),
    ],
)
def test_damaged_lists_are_refused(nuswide, name, content, message):
    (nuswide[0] / name).write_text(content)
    with pytest.raises(InputError, match=message):
        load("nuswide", nuswide[0], **OPTIONS)


def test_too_few_concepts_are_refused(nuswide):
    with pytest.raises(InputError, match=r"holds 12 files Labels_<concept>.txt, but 21 concepts are wanted"):
        load("nuswide", nuswide[0])
    with pytest.raises(InputError, match="concepts is 11, but must be one of 10, 21, 81"):
        load("nuswide", nuswide[0], concepts=11)


def test_the_matlab_release(tmp_path):
    labels = np.random.default_rng(0).random((N, 10)) < 0.4
    tags = np.random.default_rng(1).random((N, 1000)) < 0.02
    with h5py.File(tmp_path / "nus-wide-tc10-lall.mat", "w") as file:
        file["LAll"] = labels.T.astype(float)
    with pytest.raises(InputError, match=r"nus-wide-tc10-yall.mat is not in"):
        load("nuswide", tmp_path, **OPTIONS)
    savemat(tmp_path / "nus-wide-tc10-yall.mat", {"YAll": tags.astype(np.uint8)})
    corpus = load("nuswide", tmp_path, **OPTIONS)
    assert (corpus.labels == labels).all()
    assert (corpus.features["text"].toarray() == tags).all()
    assert corpus.ids[0] == "000000"


def test_the_features_and_the_one_file_of_nus_wide(tmp_path):
    rng = np.random.default_rng(0)
    labels, tags, vgg = rng.integers(0, 2, (60, 10)), rng.integers(0, 2, (60, 1000)), rng.random((60, 8))
    labels[:, 0] = 1
    (tmp_path / "ucch").mkdir()
    for name, key, value in (("xall-vgg", "XAll", vgg), ("yall", "YAll", tags), ("lall", "LAll", labels)):
        savemat(tmp_path / "ucch" / f"nus-wide-tc10-{name}.mat", {key: value})
    (tmp_path / "one").mkdir()
    with h5py.File(tmp_path / "one" / "NUS-WIDE-TC10.mat", "w") as file:
        file["text"], file["label"], file["image"] = tags.T, labels.T, vgg.T
    for folder in ("ucch", "one"):
        corpus = load("nuswide", tmp_path / folder, concepts=10, query=10, train=20)
        assert (corpus.labels == labels).all()
        assert (corpus.features["text"].toarray() == tags).all()
        assert (corpus.features["image"] == vgg).all()


def iapr(folder):
    rng = np.random.default_rng(0)
    labels, words = rng.integers(0, 2, (6, 255)), rng.integers(0, 2, (6, 2912))
    savemat(folder / "labelList.mat", {"labels": labels})
    savemat(folder / "tagList.mat", {"tags": words})
    savemat(folder / "imgList.mat", {"imgs": np.array([[f"0{n}/{n}.jpg"] for n in range(6)], object)})
    return labels, words


def test_the_matlab_lists_of_iapr(tmp_path):
    labels, words = iapr(tmp_path)
    corpus = load("iaprtc12", tmp_path, query=2, train=3)
    assert (corpus.labels == labels).all()
    assert (corpus.features["text"].toarray() == words).all()
    assert corpus.ids[1] == "01/1"
    assert corpus.images is None
    assert [len(p) for p in (corpus.split.query, corpus.split.train, corpus.split.database)] == [2, 3, 4]
    (tmp_path / "images").mkdir()
    assert load("iaprtc12", tmp_path, query=2, train=3).images[1] == tmp_path / "images" / "01" / "1.jpg"
    savemat(tmp_path / "labelList.mat", {"labels": labels[:, :-1]})
    with pytest.raises(InputError, match=r"labels must have 255 columns, but its shape is \(6, 254\)"):
        load("iaprtc12", tmp_path)


@pytest.mark.parametrize("said", [True, False])
def test_names_in_a_file_of_version_73(tmp_path, said):
    iapr(tmp_path)
    with h5py.File(tmp_path / "imgList.mat", "w") as file:
        refs, names = file.create_group("#refs#"), file.create_dataset("imgs", (1, 6), dtype=h5py.ref_dtype)
        for n in range(6):
            refs[f"r{n}"] = np.array([[ord(letter)] for letter in f"0{n}/é{n}.jpg"], np.uint16)
            if said:
                refs[f"r{n}"].attrs["MATLAB_class"] = np.bytes_("char")
            names[0, n] = refs[f"r{n}"].ref
    assert load("iaprtc12", tmp_path, query=2, train=3).ids[1] == "01/é1"


def test_features_of_iapr(tmp_path):
    iapr(tmp_path)
    vgg = np.random.default_rng(1).random((6, 8))
    np.save(tmp_path / "features.npy", vgg)
    assert (load("iaprtc12", tmp_path, query=2, train=3).features["image"] == vgg).all()


def test_the_one_file_of_iapr(tmp_path):
    rng = np.random.default_rng(1)
    image, words, labels = rng.random((6, 8)), rng.integers(0, 2, (6, 2912)), rng.integers(0, 2, (6, 255))
    parts = {"VDatabase": image[:4], "VTest": image[4:], "YDatabase": words[:4], "YTest": words[4:]}
    savemat(tmp_path / "iapr-tc12-rand.mat", {**parts, "databaseL": labels[:4], "testL": labels[4:]})
    corpus = load("iaprtc12", tmp_path, query=2, train=3)
    assert (corpus.features["image"] == image).all()
    assert (corpus.features["text"].toarray() == words).all()
    assert (corpus.labels == labels).all()


def test_the_descriptions_of_iapr(tmp_path, caplog):
    for n in range(5):
        for folder, name in (("images", f"{n}.jpg"), ("annotations_complete_eng", f"{n}.eng")):
            (tmp_path / folder / "00").mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / "00" / name).write_text(
                f"<DOC>\n<TITLE>Caf\xe9</TITLE>\n<DESCRIPTION>a caf\xe9 {n};\n a tree;</DESCRIPTION>\n</DOC>",
                "latin-1",
            )
    (tmp_path / "images" / "00" / "4.jpg").unlink()
    corpus = load("iaprtc12", tmp_path, query=1)
    assert corpus.ids == ("00/0", "00/1", "00/2", "00/3")
    assert corpus.texts[1] == ("a caf\xe9 1; a tree;",)
    assert corpus.split.instance
    assert "1 of 5 pictures are not in" in caplog.text
    (tmp_path / "annotations_complete_eng" / "00" / "0.eng").write_text("nothing")
    with pytest.raises(InputError, match=r"0.eng holds no text between <DESCRIPTION>"):
        load("iaprtc12", tmp_path, query=1)
