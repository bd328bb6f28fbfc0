"""Filters: what they select, and that nothing but a condition gets through."""

import sqlite3

import pytest

from crossbit.collection.item import written
from crossbit.collection.storage.filters import MAX_CHARACTERS, parse
from crossbit.errors import InputError

ROWS = {
    "a": {"year": 2019, "licence": "cc-by", "labels": ["sea", "sky"], "camera": {"model": "X100"}, "good": True},
    "b": {"year": 2021, "licence": "cc0", "labels": ["city"], "good": False, "rating": 4.5},
    "c": {"year": "2022", "licence": "cc-by", "labels": "sea;sky", "note": None},
    "d": {"date taken": 7, "labels": [3, "4"]},
    "e": {"größe": 3, 'a "b"': {"c.d": "x", "é": ["sea", 5], "plain": "sea"}, "\\": True, "class": "A", "😀": None},
}


@pytest.fixture(scope="module")
def table():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE items (id TEXT, picture TEXT, texts TEXT, metadata TEXT)")
    for id_, metadata in ROWS.items():
        texts = written({"a": ["A dog's life"], "b": ["a cat"]}.get(id_, []))
        connection.execute("INSERT INTO items VALUES (?, ?, ?, ?)", (id_, None, texts, written(metadata)))
    return connection


def selected(table, text):
    where = parse(text)
    found = table.execute(f"SELECT id FROM items WHERE {where.sql} ORDER BY id", where.parameters)
    return "".join(id_ for (id_,) in found)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("year >= 2020", "b"),
        ("2020 <= year", "b"),
        ("2018 <= year < 2021", "a"),
        ("2018 < year == 2021", "b"),
        ('year == "2022"', "c"),
        ("year != 2021", "a"),
        ("not year >= 2020", "acde"),
        ('licence in ("cc-by")', "ac"),
        ('licence in ("cc-by", "cc0")', "abc"),
        ('licence not in ["cc-by"]', "b"),
        ('not (licence in ["cc-by"])', "bde"),
        ("year not in (2019,)", "b"),
        ('year not in (2019, "x")', "bc"),
        ("year not in (None, 2019)", "b"),
        ("year not in ()", "abc"),
        ("note not in (None,)", ""),
        ("good not in (true,)", "b"),
        ("licence in ()", ""),
        ('year >= 2020 and licence in ("cc-by")', ""),
        ('year >= 2020 or licence == "cc-by"', "abc"),
        ('not (year >= 2020 or licence == "cc-by")', "de"),
        ("not not good", "a"),
        ("good", "a"),
        ("not good", "bcde"),
        ("good == False", "b"),
        ("good != true", "b"),
        ('"sea" in labels', "ac"),
        ('"se" in labels', "c"),
        ('"sky" not in labels', "bd"),
        ('not "sky" in labels', "bde"),
        ('"dog" not in text', "b"),
        ("text == None", "cde"),
        ('"x" not in picture', ""),
        ("3 in labels", "d"),
        ("4 in labels", ""),
        ('"4" in labels', "d"),
        ('camera.model == "X100"', "a"),
        ('metadata["date taken"] > 6.5', "d"),
        ('metadata["camera"]["model"] == "X100"', "a"),
        ("rating > -1", "b"),
        ("größe >= 3", "e"),
        ("größe != 3", ""),
        ("not größe >= 3", "abcd"),
        ('metadata["größe"] in (1, 3)', "e"),
        ("""metadata["a \\"b\\""]["c.d"] == "x" """, "e"),
        ("""metadata['a "b"'].plain == "sea" """, "e"),
        (""" "sea" in metadata['a "b"'].é""", "e"),
        (""" "se" in metadata['a "b"'].é""", ""),
        (""" "se" in metadata['a "b"'].plain""", "e"),
        (""" 5 in metadata['a "b"']["é"]""", "e"),
        (""" 5 not in metadata['a "b"']["é"]""", ""),
        (""" 5 not in metadata["größe"]""", ""),
        ("größe.tiefe == 3", ""),
        ('metadata["\\\\"]', "e"),
        ('metadata["class"] == "A"', "e"),
        ('metadata["😀"] == None', "abcde"),
        ('metadata["c.d"] == "x"', ""),
        ("note == None", "abcde"),
        ("rating != null", "b"),
        ("rating is not None", "b"),
        ("picture == None", "abcde"),
        ('"DOG" in text', "a"),
        ('id == "b"', "b"),
        ('id in ("b", "c")', "bc"),
        ('id >= "c"', "cde"),
        ("(year == 1 or (good and " * 8 + "1 not in größe.tiefe" + "))" * 8, ""),
        ("not " * 16 + "good", "a"),
        ("""licence == "x' OR 1=1 --" """, ""),
        ("nothing > 1 and nothing < 1", ""),
    ],
)
def test_what_a_filter_selects(table, text, ids):
    assert selected(table, text) == ids


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("year = 2020", "cannot be read: .*equality is written =="),
        ("", "cannot be read"),
        ("2020", "'2020' is no condition"),
        ("1 < 2", "is no field, and neither is what it is compared with"),
        ("year > other", "is no number, no text in quotes"),
        ("year > 1 + 1", "is no number, no text in quotes"),
        ("__import__('os')", "is no condition"),
        ("year.f() > 1", "is no"),
        ("f(year) > 1", "is no"),
        ("(lambda: 1) == year", "is no number"),
        ("year == f'{1}'", "is no number"),
        ("year == b'1'", "is no number"),
        ("[x for x in year]", "is no condition"),
        ('metadata["\\ud800"] == 1', "is no field"),
        ("year == (1, 2)", "is a list, which a field is compared with by in and not in"),
        ("year in ((1, 2), 3)", "is a list, which a field"),
        ("(1, 2) in labels", "is a list, which a field"),
        ("year > -99999999999999999999", "is too large"),
        ('id == "\\ud800"', "holds characters that no text has"),
        ('"\\udfff" in text', "holds characters that no text has"),
        (f"é{'.a' * 32} == 1", "leads deeper than the 32 levels"),
        ("metadata[0] == 1", "is no field"),
        ("good < true", "cannot be ordered against True"),
        ('text == "dog"', 'is tested as in "dog" in text'),
        ("None in labels", "is no text or number"),
        ("year > 99999999999999999999", "is too large"),
        ("(" * 300 + "year" + ")" * 300, "cannot be read"),
        ("not " * 400 + "good", "more than 300 parts"),
        ("not " * 17 + "good", "stands within more than 16 conditions"),
        ("year > 1 " * 1000, f"may have {MAX_CHARACTERS:,} characters"),
        ("year > 1\0", "cannot be read"),
    ],
)
def test_nothing_but_a_condition_gets_through(text, why):
    with pytest.raises(InputError, match=why):
        parse(text)
