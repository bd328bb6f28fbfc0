"""Sources: a folder, its list, a list alone, a Parquet file with pictures, lines of JSON; every file accounted for."""

import io
import json
import random
import unicodedata
from collections import Counter

import pyarrow
import pytest
from pyarrow import parquet

from crossbit.errors import InputError
from crossbit.records.read import read
from crossbit.records.record import ReadingReport, ReadOptions
from crossbit.records.stream import stream
from helpers.phone import OTHERS, PHOTOS, RAW, phone


def by_key(records):
    return {record.key: record for record in records.records}


def test_a_folder_is_its_pictures_by_their_paths(pictures, accounted):
    folder = pictures("b.JPG", "sea/a.png", "sea/c.jfif", ".hidden/d.png")
    (folder / "notes.doc").write_text("x")
    records = read(folder)
    assert [record.key for record in records.records] == ["b.JPG", "sea/a.png", "sea/c.jfif"]
    assert records[1].image == folder / "sea" / "a.png"
    assert records.root == folder
    assert records.report.taken == ["3 pictures"]
    assert accounted(records, folder) == {"in hidden folders": 1, ".doc": 1}
    assert len(read(str(folder))) == 3


@pytest.mark.parametrize("installed", [True, False])
def test_every_file_of_a_phone_is_accounted_for(tmp_path, accounted, monkeypatch, installed):
    monkeypatch.setattr("crossbit.records.kinds._installed", lambda module: installed)
    records = read(phone(tmp_path))
    found = {record.key for record in records.records}
    assert found == ({*PHOTOS, RAW} if installed else {name for name in PHOTOS if not name.lower().endswith("heic")})
    expected = dict(Counter(OTHERS.values())) | ({} if installed else {"HEIC": 4, "RAW": 1})
    assert accounted(records, tmp_path) == expected
    if not installed:
        assert {"4 HEIC: install crossbit[photos]", "1 RAW: install crossbit[photos]"} <= {*records.report.summary()}


def test_a_list_describes_its_folder_and_other_pictures_are_items_too(pictures, accounted):
    folder = pictures("a.jpg", "sea/b.jpg", "c.jpg")
    (folder / "captions.csv").write_text("image,text,year\nsea/b.jpg,boats,2020\nsea/b.jpg,low tide,\nc.jpg,c,1\n")
    (folder / "table.csv").write_text("image,text\na.jpg,another\n")
    (folder / "c.txt").write_text("not this")
    records = read(folder)
    assert [record.key for record in records.records] == ["sea/b.jpg", "c.jpg", "a.jpg"]
    assert records[0].texts == ("boats", "low tide")
    assert records[2].texts == ()
    assert "1 picture that captions.csv does not name, without texts" in records.report.taken
    assert "3 rows are of 2 items, put together" in records.report.taken
    assert accounted(records, folder, used=["captions.csv"]) == {"lists": 1, "texts": 1}
    assert "1 list: captions.csv is read instead" in records.report.summary()
    chosen = read(folder, ReadOptions(listing="table.csv"))
    assert by_key(chosen)["a.jpg"].texts == ("another",)
    assert "1 list: table.csv is read instead" in chosen.report.summary()


@pytest.mark.parametrize("name", ["captions.tsv", "captions.jsonl", "metadata.jsonl", "metadata.csv", "table.csv"])
def test_documented_names_of_lists_are_looked_for(pictures, name):
    folder = pictures("a.jpg")
    line = {"csv": "file_name,text\na.jpg,one\n", "tsv": "file_name\ttext\na.jpg\tone\n"}
    (folder / name).write_text(line.get(name[-3:], '{"file_name": "a.jpg", "text": "one"}\n'))
    (record,) = read(folder).records
    assert (record.key, record.texts) == ("a.jpg", ("one",))


def test_a_list_of_another_name_is_named(pictures):
    folder = pictures("a.jpg")
    (folder / "mine.csv").write_text("image,text\na.jpg,one\n")
    records = read(folder)
    assert records[0].texts == ()
    assert records.report.summary() == ["1 list: give one as the source to read it"]
    assert read(folder / "mine.csv")[0].texts == ("one",)


def test_pictures_are_below_root_and_keys_below_the_source(pictures, accounted):
    folder = pictures("images/a.jpg", "images/b.jpg", "other/c.jpg")
    (folder / "captions.csv").write_text("image,text\na.jpg,one\n")
    records = read(folder, ReadOptions(root="images"))
    assert [record.key for record in records.records] == ["images/a.jpg", "images/b.jpg"]
    assert accounted(records, folder, used=["captions.csv"]) == {"not in images": 1}
    alone = read(folder / "captions.csv", ReadOptions(root="images"))
    assert [record.image for record in alone.records] == [folder / "images" / "a.jpg"]


