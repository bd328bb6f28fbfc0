"""Plots: what is drawn is what was given, labels are in order and harmless, and no global state is touched."""

import re
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from crossbit.errors import InputError
from crossbit.reporting import plots

HOSTILE = '$\\_--><script>&" id="x'
N = np.arange(1, 6)
CURVES = {"low": (N, 0.5 - 0.01 * N), "high": (N, 0.9 - 0.01 * N)}
SCORES = {"scm": {16: (0.5, 0.01), 32: (0.6, 0.02)}, "cca": {32: (0.4, 0.0)}}


def names(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    ("plot", "labels"),
    [
        (plots.topn_curves, ("items retrieved", "precision")),
        (plots.pr_curves, ("recall", "precision")),
        (plots.radius_curves, ("Hamming radius", "precision")),
        (plots.loss_curves, ("epoch", "loss")),
    ],
)
def test_a_curve_is_the_given_points_and_the_highest_is_named_first(plot, labels):
    figure = plot(CURVES)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == labels
    assert names(figure) == ["high", "low"]
    for line, (x, y) in zip(axes.lines, CURVES.values(), strict=True):
        assert (line.get_xdata() == x).all()
        assert (line.get_ydata() == y).all()


def test_precision_recall_curves_are_named_by_their_area():
    recall = np.array([0.0, 0.5, 1.0])
    curves = {"poor": (recall, np.array([0.2, 0.2, 0.3])), "good": (recall, np.array([0.9, 0.8, 0.3]))}
    assert names(plots.pr_curves(curves)) == ["good", "poor"]


def test_a_diverged_loss_is_named_where_it_was_last_a_number():
    loss = {"ran": (N, 5.0 - N), "diverged": (N, np.array([9, 8, np.nan, np.inf, np.nan])), "never": (N, N * np.nan)}
    figure = plots.loss_curves(loss)
    assert {text.get_text(): text.xy for text in figure.axes[0].texts} == {"diverged": (2, 8), "ran": (5, 0)}


def test_scores_stand_at_their_bits_with_their_deviation():
    figure = plots.score_curves(SCORES, chance=0.1)
    (axes,) = figure.axes
    lines = [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines[:3]]
    assert lines == [([16, 32], [0.5, 0.6]), ([32], [0.4]), ([16, 32], [0.1, 0.1])]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["16", "32"]
    assert names(figure) == ["scm", "cca", "chance"]
    spans = [segment[:, 1].tolist() for segment in axes.containers[0].lines[2][0].get_segments()]
    assert np.allclose(spans, [[0.49, 0.51], [0.58, 0.62]])


@given(st.lists(st.floats(0, 1), max_size=9), st.floats(0.01, 0.2))
def test_spread_labels_keep_their_order_and_distance(wanted, gap):
    heights = plots.spread(sorted(wanted, reverse=True), gap)
    assert all(above - below >= gap * (1 - 1e-9) for above, below in pairwise(heights))
    assert all(height >= 0 for height in heights)


def test_labels_with_room_stay_where_their_lines_end():
    assert plots.spread([0.9, 0.5, 0.1], gap=0.1) == [0.9, 0.5, 0.1]


@pytest.mark.parametrize(
    "figure", [plots.topn_curves({HOSTILE: (N, N)}, HOSTILE), plots.score_curves({HOSTILE: {8: (1, 0)}})]
)
def test_an_inline_figure_is_one_harmless_element_in_the_ink_of_its_page(figure):
    drawing = plots.svg(figure)
    root = ET.fromstring(drawing)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "style", "metadata", "image", "foreignObject"}
    assert {"viewBox"} <= set(root.keys())
    assert not {"width", "height"} & set(root.keys())
    assert HOSTILE in {element.text for element in root.iter()}
    assert "currentColor" in drawing
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', drawing)
    assert used
    assert set(used) <= {element.get("id") for element in root.iter()}


def test_two_figures_in_one_page_share_no_ids():
    figures = plots.topn_curves(CURVES), plots.pr_curves(CURVES)
    ids = [set(re.findall(r' id="([^"]+)"', plots.svg(figure))) for figure in figures]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_figures_make_equal_files(tmp_path, suffix):
    for name in "ab":
        plots.save(plots.topn_curves(CURVES, "title"), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    if suffix == ".png":
        with Image.open(tmp_path / "a.png") as image:
            assert image.size == (960, 640)


def test_no_figure_is_registered_with_pyplot():
    plots.svg(plots.topn_curves(CURVES))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: plots.topn_curves({}), "no curves to plot"),
        (lambda path: plots.pr_curves({"a": (N, N[:3])}), r"curve 'a' needs a value .* \(3,\) values at \(5,\) places"),
        (lambda path: plots.pr_curves({"a": (N[:0], N[:0])}), "curve 'a' needs a value at each place"),
        (lambda path: plots.score_curves({}), "no scores to plot"),
        (lambda path: plots.score_curves({"a": {}}), "at least one per method"),
        (
            lambda path: plots.save(plots.topn_curves(CURVES), path / "a.jpg"),
            "saved as .png, .svg, .pdf, not as 'a.jpg'",
        ),
    ],
)
def test_what_cannot_be_plotted_is_refused(tmp_path, call, message):
    with pytest.raises(InputError, match=message):
        call(tmp_path)


def test_a_picture_is_dimmed_where_a_mask_is_not_set():
    picture = np.full((8, 12, 3), (200, 100, 0), np.uint8)
    drawn = plots.dimmed(picture, np.array([[True, False, False], [False, False, False]]))
    assert drawn.shape == picture.shape
    assert (drawn[:3, :3] == (200, 100, 0)).all()
    assert (drawn[4:] == (55, 35, 15)).all()  # a fifth of each colour, and 0.15 of their mean
    line = np.zeros((8, 12), bool)
    line[3, :4] = line[:4, 3] = True
    assert ((drawn == (230, 159, 0)).all(2) == line).all()


def test_a_mask_that_is_set_everywhere_leaves_the_picture_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    assert (plots.dimmed(picture, np.ones((3, 3), bool)) == picture).all()


def test_rows_of_pictures_keep_their_order_titles_and_sentences():
    """A row may be shorter than the others, and two pictures may bear one name."""
    grey = np.full((4, 4, 3), 90, np.uint8)
    long = "a very long sentence " * 20
    rows = [
        plots.PictureRow("the pair", [("original", grey)], ["one", long]),
        plots.PictureRow("near", [("1.00", grey)] * 3, []),
    ]
    figure = plots.picture_rows(rows)
    parts = figure.subfigs
    assert [part.get_suptitle() for part in parts] == ["the pair", "near"]
    assert [sum(bool(axes.images) for axes in part.axes) for part in parts] == [1, 3]
    assert [axes.get_title() for axes in parts[1].axes] == ["1.00"] * 3
    first, second = parts[0].get_supxlabel().splitlines()
    assert first == "one"
    assert second.endswith(" …")
    assert len(second) <= 60
