"""Flickr8k, Flickr30k and COCO: every format their captions come in, faked and real."""

import json

import pytest

from crossbit.datasets import load
from crossbit.errors import InputError

NAMES = [f"{n:03d}_x.jpg" for n in range(10)]
PARTS = ["train"] * 5 + ["restval"] * 2 + ["val"] + ["test"] * 2


def pictures(folder, names=NAMES):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def sentences(name):
    return [f'{name} {n}, said "so"' for n in range(5)]


def karpathy(path, **extra):
    images = [
        {"filename": name, "split": part, "sentences": [{"raw": said} for said in sentences(name)], **extra}
        for name, part in zip(NAMES, PARTS, strict=True)
    ]
    path.write_text(json.dumps({"images": images, "dataset": "fake"}))


def tokens(path):
    path.write_text("".join(f"{name}#{n}\t{said}\n" for name in NAMES for n, said in enumerate(sentences(name))))


def check_captions(corpus):
    assert corpus.ids == tuple(name[:-4] for name in NAMES)
    assert [image.name for image in corpus.images] == NAMES
    assert all(image.is_file() for image in corpus.images)
    assert corpus.texts[3] == tuple(sentences(NAMES[3]))
    assert corpus.labels is None
    assert corpus.split.instance
    assert corpus.split.query == corpus.split.database


@pytest.mark.parametrize("name", ["flickr8k", "flickr30k"])
def test_karpathys_json_brings_the_split(name, tmp_path):
    pictures(tmp_path / "images")
    karpathy(tmp_path / f"dataset_{name}.json")
    corpus = load(name, tmp_path)
    check_captions(corpus)
    assert corpus.split.train == corpus.ids[:7]
    assert corpus.split.validation == corpus.ids[7:8]
    assert corpus.split.query == corpus.ids[8:]


def test_flickr8k_in_a_table(tmp_path):
    pictures(tmp_path / "images")
    quoted = [f'{name},"{said.replace(chr(34), chr(34) * 2)}"\n' for name in NAMES for said in sentences(name)]
    (tmp_path / "captions.txt").write_text("image,caption\n" + "".join(quoted))
    corpus = load("flickr8k", tmp_path)
    check_captions(corpus)
    assert [len(p) for p in (corpus.split.train, corpus.split.validation, corpus.split.query)] == [8, 1, 1]
    assert corpus.split == load("flickr8k", tmp_path).split
    assert corpus.split != load("flickr8k", tmp_path, seed=1).split


def test_flickr8k_in_its_official_files(tmp_path):
    pictures(tmp_path / "Flicker8k_Dataset")
    tokens(tmp_path / "Flickr8k.token.txt")
    check_captions(load("flickr8k", tmp_path))
    for part, names in (("train", NAMES[:6]), ("dev", NAMES[6:7]), ("test", NAMES[7:9])):
        (tmp_path / f"Flickr_8k.{part}Images.txt").write_text("".join(f"{name}\n" for name in names))
    corpus = load("flickr8k", tmp_path)
    assert corpus.ids[-1] == "008_x"
    assert corpus.split.query == ("007_x", "008_x")
    assert corpus.split.validation == ("006_x",)


def test_flickr30k_in_its_official_file_and_in_a_table(tmp_path):
    pictures(tmp_path / "flickr30k-images")
    (tmp_path / "results.csv").write_text(
        "image_name| comment_number| comment\n"
        + "".join(f"{name}| {n}| {said}\n" for name in NAMES for n, said in enumerate(sentences(name)))
    )
    check_captions(load("flickr30k", tmp_path))
    tokens(tmp_path / "results_20130124.token")
    check_captions(load("flickr30k", tmp_path))


