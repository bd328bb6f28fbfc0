"""MIRFLICKR-25K: the lists with pictures or features, the MATLAB release, faked and real."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csr_array

from crossbit.datasets import load
from crossbit.errors import InputError
from crossbit.io.arrays import stored

SIZES = {"query": 2, "train": 2}
LABELS = np.random.default_rng(0).integers(0, 2, (6, 24))
NUMBERS = (1, 2, 5, 6, 9, 10)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "all_imgs.txt").write_text("".join(f"mirflickr/im{n}.jpg\n" for n in NUMBERS))
    (tmp_path / "all_tags.txt").write_text("sea,sky\nsky\nnikon,sea,sea\nsky\nrare,nikon\nsky\n", encoding="utf-8")
    (tmp_path / "all_labels.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in LABELS))
    (tmp_path / "TagList.txt").write_text("sky\nnikon\nsea\n")
    return tmp_path


@pytest.fixture
def features(folder):
    image = np.random.default_rng(1).random((5, 4)).astype(np.float16)
    np.savez(folder / "mobilenet_features_15677.npz", image_feature=image, ids=np.array([1, 2, 5, 6, 9]))
    return image


@pytest.fixture
def pictures(folder):
    (folder / "images128").mkdir()
    for number in (1, 2, 5, 6, 9, 10):
        (folder / "images128" / f"im{number}.jpg").touch()
    return folder / "images128"


def test_features_say_which_pairs_there_are(folder, features):
    corpus = load("mirflickr25k", folder, **SIZES)
    assert corpus.ids == ("im1", "im2", "im5", "im6", "im9")
    assert (corpus.features["image"] == features).all()
    assert corpus.features["image"].dtype == np.float32
    assert corpus.features["text"].toarray().tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 1, 0]]
    assert corpus.texts[0] == ("sea sky",)
    assert corpus.images is None
    assert (corpus.labels == LABELS[:5]).all()
    order = np.random.RandomState(0).permutation(5)
    assert corpus.split.query == tuple(corpus.ids[row] for row in order[:2])
    assert corpus.split.train == corpus.split.database[:2]


def test_pictures_alone_are_enough(folder, pictures):
    corpus = load("mirflickr25k", folder, **SIZES)
    assert len(corpus) == 6
    assert corpus.images[4] == pictures / "im9.jpg"
    assert set(corpus.features) == {"text"}


def test_features_can_be_left_aside(folder, features, pictures):
    assert load("mirflickr25k", folder, **SIZES).images[0] == pictures / "im1.jpg"
    assert len(load("mirflickr25k", folder, precomputed=False, **SIZES)) == 6


def test_absent_pictures_are_counted_and_left_out(folder, pictures, caplog):
    (pictures / "im2.jpg").unlink()
    corpus = load("mirflickr25k", folder, **SIZES)
    assert corpus.ids == ("im1", "im5", "im6", "im9", "im10")
    assert "1 of 6 pictures are not in" in caplog.text
    assert "im2; left out" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("all_tags.txt", b"sky\n", "all_tags.txt has 1 lines, but there are 6 items"),
        ("all_tags.txt", b"sky\n\xff\n", r"all_tags.txt: line 2 is not UTF-8 \(byte 0xff\)"),
        ("all_labels.txt", b"0 1\n" * 6, "line 1 must be 24 numbers 0 or 1, not '0 1'"),
        ("all_labels.txt", b"2" + b" 0" * 23 + b"\n" * 6, "line 1 must be 24 numbers 0 or 1"),
        ("mobilenet_features_15677.npz", b"PK", "cannot be read as .npz"),
    ],
)
def test_damaged_lists_are_refused(folder, features, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load("mirflickr25k", folder, **SIZES)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image_feature": np.ones((2, 3)), "ids": np.array([1, 3])}, "1 ids that all_imgs.txt does not list"),
        ({"image_feature": np.ones((3, 3)), "ids": np.array([1, 2])}, "3 rows, 2 ids"),
        ({"image_feature": np.full((2, 3), np.inf), "ids": np.array([1, 2])}, "2 of 2 rows hold NaN or infinity"),
        ({"image_feature": np.array([["a"], ["b"]]), "ids": np.array([1, 2])}, "must be numbers, but its type is <U1"),
        (
            {"image_feature": np.array([None, {}]), "ids": np.array([1, 2])},
            r"holds image_feature \(2,\), ids \(2,\), and image features are one matrix",
        ),
    ],
)
def test_damaged_features_are_refused(folder, arrays, message):
    np.savez(folder / "mobilenet_features_15677.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load("mirflickr25k", folder, **SIZES)


@pytest.fixture
def release(tmp_path):
    """The files of DCMH's release: tags sparse, labels transposed in version 7.3, pictures stacked."""
    tags = np.random.default_rng(2).integers(0, 2, (6, 1386))
    savemat(tmp_path / "mirflickr25k-yall.mat", {"YAll": csr_array(tags.astype(float))})
    with h5py.File(tmp_path / "mirflickr25k-lall.mat", "w") as file:
        file["LAll"] = LABELS.T
    with h5py.File(tmp_path / "mirflickr25k-iall.mat", "w") as file:
        file["IAll"] = np.random.default_rng(3).integers(0, 256, (6, 3, 5, 4), np.uint8)
    return tmp_path, tags


