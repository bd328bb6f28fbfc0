"""The report: one self-contained page, complete, readable without colour, and safe whatever it is made of."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from crossbit.errors import InputError
from crossbit.reporting import plots
from crossbit.reporting.page import ImageQuery, Plot, Report, ScoreTable, ShownHit, TextQuery, render, save

HOSTILE = """</title></style><script>alert('1')</script><img src=x onerror="alert(2)">"&'"""
RED = np.full((64, 48, 3), (200, 30, 30), np.uint8)
COLUMNS = [("image → text", "16"), ("image → text", "32"), ("text → image", "16")]
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Every element with its attributes, in order; unbalanced tags fail."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def full(text="a plain text", picture=RED):
    curves = {"scm": (np.arange(3), np.arange(3))}
    hits = [ShownHit(True, 2, text, picture), ShownHit(False, 5, text, picture)]
    return Report(
        text,
        summary=text,
        facts={text: text, "bits": 16},
        tables=[ScoreTable(text, [(text, text)], {text: [0.5]}, chance=[0.25], note=text)],
        plots=[Plot(text, plots.svg(plots.topn_curves(curves, title=text)), note=text)],
        queries=[TextQuery(text, hits), ImageQuery(picture, hits, text)],
        right=text,
        cost={text: text},
        notes=[text],
    )


def test_the_page_is_well_formed_and_shows_every_part_in_its_order():
    page = Page(render(full()))
    titles = [
        text for text in page.text if text in {"Scores", "Curves", "Text to image", "Image to text", "Cost", "Setup"}
    ]
    assert titles == ["Text to image", "Image to text", "Scores", "Curves", "Cost", "Setup"]
    assert len(page.all("svg")) == 1
    assert len(page.all("img")) == 3


def test_empty_parts_are_left_out():
    page = Page(render(Report("only a title")))
    assert [tag for tag, _ in page.elements if tag in {"section", "aside", "table", "dl"}] == []


def test_the_page_loads_nothing_and_runs_nothing():
    page = Page(render(full()))
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.elements}
    addresses = [
        value for _, attributes in page.elements for name, value in attributes.items() if name in {"src", "href"}
    ]
    assert addresses
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    assert "@import" not in render(full())
    assert "url(http" not in render(full())
    assert {"default-src 'none'; img-src data:; style-src 'unsafe-inline'"} <= {
        m.get("content") for m in page.all("meta")
    }


def test_whatever_comes_from_outside_is_only_ever_text():
    page, plain = Page(render(full(HOSTILE))), Page(render(full()))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [set(attributes) for _, attributes in page.elements] == [set(attributes) for _, attributes in plain.elements]
    assert sum(HOSTILE in text for text in page.text) == sum("a plain text" in text for text in plain.text)


def test_right_and_wrong_are_told_apart_without_colour():
    page = Page(
        render(
            Report("r", queries=[TextQuery("q", [ShownHit(True, 3, "yes"), ShownHit(False, 4, "no")])], right="it fits")
        )
    )
    marks = [attributes["title"] for attributes in page.all("b")]
    assert marks == ["right", "wrong", "right", "wrong"]
    shown = "".join(page.text)
    assert re.search(r"✓right: it fits\..*✗wrong", shown)
    assert re.search(r"1 of 2 right.*✓3yes.*✗4no", shown)
    style = re.search(r"<style>(.*?)</style>", render(Report("r")), re.DOTALL)[1]
    assert ".wrong .frame { border: 3px dashed" in style
    assert "prefers-color-scheme: dark" in style


def table_cells(scores):
    rows = re.findall(r'<tr class="(\w+)">(.*?)</tr>', render(Report("r", tables=[scores])))
    return {
        kind + " " + re.search(r"<th.*?>(.*?)</th>", row)[1]: re.findall(r"<td.*?>(.*?)</td>", row)
        for kind, row in rows
    }


def test_the_best_of_each_column_is_bold_and_what_prints_alike_ties():
    rows = {"a": [0.5, 0.70001, None], "b": [(0.6, 0.012), 0.70004, 0.1], "c": [None, 0.6, 0.05]}
    assert table_cells(ScoreTable("MAP", COLUMNS, rows, chance=[0.9, 0.2, 0.3])) == {
        "method a": ["0.5000", "<strong>0.7000</strong>", "–"],
        "method b": [
            "<strong>0.6000</strong><small>± 0.0120</small>",
            "<strong>0.7000</strong>",
            "<strong>0.1000</strong>",
        ],
        "method c": ["–", "0.6000", "0.0500"],
        "chance chance": ["0.9000", "0.2000", "0.3000"],
    }


def test_columns_of_one_task_share_its_heading():
    page = Page(render(Report("r", tables=[ScoreTable("MAP", COLUMNS, {"a": [1.0, 1.0, 1.0]})])))
    assert [head["colspan"] for head in page.all("th") if "colspan" in head] == ["2", "1"]


def test_pictures_are_drawn_anew_and_small(tmp_path):
    path = tmp_path / "large.png"
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    Image.fromarray(np.tile(RED, (10, 10, 1))).save(path, exif=exif)
    page = Page(render(Report("r", queries=[ImageQuery(path, [], "mine"), ImageQuery(RED, [])])))
    pictures = [b64decode(image["src"].partition(",")[2]) for image in page.all("img")]
    sizes = []
    for data in pictures:
        with Image.open(BytesIO(data)) as image:
            sizes.append(image.size)
            assert np.abs(np.asarray(image.convert("RGB")).mean((0, 1)) - (200, 30, 30)).max() < 5
    assert sizes == [(192, 256), (48, 64)]
    assert b"secret" not in pictures[0]
    assert [image["alt"] for image in page.all("img")] == ["mine", "picture"]


def test_a_picture_that_cannot_be_read_leaves_its_reason(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + b"<script>" * 20)
    hits = [
        ShownHit(True, 1, "gone", tmp_path / "gone.jpg"),
        ShownHit(True, 1, "broken", broken),
        ShownHit(True, 2, "none"),
    ]
    page = Page(render(Report("r", queries=[TextQuery("q", hits)])))
    reasons = [text for text in page.text if text.startswith("no picture")]
    assert reasons[0] == "no picture: the file does not exist"
    assert len(reasons) == 3
    assert not page.all("img")
    assert not page.all("script")


def test_a_report_is_saved_where_no_folder_was(tmp_path):
    save(full(), tmp_path / "runs" / "demo" / "report.html")
    assert (tmp_path / "runs" / "demo" / "report.html").read_text(encoding="utf-8") == render(full())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScoreTable("MAP", COLUMNS, {"a": [1.0]}), "row 'a' has 1 scores for 3 columns"),
        (lambda: ScoreTable("MAP", COLUMNS, {}, chance=[1.0]), "row 'chance' has 1 scores for 3 columns"),
        (lambda: Plot("p", "<script>"), "plot 'p' needs an <svg> element, but got '<script>'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