def test_captions_without_their_picture_are_counted_or_refused(tmp_path, caplog):
    pictures(tmp_path / "images", NAMES[:9])
    karpathy(tmp_path / "dataset_flickr8k.json")
    assert len(load("flickr8k", tmp_path)) == 9
    assert f"1 of 10 captioned pictures are not in {tmp_path / 'images'}: 009_x.jpg; left out" in caplog.text
    with pytest.raises(InputError, match="1 of 10 captioned pictures are not in"):
        load("flickr8k", tmp_path, missing="fail")
    with pytest.raises(InputError, match="missing is 'ignore', but must be one of 'skip', 'fail'"):
        load("flickr8k", tmp_path, missing="ignore")
    for name in NAMES[:9]:
        (tmp_path / "images" / name).unlink()
    with pytest.raises(InputError, match="10 of 10 captioned pictures"):
        load("flickr8k", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dataset_flickr8k.json", b'{"images": [{"filename": "a.jpg"}]}', "not in Karpathy's format: KeyError"),
        ("dataset_flickr8k.json", b"[1]", "not in Karpathy's format: TypeError"),
        ("dataset_flickr8k.json", b"{", "is not JSON"),
        ("dataset_flickr8k.json", b"[" * 100_000, "is not JSON"),
        ("captions.txt", b"image,caption\na.jpg,caf\xe9\n", r"captions.txt: line 2 is not UTF-8 \(byte 0xe9\)"),
        ("captions.txt", b"image,caption\na.jpg\n", r"line 2 must be a picture and a caption, .* not \['a.jpg'\]"),
        ("captions.txt", b"image,caption\na.jpg,b, c\n", "line 2 must be .* in quotes if it holds a comma"),
        ("captions.txt", b'image,caption\na.jpg,"b\n', "line 2: the quote before .* is never closed"),
        ("captions.txt", b"image,caption\n../a.jpg,b\n", "'../a.jpg' leads out of"),
        (
            "Flickr8k.token.txt",
            b"a.jpg a dog\n",
            "line 1 must be picture.jpg#0, a tab and a caption, not",
        ),
    ],
)
def test_damaged_captions_are_refused(tmp_path, name, content, message):
    pictures(tmp_path / "images")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load("flickr8k", tmp_path)


def coco_files(folder, part, numbers, extra=()):
    """Write the official files of one part: picture n has the objects n % 3 and, if even, the last class."""
    images = [{"id": n, "file_name": f"{n:012d}.jpg"} for n in numbers]
    said = [{"image_id": n, "id": 10 * n + k, "caption": f" {n} {k}.\n"} for k in range(5) for n in numbers]
    folder.mkdir(parents=True, exist_ok=True)
    captions = {"images": images, "annotations": [*said, *extra]}
    (folder / f"captions_{part}2017.json").write_text(json.dumps(captions))
    objects = [{"image_id": n, "category_id": (1, 5, 90)[n % 3]} for n in numbers if n != 4]
    objects += [{"image_id": n, "category_id": 90} for n in numbers if n % 2 == 0 and n != 4]
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 5, "name": "airplane"}]
    instances = {"images": images, "annotations": objects, "categories": categories}
    (folder / f"instances_{part}2017.json").write_text(json.dumps(instances))


@pytest.fixture
def coco(tmp_path):
    sixth = {"image_id": 1, "id": 999, "caption": "the sixth"}
    coco_files(tmp_path / "annotations", "train", range(1, 7), [sixth])
    coco_files(tmp_path / "annotations", "val", range(7, 10))
    pictures(tmp_path / "train2017", [f"{n:012d}.jpg" for n in range(1, 7)])
    pictures(tmp_path / "val2017", [f"{n:012d}.jpg" for n in range(7, 10)])
    return tmp_path


def test_the_official_files_of_coco(coco):
    corpus = load("coco", coco)
    assert corpus.ids == tuple("123456789")
    assert corpus.texts[0] == ("1 0.", "1 1.", "1 2.", "1 3.", "1 4.", "the sixth")
    assert len(corpus.texts[1]) == 5
    assert corpus.classes == ("person", "airplane", "toothbrush")
    assert corpus.labels.astype(int).tolist()[:4] == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert (corpus.split.train, corpus.split.query) == (tuple("123456"), tuple("789"))
    assert corpus.split.instance


def test_coco_by_label_leaves_out_pictures_without_objects(coco):
    corpus = load("coco", coco, task="labels", query=2, train=3)
    assert "4" not in corpus.ids
    assert len(corpus) == 8
    assert not corpus.split.instance
    assert [len(p) for p in (corpus.split.query, corpus.split.train, corpus.split.database)] == [2, 3, 6]
    assert corpus.labels.any(axis=1).all()


def test_one_official_file_of_coco_is_split_by_drawing(coco):
    (coco / "annotations" / "captions_val2017.json").unlink()
    with pytest.raises(InputError, match="query part is empty"):
        load("coco", coco)
    coco_files(coco / "annotations", "val", range(1, 30))
    (coco / "annotations" / "captions_train2017.json").unlink()
    pictures(coco / "val2017", [f"{n:012d}.jpg" for n in range(1, 30)])
    split = load("coco", coco).split
    assert [len(p) for p in (split.train, split.validation, split.query)] == [25, 2, 2]


def test_coco_without_all_object_annotations(coco, caplog):
    (coco / "annotations" / "instances_val2017.json").unlink()
    assert load("coco", coco).labels is None
    assert load("coco", coco, task="labels", query=2, train=3).ids == tuple("12356")
    assert "4 of 9 pictures have no class in any instances_*.json: train2017/000000000004.jpg" in caplog.text
    (coco / "annotations" / "instances_train2017.json").unlink()
    with pytest.raises(InputError, match="9 of 9 pictures have no class in any"):
        load("coco", coco, task="labels", query=2, train=3)


