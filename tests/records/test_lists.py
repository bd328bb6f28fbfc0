"""Lists of people's own: every kind of file, what is taken for what, and errors that name the line."""

import csv
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbit.errors import InputError
from crossbit.records.lists import entries_of, read_list
from crossbit.records.record import Entry, ReadingReport, ReadOptions
from crossbit.records.rows import Row


@pytest.fixture
def read(tmp_path):
    def read(content, name="captions.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = ReadingReport()
        listed = read_list(path, ReadOptions(**options), report)
        [statement] = report.taken
        return listed, statement

    return read


def lines(*rows, columns="image,text"):
    return "".join(f"{row}\n" for row in (columns, *rows))


def test_what_was_taken_for_what_is_said(read):
    text = lines("a.jpg,one,sea; sky,2020,Rome", "b.jpg,two,,,", columns="file_name,caption,label,year,place")
    listed, statement = read(text)
    assert statement == (
        "captions.csv: image from 'file_name', text from 'caption',"
        " labels from 'label' (names between semicolons, 2 classes); metadata: year, place"
    )
    assert listed.classes == ("sea", "sky")
    assert listed.entries == [
        Entry("captions.csv, line 2", "a.jpg", None, ["one"], ["sea", "sky"], {"year": 2020, "place": "Rome"}),
        Entry("captions.csv, line 3", "b.jpg", None, ["two"]),
    ]


@pytest.mark.parametrize("text", ["00003", "1e5", "true", "NaN", "1_000", "None", "b'x'", "2020"])
def test_a_text_is_the_text_of_its_cell(read, text):
    listed, _ = read(lines(f"{text},{text},{text}", columns="image,text,id"))
    assert listed.entries[0] == Entry("captions.csv, line 2", text, text, [text])


def test_metadata_are_numbers_only_where_nothing_is_lost(read):
    text = lines("a,t,00123,1_000,2020,9.5", "b,t,7,9.50,2021,10", columns="image,text,sku,price,year,size")
    listed, statement = read(text)
    assert listed.entries[0].metadata == {"sku": "00123", "price": "1_000", "year": 2020, "size": 9.5}
    assert listed.entries[1].metadata == {"sku": "7", "price": "9.50", "year": 2021, "size": 10}
    assert statement.endswith("metadata: sku, price, year, size; 'sku' is text, because of '00123'")


def test_declared_types(read):
    text = lines("a,t,07,9.50,2021-05-03,yes,7", "b,t,,,,,", columns="image,text,year,price,taken,ok,sku")
    listed, _ = read(text, types="year=int, price=float,taken=date,ok=bool,sku=text")
    assert listed.entries[0].metadata == {"year": 7, "price": 9.5, "taken": "2021-05-03", "ok": True, "sku": "7"}
    assert read(text, types="sku:text+year:int")[0].entries[0].metadata["sku"] == "7"
    assert listed.entries[1].metadata == {}


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ("year=int", "captions.csv, line 3: year is 'about 1900', which is not a whole number"),
        ("yaer=int", "captions.csv has no metadata 'yaer' to take as int; did you mean 'year'[?] there are year"),
        ("year=number", "'year=number' should be a column and one of int, float, date, bool, text"),
        ("year=date", "line 3: year is 'about 1900', which is not a date, as in 2021-05-03"),
        ("year=bool", "line 2: year is '1900', which is not true or false"),
    ],
)
def test_what_is_not_of_its_declared_type_is_named(read, types, message):
    with pytest.raises(InputError, match=message):
        read(lines("a,t,1900", "b,t,about 1900", columns="image,text,year"), types=types)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("\ufeffimage,text\r\na.jpg,café\r\n\r\n,\r\n".encode(), ""),
        ("image,text\na.jpg,café\n".encode("utf-16"), "; UTF-16"),
        ("image; text\na.jpg; café\n".encode(), "; cells between semicolons"),
        ("sep=;\nimage;text\na.jpg;café\n".encode(), "; cells between semicolons"),
        ("image\ttext\na.jpg\tcafé".encode(), "; cells between tabs"),
        ("image| text\na.jpg| café\n".encode(), "; cells between bars"),
        (' image , text \n"a.jpg", "café"\n'.encode(), ""),
        (",image,text\n0,a.jpg,café\n".encode(), "; a column without a name is left out"),
        ("image,text,year\na.jpg,café\n".encode(), "; metadata: year; rows that end early: 1, first line 2"),
    ],
)
def test_tables_as_programs_write_them(read, content, said):
    listed, statement = read(content)
    assert [(entry.image, entry.texts) for entry in listed.entries] == [("a.jpg", ["café"])]
    assert statement == f"captions.csv: image from 'image', text from 'text'{said}"