def test_names_in_another_spelling_are_found_and_counted(pictures):
    decomposed = [unicodedata.normalize("NFD", f"été{number}.png") for number in range(12)]
    folder = pictures(*decomposed, *(f"sub/p{number}.png" for number in range(12)))
    lines = [unicodedata.normalize("NFC", name) + ",a thing" for name in decomposed]
    lines += [f"sub\\p{number}.png,a thing" for number in range(12)]
    (folder / "captions.csv").write_text("\n".join(["image,text", *lines]) + "\n", encoding="utf-8")
    records = read(folder)
    assert {record.key for record in records.records} == {*decomposed, *(f"sub/p{number}.png" for number in range(12))}
    assert all(record.texts for record in records.records)
    assert "captions.csv: 12 names are in another normal form (NFC, NFD)" in records.report.taken
    assert "captions.csv: 12 names have backslashes, taken for slashes" in records.report.taken


def test_rows_without_their_picture_are_counted_and_named_or_refused(pictures):
    folder = pictures(*(f"p{number}.png" for number in range(12)))
    rows = [*(f"p{number}.png,a thing {number}" for number in range(12)), ",no picture here", "gone.png,gone"]
    (folder / "table.csv").write_text("\n".join(["image,text", *rows]) + "\n")
    records = read(folder)
    assert len(records) == 12
    assert [(each.kind, each.name) for each in records.report.unread] == [
        ("rows without their picture", "table.csv, line 14"),
        ("rows without their picture", "table.csv, line 15: 'gone.png'"),
    ]
    with pytest.raises(InputError, match=r"2 of 14 rows of table.csv are without their picture in .*: table.csv, line"):
        read(folder, ReadOptions(missing="fail"))


def test_a_list_without_any_of_its_pictures_is_refused(pictures):
    folder = pictures("images/a.jpg")
    (folder / "captions.csv").write_text("image,text\na.jpg,one\nb.jpg,two\n")
    with pytest.raises(InputError, match=r"2 of 2 rows of captions.csv are without their picture in .*data: "):
        read(folder)


def test_a_text_alone_is_an_item_by_its_own_id(pictures):
    folder = pictures("a.jpg")
    rows = [{"id": "t", "text": "alone"}, {"image": "a.jpg", "text": "one"}, {"id": "e"}, {"text": "lost"}]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = read(folder)
    assert by_key(records).keys() == {"t", "a.jpg"}
    assert records[0].image is None
    assert records.report.summary() == ["2 rows without their picture: none is named"]


def test_texts_alone_are_items_by_their_rows(tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    records = read(tmp_path / "texts.jsonl")
    assert [(record.key, record.texts) for record in records.records] == [("0", ("one",)), ("1", ("two",))]


def test_two_pictures_of_one_id_are_refused_with_both_lines(pictures):
    folder = pictures("a.jpg", "b.jpg")
    (folder / "captions.csv").write_text("id,image,text\nx,a.jpg,one\ny,b.jpg,two\nx,b.jpg,three\n")
    with pytest.raises(InputError, match=r"captions.csv, line 2 and captions.csv, line 4 would both be the item 'x'"):
        read(folder)
    (folder / "captions.csv").write_text("id,image,text\nb.jpg,a.jpg,one\n")
    with pytest.raises(InputError, match=r"captions.csv, line 2 has the id 'b.jpg', which is the path of another"):
        read(folder)


def test_rows_of_one_picture_add_up_and_conflicts_are_counted(pictures):
    folder = pictures("a.jpg", "b.jpg")
    rows = [("a.jpg", "one", 1, "x"), ("b.jpg", "b", 1, "x"), ("./a.jpg", "two", 2, "y"), ("a.jpg", "three", 3, "x")]
    lines = [json.dumps(dict(zip(("image", "text", "year", "label"), row, strict=True))) for row in rows]
    (folder / "captions.jsonl").write_text("\n".join(lines))
    records = read(folder)
    assert records[0].texts == ("one", "two", "three")
    assert records[0].labels == ("x", "y")
    assert records[0].metadata == {"year": 1}
    assert records.classes == ("x", "y")
    assert "1 item has rows that differ in year: the first value is kept" in records.report.taken


def test_pictures_inside_parquet_are_read_on_access(pictures):
    folder = pictures("a.png", "b.png")
    data = [(folder / name).read_bytes() for name in ("a.png", "b.png")]
    rows = [{"image": {"bytes": each, "path": None}, "text": f"thing {number}"} for number, each in enumerate(data)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "table.parquet")
    records = read(folder / "table.parquet")
    assert [record.key for record in records.records] == ["0", "1"]
    assert [record.image() for record in records.records] == data
    assert records[1].texts == ("thing 1",)


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("val/1.png", "val/2.png"), ["val/1.png", "val/2.png"]),
        (("image.png", "image.png"), ["0", "1"]),
        (("1.png", None), ["0", "1"]),
        (("../1.png", "2.png"), ["0", "1"]),
    ],
)
def test_names_inside_parquet_are_keys_if_each_picture_has_its_own(pictures, names, keys):
    data = (pictures("a.png") / "a.png").read_bytes()
    path = pictures("a.png") / "t.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([{"image": {"bytes": data, "path": name}} for name in names]), path)
    assert [record.key for record in read(path).records] == keys


