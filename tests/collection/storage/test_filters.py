"""Filters: what they select, and that nothing but a condition gets through."""

import sqlite3

import pytest

from crossbit.collection.item import written
from crossbit.collection.storage.filter_fields import refuse_unknown, register
from crossbit.collection.storage.filter_syntax import MAX_CHARACTERS
from crossbit.collection.storage.filters import parse
from crossbit.errors import InputError

ROWS = {
    "a": {"year": 2019, "licence": "cc-by", "labels": ["sea", "sky"], "camera": {"model": "X100"}, "good": True},
    "b": {"year": 2021, "licence": "cc0", "labels": ["city"], "good": False, "rating": 4.5},
    "c": {"year": "2022", "licence": "cc-by", "labels": "sea;sky", "note": None},
    "d": {"date taken": 7, "labels": [3, "4"]},
    "e": {"größe": 3, 'a "b"': {"c.d": "x", "é": ["sea", 5], "plain": "sea"}, "\\": True, "class": "A", "😀": None},
}


PHOTOS = {
    "a": {"taken": "2020-12-31T23:59:59", "camera": "Canon EOS R", "code": "00123", "place": "Łódź"},
    "b": {"taken": "2021-05-03T14:02:11+02:00", "camera": "Google Pixel 6", "code": "123", "place": "Cafe\u0301"},
    "c": {"taken": "2021-05-31T08:00:00", "labels": ["Sea", "Strand"], "year": 2021},
    "d": {"taken": "2021-06-01T00:00:00Z", "camera": {"model": "X100"}},
    "e": {"taken": "in May", "code": 123, "born": "1999-05"},
    "f": {"taken": None},
}


def items(rows):
    connection = sqlite3.connect(":memory:")
    register(connection)
    connection.execute("CREATE TABLE items (number INTEGER PRIMARY KEY, id, picture, texts, metadata)")
    for id_, metadata in rows.items():
        texts = written({"a": ["A dog's life"], "b": ["a cat"]}.get(id_, []))
        connection.execute("INSERT INTO items VALUES (NULL, ?, ?, ?, ?)", (id_, None, texts, written(metadata)))
    return connection


@pytest.fixture(scope="module")
def table():
    return items(ROWS)


@pytest.fixture(scope="module")
def photos():
    return items(PHOTOS)


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


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("taken >= 2021", "bcd"),
        ("taken > 2021", ""),
        ("taken < 2021", "a"),
        ("2021 == taken", "bcd"),
        ("taken != 2021", "a"),
        ("taken in (2020, 2021-06)", "ad"),
        ("taken not in (2020, 2021-06)", "bc"),
        ("taken >= 2021-05", "bcd"),
        ("taken <= 2021-05", "abc"),
        ("taken > 2021-05", "d"),
        ("taken == 2021-05", "bc"),
        ("2021-05 <= taken < 2021-06", "bc"),
        ("taken < 2021-05-03", "a"),
        ("taken <= 2021-05-03", "ab"),
        ("taken == 2021-05-03 or taken == 2020-12-31", "ab"),
        ("taken >= 2021-05-03T14:03", "cd"),
        ("taken == 2021-05-03T14:02", "b"),
        ("not taken < 2021-05", "bcdef"),
        ('taken >= "2021-05-31"', "cde"),
        ('taken <= "2021-05-31"', "abc"),
        ('taken == "2021-05-31"', ""),
        ('taken == "2021-05-31T08:00:00"', "c"),
        ("born == 1999-05", "e"),
        ("year >= 2021", "c"),
        ("code == 00123", "a"),
        ('code == "123"', "b"),
        ("code == 123", "e"),
        ("code in (00123, 123)", "ae"),
        ('camera contains "pixel"', "b"),
        ('"PIXEL" in camera', "b"),
        ('not camera contains "pixel"', "acdef"),
        ('camera not contains "pixel"', "a"),
        ('camera.model contains "x"', "d"),
        ('camera == "google pixel 6"', ""),
        ('labels contains "sea" and "strand" in labels', "c"),
        ('labels contains "se"', ""),
        ('place contains "łÓD"', "a"),
        ('place contains "CAFÉ"', "b"),
        ('text contains "DOG"', "a"),
        ('id contains "A" or id == "b"', "ab"),
        ('camera contains "2021-05 contains 007"', ""),
    ],
)
def test_dates_texts_without_case_and_leading_zeros(photos, text, ids):
    assert selected(photos, text) == ids


@pytest.mark.parametrize(
    "text", ["taken > 2021-13", "taken > 2021-05-32", "camera @ 'x'", "year % 2 == 0", "contains 3"]
)
def test_what_is_no_date_and_no_operator_is_refused(text):
    with pytest.raises(InputError, match="cannot be"):
        parse(text)


def test_messages_show_the_filter_as_it_was_written():
    with pytest.raises(InputError, match="'camera contains other' cannot be used: 'other' is no number, no text"):
        parse("camera contains other")
    with pytest.raises(InputError, match="'2021-05 < 2021-06' cannot be used: '2021-05' is no field"):
        parse("2021-05 < 2021-06")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yaer >= 2020", r"no item has 'yaer'; did you mean 'year'\? fields: .*, licence, note, rating, year"),
        ("not yaer >= 2020", "no item has 'yaer'"),
        ("year >= 2020 or yaer >= 2020", "no item has 'yaer'"),
        ('"sea" in lables', r"no item has 'lables'; did you mean 'labels'\?"),
        ("lables not in (1, 2)", "no item has 'lables'"),
        ("godo", "no item has 'godo'"),
        ('Text contains "dog"', r"no item has 'Text'; did you mean 'text'\?"),
        ('camera.modle == "X100"', "no item has 'camera.modle'; did you mean 'camera.model'"),
        ('rating == "4.5"', "compares 'rating' with a text, but its values are numbers; a text is written in quotes"),
        ("rating >= 2021-05", "compares 'rating' with a date, but its values are numbers"),
        ("licence > 3", "compares 'licence' with a number, but its values are texts"),
        ("licence > 2020", "compares 'licence' with a number, but its values are texts"),
        ("licence in (1, 2.5)", "compares 'licence' with a number, but its values are texts"),
        ('good == "yes"', "compares 'good' with a text, but its values are true or false"),
        ("rating", "compares 'rating' with true or false, but its values are numbers"),
        ('rating contains "4"', "looks into 'rating', as into a text or a list, but its values are numbers"),
        ('note == "x"', "compares 'note' with a text, but its values are null"),
    ],
)
def test_a_field_that_no_item_has_or_only_of_another_kind_is_refused(table, text, why):
    found = parse(text)
    with pytest.raises(InputError, match=why):
        refuse_unknown(table, found.text, found.needs)


@pytest.mark.parametrize(
    "text", ["yaer == None", "not (yaer == null)", "yaer in (None, 3)", 'year in ("x", 2019)', "text == None"]
)
def test_an_absent_field_can_be_asked_for(table, text):
    found = parse(text)
    refuse_unknown(table, found.text, found.needs)


def test_where_there_are_no_items_every_filter_is_fine():
    found = parse("yaer >= 2020")
    refuse_unknown(items({}), found.text, found.needs)
    with pytest.raises(InputError, match="no item has 'yaer'; the items have no metadata"):
        refuse_unknown(items({"a": {}}), found.text, found.needs)