PLAIN = [f"p{k}.png,a thing {k}" for k in range(12)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            'p4.png,"hello 4',
            """line 6: the quote before '"hello 4' is never closed; a quote inside a cell is doubled""",
        ),
        ('p4.png,"hello" says 4', "line 6: the cell that begins .* does not end after its closing quote, with a comma"),
        ('p4.png,"hello\np5.png,so" 5', "lines 6 to 7: the cell that begins .* does not end after its closing quote"),
        ('p4.png,"hello\np5.png,so"', "line 6: a quote opens here, and line 7, which looks like a row of its own"),
        ("p4.png,two boats, at sea", "line 6 has 3 cells, but there are 2 columns: .* stands in quotes"),
        ("p4.png,zero\0byte", "line 6 holds a zero byte"),
    ],
)
def test_errors_of_a_table_name_their_line(read, row, message):
    with pytest.raises(InputError, match=message):
        read(lines(*PLAIN[:4], row, *PLAIN[5:]))


def test_bytes_that_are_not_utf_8_are_named_by_their_line(read):
    with pytest.raises(InputError, match=r"captions.csv: line 3 is not UTF-8 \(byte 0xe9\)"):
        read("image,text\na.jpg,one\nb.jpg,café\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"captions.csv: line \d+ is not UTF-16"):
        read("image,text\n".encode("utf-16") + b"\x00")


def test_a_cell_may_have_several_lines_and_be_long(read):
    listed, statement = read(lines('a.jpg,"one,\n\ntwo"', f"b.jpg,{'x' * 300_000}"))
    assert [len(entry.texts[0]) for entry in listed.entries] == [9, 300_000]
    assert [entry.where for entry in listed.entries] == ["captions.csv, line 2", "captions.csv, line 5"]
    assert statement.endswith("; 1 row over several lines, as lines 2 to 4")


def test_tabs_may_come_without_quoting(read):
    listed, statement = read('image\ttext\na.jpg\t"hello" she says\n', "a.tsv")
    assert listed.entries[0].texts == ['"hello" she says']
    assert statement.endswith("; quotes are parts of cells")
    assert read('image\ttext\na.jpg\t"a ""b"""\n', "a.tsv")[0].entries[0].texts == ['a "b"']


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            lines("a,b"),
            {"image": "imgae"},
            "has no column 'imgae' for image; did you mean 'image'[?] there are image, t",
        ),
        (
            lines("a,b", columns="a.jpg,a red house"),
            {},
            "no column of pictures or texts .*; its first line should name",
        ),
        (lines("a,b,c", columns="image,text,image"), {}, "captions.csv has the column 'image' more than once"),
        (lines("a,b,c", columns="image,text,Text"), {}, "has the columns 'text' . 'Text', which differ in case alone"),
        (lines("a,b,0", "a,b,1", columns="image,text,label"), {}, "captions.csv: column 'label' holds only 0 and 1"),
    ],
)
def test_columns_that_are_in_doubt_are_refused(read, content, options, message):
    with pytest.raises(InputError, match=message):
        read(content, **options)