def test_the_same_picture_inside_a_list_twice_is_one_item(pictures):
    folder = pictures("a.png", "b.png")
    one, other = ((folder / name).read_bytes() for name in ("a.png", "b.png"))
    rows = [{"id": "x", "image": {"bytes": one, "path": None}, "text": text} for text in ("one", "two")]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "t.parquet")
    assert [record.texts for record in read(folder / "t.parquet").records] == [("one", "two")]
    rows[1]["image"]["bytes"] = other
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "t.parquet")
    with pytest.raises(InputError, match="would both be the item 'x', and are not of one picture"):
        read(folder / "t.parquet")


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "..\\a.jpg"])
def test_a_row_that_leads_out_of_the_folder_is_refused_with_its_line(pictures, name):
    folder = pictures("a.jpg")
    (folder / "captions.csv").write_text(f"image,text\na.jpg,one\n{name},x\n")
    with pytest.raises(InputError, match=r"captions.csv, line 3: .*(leads out of|is an absolute path)"):
        read(folder)


def test_globs_hold_for_rows_too_and_videos_are_counted(pictures, accounted):
    folder = pictures("a.jpg", "drafts/b.jpg", "c.png", "d.jpg")
    (folder / "e.mov").touch()
    names = ("a.jpg", "drafts/b.jpg", "drafts/b.jpg", "c.png", "e.mov")
    (folder / "captions.csv").write_text("image,text\n" + "".join(f"{name},x\n" for name in names))
    records = read(folder, ReadOptions(exclude=("drafts",)))
    assert [record.key for record in records.records] == ["a.jpg", "c.png", "d.jpg"]
    assert accounted(records, folder, used=["captions.csv"]) == {"excluded": 1, "videos": 1}
    records = read(folder, ReadOptions(include=("*.jpg",)))
    assert [record.key for record in records.records] == ["a.jpg", "drafts/b.jpg", "d.jpg"]


def test_a_row_may_name_what_the_walk_leaves_out(pictures, accounted):
    folder = pictures("a.jpg", ".kept/b.jpg", "@eaDir/c.jpg")
    (folder / "captions.csv").write_text("image,text\n.kept/b.jpg,b\n")
    records = read(folder)
    assert [record.key for record in records.records] == [".kept/b.jpg", "a.jpg"]
    assert accounted(records, folder, used=["captions.csv"]) == {"in @eaDir": 1}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "nowhere does not exist; a source is a folder of pictures, a list"),
        ("a.jpg", "a.jpg is a single picture; give its folder, and its name by include"),
        ("x.doc", r"x.doc is no source \(.doc\); a source is a folder"),
        ("README", r"README is no source \(files without an ending\); a source is"),
        ("x.tar.gz", r"x.tar.gz is no source \(archives\); unpack them to read what is in them"),
        ("*.jpg", "a.jpg, which is no .tar shard"),
        ("*.gone", "does not exist"),
    ],
)
def test_what_is_no_source_is_refused_with_what_would_do(pictures, place, message):
    folder = pictures("a.jpg")
    for name in ("x.doc", "README", "x.tar.gz"):
        (folder / name).touch()
    with pytest.raises(InputError, match=message):
        read(folder / place)