def test_karpathys_json_of_coco(coco):
    images = [
        {
            "filename": f"{n:012d}.jpg",
            "filepath": "train2017" if n < 7 else "val2017",
            "cocoid": n,
            "split": PARTS[n],
            "sentences": [{"raw": f"{n}"}],
        }
        for n in range(1, 10)
    ]
    (coco / "dataset_coco.json").write_text(json.dumps({"images": images}))
    corpus = load("coco", coco)
    assert corpus.ids == tuple("123456789")
    assert corpus.split.train == tuple("123456")
    assert corpus.labels.shape == (9, 3)
    assert load("coco", coco, restval=False).split.train == tuple("1234")
    assert load("coco", coco, annotations="official").texts[0][-1] == "the sixth"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions_val2017.json", '{"images": []}', "annotations must be a list of records with id, image_id, caption"),
        ("captions_val2017.json", "[]", "images must be a list of records with id, file_name"),
        ("captions_val2017.json", '{"images": [{"id": 1}]}', "images must be a list of records with id, file_name"),
        (
            "captions_val2017.json",
            '{"images": [{"id": 50, "file_name": "/etc/x"}], "annotations": []}',
            "is an absolute path",
        ),
        ("captions_val2017.json", '{"images": [{"id": [], "file_name": "x"}]}', "images must be a list of records"),
        ("instances_val2017.json", '{"images": [], "categories": 3}', "categories must be a list"),
        (
            "instances_val2017.json",
            '{"images": [], "categories": [], "annotations": [{"image_id": 7, "category_id": 3}]}',
            r"objects belong to categories \[3\], which no file names",
        ),
    ],
)
def test_damaged_files_of_coco_are_refused(coco, name, content, message):
    (coco / "annotations" / name).write_text(content)
    with pytest.raises(InputError, match=message):
        load("coco", coco)


@pytest.mark.data
def test_the_real_flickr8k(data_dir):
    corpus = load("flickr8k", data_dir)
    assert len(corpus) == 1000
    assert (corpus.ids[0], corpus.ids[-1]) == ("1000268201_693b08cb0e", "2098418613_85a0c9afea")
    assert corpus.texts[0][1] == "A girl going into a wooden building ."
    assert {len(said) for said in corpus.texts} == {5}
    assert [len(p) for p in (corpus.split.train, corpus.split.validation, corpus.split.query)] == [800, 100, 100]
    assert corpus.split.sha256 == "4a804936e37cc3a868443d1f37c6685b75bdaa9143269e70825fed4c3bdc8df3"


@pytest.mark.data
def test_the_real_part_of_coco(data_dir, caplog):
    corpus = load("coco", data_dir)
    assert len(corpus) == 239
    assert "4841 of 5080 captioned pictures are not in" in caplog.text
    assert [len(p) for p in (corpus.split.train, corpus.split.query)] == [80, 159]
    assert sum(map(len, corpus.texts)) == 239 * 5
    assert corpus.labels is None
    assert corpus.split.sha256 == "f09f512bfdf974d1a86bcf04add74b12f495f6b2421c25062633eb2f3a12d81a"
    assert (corpus.ids[0], corpus.ids[-1]) == ("493652", "394940")
    labelled = load("coco", data_dir, task="labels", query=30, train=50)
    assert "80 of 239 pictures have no class in any" in caplog.text
    assert labelled.labels.shape == (159, 80)
    assert labelled.classes[:2] == ("person", "bicycle")


def test_results_of_flickr30k_may_hold_bars_and_lack_one(tmp_path):
    pictures(tmp_path / "images")
    said = [f"{name}| {n}| caption {n} ." for name in NAMES for n in range(5)]
    said[4] = f"{NAMES[0]}| 4   a dog on a lawn ."
    said[5] = f"{NAMES[1]}| 0| left | right ."
    said[6] = f'{NAMES[1]}| 1| "hello" , she says'
    (tmp_path / "results.csv").write_text("\n".join(["image_name| comment_number| comment", *said]))
    texts = load("flickr30k", tmp_path).texts
    assert texts[0][3:] == ("caption 3 .", "a dog on a lawn .")
    assert texts[1][:2] == ("left | right .", '"hello" , she says')
    (tmp_path / "results.csv").write_text("image_name| comment_number| comment\nno bar here\n")
    with pytest.raises(InputError, match=r"line 2 must be picture.jpg. number. sentence, not 'no bar here'"):
        load("flickr30k", tmp_path)