def test_options_name_columns(read):
    text = lines("x,a.jpg,one,two,sea,1", columns="text,file,A,B,kind,beach")
    listed, statement = read(text, image="File", text="a+B", labels="kind+beach", id="text")
    assert listed.entries == [Entry("captions.csv, line 2", "a.jpg", "x", ["one", "two"], ["sea", "beach"])]
    assert statement == (
        "captions.csv: image from 'file', text from 'A' + 'B',"
        " labels from 'kind' + 'beach' (kind: names, 1 class; beach: flags of one class), ids from 'text'"
    )
    assert read(text, labels="beach:numbers")[0].classes == ("1",)
    assert read(lines("a,b,0", columns="image,text,label"), labels="-")[0].entries[0].metadata == {"label": 0}


def test_columns_that_might_have_been_taken_are_mentioned(read):
    _, statement = read(lines("a,b,c,1", columns="image,text,caption,category"))
    assert statement.endswith(
        "; metadata: caption, category; 'category' can be read as labels with labels=category;"
        " 'caption' can be read as text too with text=text+caption"
    )


def test_lines_of_json(read):
    first = {"image": "a.jpg", "text": ["one", "two"], "labels": ["sea"], "id": 7, "year": "2020"}
    second = {"image": "b.jpg", "caption": "x", "metadata": {"k": [1]}, "n": None}
    listed, statement = read(f"{json.dumps(first)}\n\n{json.dumps(second)}\n\n", "captions.jsonl")
    assert listed.entries == [
        Entry("captions.jsonl, line 1", "a.jpg", "7", ["one", "two"], ["sea"], {"year": "2020"}),
        Entry("captions.jsonl, line 3", "b.jpg", None, [], [], {"caption": "x", "k": [1]}),
    ]
    assert statement.startswith(
        "captions.jsonl: image from 'image', text from 'text', labels from 'labels' (lists of n"
    )
    assert read(json.dumps([first, second]), "captions.json")[0].entries[0].texts == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"image": "b.png"\n', "line 1 is not JSON"),
        ('{"image": "b.png"}\n[1]', "line 2 must be an object, as in"),
        ("[1]\n", "entry 1 must be an object, as in"),
        (
            '[{"image": "a"},\n{]',
            "line 2 is not JSON: Expecting property name enclosed in double quotes at '{]'|line 2",
        ),
        ('{"image": 3, "text": "x"}\n', "captions.jsonl, line 1: image must be the path of a picture, not 3"),
        ('{"image": "a", "text": {"x": 1}}\n', "line 1: text must be a text or a list of texts, not {'x': 1}"),
        ('{"image": "a", "id": [1]}\n', "line 1: id must be a text or a whole number"),
        ('{"image": "a", "text": "x", "labels": {"a": 1}}\n', "column 'labels' holds the dict"),
        ('{"image": "a", "text": "\\ud800"}\n', "line 1 holds half of a character, .*ud800"),
        ("[" * 100_000, "is not JSON"),
        ('{"image": "a", "n": ' + "9" * 5000 + "}", "line 1 is not JSON"),
    ],
)
def test_damaged_lines_of_json_are_refused(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content, "captions.jsonl")


def test_lists_in_text_are_mentioned(read):
    listed, statement = read(lines("""a,"['one', 'two']\"""", "b,['three']"))
    assert listed.entries[0].texts == ["['one', 'two']"]
    assert statement.endswith(
        "; 'text' holds lists written as text, such as \"['one', 'two']\", which stay as they are"
    )


def test_other_files_are_no_lists(read, tmp_path):
    with pytest.raises(InputError, match=r"is not a list: it should end in .csv, .tsv"):
        read("image", "captions.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is a folder and not a list"):
        read_list(tmp_path / "folder.csv", ReadOptions(), ReadingReport())


def test_columns_that_few_rows_have_take_no_time(read):
    n = 20_000
    start = time.perf_counter()
    listed, _ = read("".join(json.dumps({"text": "t", f"k{k}": k}) + "\n" for k in range(n)), "a.jsonl")
    assert time.perf_counter() - start < 10
    assert listed.entries[-1].metadata == {f"k{n - 1}": n - 1}