def test_a_list_that_is_asked_for_is_below_the_folder_or_elsewhere(pictures, monkeypatch):
    folder = pictures("a.jpg", "b.jpg")
    for name in ("lists/x.csv", "../elsewhere.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("image,text\na.jpg,x\n")
    monkeypatch.chdir(folder.parent)
    for name in ("lists/x.csv", "data/lists/x.csv", str(folder / "lists" / "x.csv"), "elsewhere.csv"):
        records = read(folder, ReadOptions(listing=name))
        assert [(record.key, record.texts) for record in records.records] == [("a.jpg", ("x",)), ("b.jpg", ())]
        inside = name != "elsewhere.csv"
        assert records.report.summary() == ([] if inside else ["1 list: ../elsewhere.csv is read instead"])
    with pytest.raises(InputError, match=r"the list x.csv is neither in .*data nor a file elsewhere"):
        read(folder, ReadOptions(listing="x.csv"))
    with pytest.raises(InputError, match="a list belongs to a folder of pictures"):
        read(folder / "lists" / "x.csv", ReadOptions(listing="x.csv"))


def streamed(content, **options):
    report = ReadingReport()
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8")
    return list(stream(lines, ReadOptions(**options), report)), report


def test_lines_are_items_as_they_come(pictures, monkeypatch):
    monkeypatch.chdir(pictures("a.jpg"))
    seen = []

    class Stream:
        def readline(self, size):
            seen.append(size)
            return json.dumps({"id": len(seen), "text": "x"}) + "\n"

    assert next(stream(Stream(), ReadOptions(), ReadingReport())).key == "1"
    assert len(seen) == 2  # the second line is another item's, so the first one is whole
    records, report = streamed(b'\xef\xbb\xbf{"image": "a.jpg", "text": "x"}\n\n{"image": "gone.jpg"}\r\n')
    assert [(record.key, record.texts, str(record.image)) for record in records] == [("a.jpg", ("x",), "a.jpg")]
    assert report.unread == [("line 3: 'gone.jpg'", "rows without their picture", "not there")]
    with pytest.raises(InputError, match=r"line 1: the picture 'gone.jpg' does not exist"):
        streamed(b'{"image": "gone.jpg"}', missing="fail")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": 1, "text": "a"}\n{"id": 2, "text": "\xff"}\n', r"line 2 is not UTF-8 \(byte 0xff\)"),
        ('{"id": 1}'.encode("utf-16"), "line 1 is UTF-16; lines of JSON are UTF-8"),
        (b'{"id": 1', "line 1 is not JSON"),
        (b"[" * 100_000, "line 1 is not JSON"),
        (b"[1]", r"line 1 must be an object, as in .*, not '\[1\]'"),
        (b'{"text": "x"}', "line 1 has neither an id nor a picture"),
        (b" " * (1 << 25), "line 1 is longer than"),
    ],
)
def test_lines_that_cannot_be_read_are_refused_with_their_number(content, message):
    with pytest.raises(InputError, match=message):
        streamed(content)


@pytest.mark.parametrize(
    ("label", "labels"),
    [(["sea", "sky"], ("sea", "sky")), ("sea;sky", ("sea", "sky")), (3, ("3",)), ([0, 1], ("0", "1")), (None, ())],
)
def test_labels_of_lines_are_names_because_no_column_is_seen_as_a_whole(label, labels):
    line = json.dumps({"id": 1, "text": "x", "label": label}).encode()
    assert streamed(line)[0][0].labels == labels
    assert streamed(line, labels="-")[0][0].labels == ()
    assert streamed(b'{"id": 1, "text": "x", "label": "0 1 0 1"}', labels="label:flags")[0][0].labels == ("1", "3")


ENDINGS = [
    ".jpg",
    ".PNG",
    ".heic",
    ".mov",
    ".txt",
    ".json",
    ".csv",
    ".tar",
    ".pdf",
    ".xyz",
    ".zip",
    "",
    ".jfif",
    ".xmp",
]
FOLDERS = ["", "sea/", "sea/low/", "@eaDir/", ".hidden/", "drafts/", "images/"]
OPTIONS = [{}, {"exclude": ("drafts", "*.PNG")}, {"include": ("sea", "*.jpg")}, {"root": "images"}]


@pytest.mark.parametrize("seed", range(20))
def test_any_file_is_read_or_beside_a_picture_or_counted_once(tmp_path, seed):
    dice, options = random.Random(seed), ReadOptions(**OPTIONS[seed % 4])
    names = {dice.choice(FOLDERS) + dice.choice("ab") + dice.choice(ENDINGS) for _ in range(40)} | {"images/c.jpg"}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}" if name.endswith(".json") else "words")
    if seed % 2:
        listed = {"images/c.jpg", *(name for name in names if dice.random() < 0.5)}
        lines = [f"{name.removeprefix('images/') if options.root else name},x\n" for name in sorted(listed)]
        (tmp_path / "captions.csv").write_text("image,text\n" + "".join(lines) + "gone.jpg,x\n")
        names.add("captions.csv")
    records = read(tmp_path, options)
    taken = [record.image.relative_to(tmp_path).as_posix() for record in records.records]
    counted = [each.name for each in records.report.unread if each.kind != "rows without their picture"]
    assert len({*taken, *counted}) == len(taken) + len(counted)
    rest = names - {*taken, *counted}
    assert {*taken, *counted} <= names
    pictures = {name.rpartition(".")[0] for name in taken}
    assert all(name == "captions.csv" or name.rpartition(".")[0] in pictures for name in rest)
