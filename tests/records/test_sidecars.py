"""Files beside pictures: which are read, which are named, and what wins."""

import json
import unicodedata

import pytest

from crossbit.errors import InputError
from crossbit.records.read import read
from crossbit.records.record import ReadOptions


def write(folder, **contents):
    for name, content in contents.items():
        stem, _, ending = name.rpartition("_")
        path = folder / f"{stem}.{ending}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def unread(records):
    return {each.name: (each.kind, each.reason) for each in records.report.unread}


def test_a_text_beside_a_picture_is_its_text(pictures, accounted):
    folder = pictures("1.jpg", "2.jpg", "sea/1.png", "3.jpg")
    write(folder, **{"1_txt": "a thing 1\n", "2_TXT": "\ufefftwo\r\nlines\n", "sea/1_txt": "a boat", "9_txt": "alone"})
    records = read(folder)
    assert [(record.key, record.texts) for record in records.records] == [
        ("1.jpg", ("a thing 1",)),
        ("2.jpg", ("two\r\nlines",)),
        ("3.jpg", ()),
        ("sea/1.png", ("a boat",)),
    ]
    assert records.report.taken == [
        "4 pictures, 3 with a .txt beside them",
        "1 .txt has several lines, which are one text each",
    ]
    assert accounted(records, folder, used=["1.txt", "2.TXT", "sea/1.txt"]) == {
        "texts without a picture of their name": 1
    }


def test_an_object_beside_a_picture_is_read_as_a_row(pictures, accounted):
    folder = pictures("1.jpg", "2.jpg", "3.jpg")
    facts = {"caption": "from json", "url": "https://example.org/1", "width": 8, "image": "elsewhere.jpg"}
    write(folder, **{"1_json": json.dumps(facts), "2_json": '{"caption": "only json"}', "1_txt": "from txt"})
    write(folder, **{"gone_json": '{"status": "failed_to_download"}'})
    records = read(folder)
    assert [record.texts for record in records.records] == [("from txt",), ("only json",), ()]
    assert records[0].metadata == {"url": "https://example.org/1", "width": 8}
    assert "3 pictures, 1 with a .txt beside it, 2 with a .json beside them" in records.report.taken
    assert accounted(records, folder, used=["1.json", "2.json", "1.txt"]) == {"JSON without a picture of their name": 1}


def test_an_id_in_an_object_is_the_key_unless_two_pictures_share_it(pictures):
    folder = pictures("1.jpg", "2.jpg", "2.png")
    write(folder, **{"1_json": '{"id": "one"}', "2_json": '{"id": "two", "text": "x"}'})
    assert [(record.key, record.texts) for record in read(folder).records] == [
        ("one", ()),
        ("2.jpg", ("x",)),
        ("2.png", ("x",)),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("1_txt", b"caf\xe9", "not UTF-8; convert them, e.g. with iconv"),
        ("1_txt", b" \n", "empty"),
        ("1_txt", b"x" * ((1 << 22) + 1), "over 4 MiB"),
        ("1_json", b"{", "not JSON in UTF-8"),
        ("1_json", b"[" * 100_000, "not JSON in UTF-8"),
        ("1_json", b'{"a": "\xff"}', "not JSON in UTF-8"),
        ("1_json", b"[1]", "not an object"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_picture_stays(pictures, name, content, reason):
    folder = pictures("1.jpg")
    write(folder, **{name: content})
    records = read(folder)
    assert [record.key for record in records.records] == ["1.jpg"]
    assert records[0].texts == ()
    kind = "texts" if name == "1_txt" else "JSON"
    assert unread(records) == {name.replace("_", "."): (kind, reason)}
    assert records.report.taken == ["1 picture"]


def test_a_text_in_utf_16_is_recognised(pictures):
    folder = pictures("1.jpg")
    write(folder, **{"1_txt": "été".encode("utf-16")})
    assert read(folder)[0].texts == ("été",)


def test_globs_of_pictures_leave_their_texts_with_them(pictures):
    folder = pictures("1.jpg", "2.png")
    write(folder, **{"1_txt": "one", "2_txt": "two"})
    records = read(folder, ReadOptions(include=("*.jpg",)))
    assert [record.texts for record in records.records] == [("one",)]
    assert unread(records) == {"2.png": ("excluded", ""), "2.txt": ("texts without a picture of their name", "")}


def test_options_name_columns_of_objects_or_are_refused(pictures):
    folder = pictures("1.jpg", "2.jpg")
    write(folder, **{"1_txt": "from txt", "2_txt": "from txt", "1_json": '{"kind": "sea", "alt": "from json"}'})
    records = read(folder, ReadOptions(text="alt", labels="kind"))
    assert [(record.texts, record.labels) for record in records.records] == [
        (("from json",), ("sea",)),
        (("from txt",), ()),
    ]
    assert records.classes == ("sea",)
    (folder / "1.json").unlink()
    with pytest.raises(InputError, match=r"text=alt and labels=kind: there is no list and no .json beside a picture"):
        read(folder, ReadOptions(text="alt", labels="kind", id="-"))


def test_a_text_in_another_normal_form_is_beside_its_picture(pictures):
    composed, decomposed = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))
    folder = pictures(f"{decomposed}.jpg")
    write(folder, **{f"{composed}_txt": "summer"})
    assert [(record.key, record.texts) for record in read(folder).records] == [(f"{decomposed}.jpg", ("summer",))]