def test_rows_from_elsewhere():
    rows = [Row("a.json", {"caption": "one", "n": "007"}), Row("b.json", {"caption": None, "label": "sea"})]
    listed = entries_of(rows, ("caption", "n", "label"), ReadOptions(), "the .json files", ReadingReport())
    assert listed.entries == [
        Entry("a.json", None, None, ["one"], [], {"n": "007"}),
        Entry("b.json", None, None, [], ["sea"]),
    ]
    assert entries_of([], ("caption",), ReadOptions(), "none", ReadingReport()).entries == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_a_program_writes_is_read_back(tmp_path_factory, rows, separator, quoting):
    path = tmp_path_factory.mktemp("lists") / "captions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, quoting=quoting)
        writer.writerows([["image", "text", "note"], *rows])
    listed = read_list(path, ReadOptions(types="note=text"), ReadingReport())
    kept = [row for row in rows if any(map(str.strip, row))]
    assert [entry.image or "" for entry in listed.entries] == [row[0].strip() for row in kept]
    assert [entry.texts for entry in listed.entries] == [[row[1].strip()] if row[1].strip() else [] for row in kept]
    assert [entry.metadata.get("note", "") for entry in listed.entries] == [row[2].strip() for row in kept]


SCRAPS = st.lists(
    st.sampled_from(
        ['"', ",", ";", "\t", "|", "\n", "\r", "image", "text", "label", "a.jpg", "[", "]", "{", "}", ":", "1"]
    )
    | st.text(max_size=3)
)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet"])
@given(content=st.binary(max_size=60) | SCRAPS.map(lambda parts: "".join(parts).encode(errors="replace")))
def test_a_file_of_anything_is_read_or_refused_in_words(tmp_path_factory, ending, content):
    path = tmp_path_factory.mktemp("lists") / f"captions.{ending}"
    path.write_bytes(content)
    said = ""
    try:
        entries = read_list(path, ReadOptions(), ReadingReport()).entries
    except InputError as fault:
        entries, said = [], str(fault)
    assert not said or path.name in said
    assert all(entry.where.startswith(path.name) for entry in entries)


def test_a_list_without_texts_or_rows_says_so(read, tmp_path):
    _, statement = read(lines("a.jpg,A title", columns="file,title"))
    assert statement.endswith("metadata: title; no texts; text=NAME names their columns")
    _, statement = read(lines("a.jpg,A title", columns="file,title"), text="-")
    assert "no texts" not in statement
    for content in ("", "image,text\n"):
        (tmp_path / "x.csv").write_text(content)
        report = ReadingReport()
        assert read_list(tmp_path / "x.csv", ReadOptions(), report).entries == []
        assert report.summary(1) == ["1 list without rows (x.csv): there is nothing to read, or only a heading"]


def test_decimal_commas_are_mentioned(read):
    listed, statement = read("image;text;price\na.jpg;a;1,50\nb.jpg;b;2,00\n")
    assert listed.entries[0].metadata == {"price": "1,50"}
    assert "'price' is text, because of the comma in '1,50': numbers have a decimal point" in statement


def test_small_faults_are_said_as_they_are(read):
    with pytest.raises(InputError, match=r"it begins 'a.jpg', 'one', 'two'"):
        read("image;text\na.jpg;one;two\n")
    with pytest.raises(InputError, match="holds one object over several lines"):
        read(json.dumps({"image": "a.jpg", "text": "one"}, indent=2), "captions.jsonl")
    assert read(lines("a.jpg,one"), text="text+text")[0].entries[0].texts == ["one"]
    _, statement = read(
        lines(*(f"a.jpg,one,{day}" for day in ("2021-05-03", "2021-05-04", "2021")), columns="image,text,day")
    )
    assert statement.endswith("'day' is text, though '2021' is a number")