def test_the_matlab_release(release):
    folder, tags = release
    corpus = load("mirflickr25k", folder, **SIZES)
    assert (corpus.labels == LABELS).all()
    assert (corpus.features["text"].toarray() == tags).all()
    with h5py.File(folder / "mirflickr25k-iall.mat") as file:
        assert (corpus.images[2] == file["IAll"][2].transpose(2, 1, 0)).all()
    assert corpus.ids[-1] == "000005"
    savemat(folder / "mirflickr25k-fall.mat", {"FAll": np.array([[f"im{n}.jpg"] for n in NUMBERS], object)})
    assert load("mirflickr25k", folder, **SIZES).ids[-1] == "im10"


def test_the_features_that_are_handed_out_beside_the_release(release):
    folder, tags = release
    vgg = np.random.default_rng(4).random((6, 8)).astype(np.float32)
    savemat(folder / "mirflickr25k-iall-vgg.mat", {"XAll": vgg})
    corpus = load("mirflickr25k", folder, **SIZES)
    assert (corpus.features["image"] == vgg).all()
    assert (corpus.features["text"].toarray() == tags).all()
    assert "image" not in load("mirflickr25k", folder, precomputed=False, **SIZES).features
    np.save(folder / "my-resnet.npy", vgg.T)
    with pytest.raises(InputError, match=r"choose features=mirflickr25k-iall-vgg.mat or features=my-resnet.npy"):
        load("mirflickr25k", folder, **SIZES)
    turned = load("mirflickr25k", folder, features="my-resnet.npy", **SIZES)
    assert (turned.features["image"] == vgg).all()
    with pytest.raises(InputError, match=r"features=absent.npy: .*absent.npy does not exist"):
        load("mirflickr25k", folder, features="absent.npy", **SIZES)


@pytest.mark.parametrize("kind", ["pixels", "features"])
def test_the_release_in_one_file(tmp_path, kind):
    tags, rng = np.random.default_rng(2).integers(0, 2, (6, 1386)), np.random.default_rng(3)
    images = rng.integers(0, 256, (6, 3, 5, 4), np.uint8) if kind == "pixels" else rng.random((4096, 6))
    with h5py.File(tmp_path / "FLICKR-25K.mat", "w") as file:
        file["YAll"], file["LAll"], file["images"] = tags.T, LABELS.T, images
    corpus = load("mirflickr25k", tmp_path, **SIZES)
    assert (corpus.labels == LABELS).all()
    assert (corpus.features["text"].toarray() == tags).all()
    if kind == "pixels":
        assert (corpus.images[2] == images[2].transpose(2, 1, 0)).all()
    else:
        assert (corpus.features["image"] == images.T).all()


def test_any_file_of_features_will_do_beside_the_lists(folder):
    image = np.random.default_rng(1).random((6, 4))
    np.save(folder / "resnet50.npy", image)
    corpus = load("mirflickr25k", folder, **SIZES)
    assert len(corpus) == 6
    assert np.allclose(corpus.features["image"], image)


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        (
            "mirflickr25k-yall.mat",
            {"YAll": np.ones((6, 1000))},
            r"must have 1386 columns, but its shape is \(6, 1000",
        ),
        ("mirflickr25k-yall.mat", {"tags": np.ones((6, 1386))}, "has no 'YAll'; it holds tags"),
        ("mirflickr25k-yall.mat", {"YAll": np.ones((5, 1386))}, "6 rows of LAll, 5 of YAll, 6 names"),
        ("mirflickr25k-iall.mat", {"IAll": np.ones((6, 3, 2, 2))}, "must be a MATLAB file of version 7.3"),
        ("mirflickr25k-fall.mat", {"FAll": np.ones((6, 1))}, "FAll must be a cell array of names"),
    ],
)
def test_a_damaged_release_is_refused(release, name, arrays, message):
    savemat(release[0] / name, arrays)
    with pytest.raises(InputError, match=message):
        load("mirflickr25k", release[0], **SIZES)


def test_pictures_of_another_shape_are_refused(release):
    with h5py.File(release[0] / "mirflickr25k-iall.mat", "w") as file:
        file["IAll"] = np.zeros((6, 5, 4), np.uint8)
    with pytest.raises(InputError, match=r"height x width x 3 x items in MATLAB, but its stored shape is \(6, 5, 4\)"):
        load("mirflickr25k", release[0], **SIZES)


@pytest.mark.parametrize("stem", ["lall", "iall"])
@pytest.mark.parametrize("link", [h5py.ExternalLink("outside.h5", "secret"), h5py.SoftLink("/secret")])
def test_links_in_a_release_are_not_followed(release, stem, link):
    folder, name = release[0], {"lall": "LAll", "iall": "IAll"}[stem]
    (folder / f"mirflickr25k-{stem}.mat").rename(folder / "outside.h5")
    with h5py.File(folder / "outside.h5", "r+") as file:
        file["secret"] = file[name]
    with h5py.File(folder / f"mirflickr25k-{stem}.mat", "w") as file:
        file[name] = link
    with pytest.raises(InputError, match=f"{name} is a link to .*, and no link is followed"):
        load("mirflickr25k", folder, **SIZES)


@pytest.mark.parametrize(("limit", "name"), [(24 * 6 * 8 - 1, "LAll")])
def test_what_unpacks_to_too_much_is_refused(release, monkeypatch, limit, name):
    monkeypatch.setattr(stored, "LARGEST", limit)
    with pytest.raises(InputError, match=f"{name} unpacks to [0-9,]+ bytes, more than the {limit:,} that are read"):
        load("mirflickr25k", release[0], **SIZES)


def test_pictures_too_large_are_refused(release):
    with h5py.File(release[0] / "mirflickr25k-iall.mat", "w") as file:
        file.create_dataset("IAll", (6, 3, 1 << 17, 1 << 17), np.uint8, chunks=(1, 1, 64, 64))
    with pytest.raises(InputError, match="a picture of IAll unpacks to 51,539,607,552 bytes, more than"):
        load("mirflickr25k", release[0], **SIZES)


@pytest.mark.data
def test_the_real_files(data_dir):
    corpus = load("mirflickr25k", data_dir)
    assert len(corpus) == 15677
    assert (corpus.ids[0], corpus.ids[-1]) == ("im1", "im19999")
    assert (corpus.texts[0], corpus.texts[-1]) == (("cigarette tattoos smoke red dress sunglasses",), ("funny",))
    assert [len(p) for p in (corpus.split.query, corpus.split.train, corpus.split.database)] == [2000, 5000, 13677]
    assert corpus.split.sha256 == "87570854125370d0c19ded408c89ea97759b545ef816097a7b32a3ceb5f4c5e2"
    assert corpus.images[0].is_file()
    archive = np.load(data_dir / "mirflickr25k" / "mobilenet_features_15677.npz")
    assert (corpus.labels == archive["labels"]).all()
    assert (corpus.features["text"].indices == archive["tags_indices"]).all()
    assert (corpus.features["text"].indptr == archive["tags_indptr"]).all()
    pictured = load("mirflickr25k", data_dir, precomputed=False)
    assert pictured.ids == corpus.ids
    assert pictured.split == corpus.split
