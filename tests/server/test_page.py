"""The page in a real Chromium: searching, comparing, the keys, both dresses, and a phone."""

import keyword
import os
from pathlib import Path

import pytest
from PIL import Image

from crossbit.collection import Raw
from crossbit.server import create_app, serving

pytestmark = pytest.mark.browser
CHROMIUM = Path(os.environ.get("CROSSBIT_CHROMIUM", "/usr/bin/chromium"))
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
           "--disable-component-update", "--no-first-run"]  # fmt: skip
HITS = ".hit"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM.is_file(), f"no Chromium at {CHROMIUM}; CROSSBIT_CHROMIUM says where it is"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens the page; whatever it complains about fails the test."""
    opened, complaints, elsewhere, expected = [], [], [], []

    def open_page(query="", base=address, **options):
        context = browser.new_context(**options)
        context.set_default_timeout(60_000)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.on("request", lambda asked: asked.url.startswith((base, "blob:")) or elsewhere.append(asked.url))
        page.goto(f"{base}/{query}")
        page.wait_for_selector(f"{HITS}, .nothing, .fault")
        return page

    open_page.expected = expected
    yield open_page
    for context in opened:
        context.close()
    assert [each for each in complaints if not any(text in each for text in expected)] == []
    assert elsewhere == []


def ids(page):
    return page.locator(HITS).evaluate_all("hits => hits.map((hit) => hit.dataset.id)")


def ask(page, words):
    page.fill("#words", words)
    page.press("#words", "Enter")
    page.wait_for_selector(".hit .measures")


def test_words_find_pictures_with_caption_and_distance(open_page, client):
    page = open_page()
    ask(page, "a red circle")
    answer = client.get("/api/collections/scenes24/search", params={"text": "a red circle", "k": 24}).json()
    assert ids(page) == [hit["id"] for hit in answer["hits"]]
    first = page.locator(HITS).first
    assert f"{answer['hits'][0]['distance']} bits" in first.inner_text()
    assert answer["hits"][0]["texts"][0] in first.inner_text()
    assert first.locator("img").evaluate("async (image) => (await image.decode(), image.naturalWidth > 0)")
    assert "24 of 60 pictures" in page.inner_text("#status")
    assert "q=a+red+circle" in page.url


def test_a_dropped_picture_finds_texts_and_a_chosen_one_pictures(open_page, shelf, tmp_path):
    picture = tmp_path / "mine.jpg"
    picture.write_bytes(shelf.thumbnail("000007"))
    page = open_page()
    page.set_input_files("#file", picture)
    page.wait_for_selector(".texts .hit")
    assert "texts" in page.inner_text("#status")
    page.click("text=Pictures")
    page.wait_for_selector(".pictures .measures")
    assert ids(page)[0] == "000007"
    page.click("#parts .drop")
    page.wait_for_selector("#status .quiet")
    page.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
            const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
            document.body.dispatchEvent(new DragEvent("drop", options));
        }""",
        list(picture.read_bytes()),
    )
    page.wait_for_selector(".pictures .measures")
    assert ids(page)[0] == "000007"


def test_a_large_picture_is_made_smaller_before_it_is_sent(open_page, tmp_path):
    picture = tmp_path / "noise.png"
    Image.frombytes("RGB", (1500, 1000), os.urandom(4_500_000)).save(picture)
    page = open_page()
    with page.expect_request("**/search") as asked:
        page.set_input_files("#file", picture)
    page.wait_for_selector(".texts .hit")
    assert len(asked.value.post_data) < 2_500_000


def test_more_like_this_by_mouse_and_by_key(open_page):
    page = open_page("?q=star")
    page.wait_for_selector(".measures")
    wanted = ids(page)[2]
    page.locator(HITS).nth(2).hover()
    page.locator(HITS).nth(2).locator(".more").click()
    page.wait_for_selector(".part")
    assert f"like {wanted}" in page.inner_text("#parts")
    page.wait_for_selector(f'[data-id="{wanted}"]', state="detached")
    wanted = ids(page)[1]
    page.locator(".hit .open").nth(1).focus()
    page.keyboard.press("m")
    page.wait_for_selector(f"#parts:has-text('{wanted}')")
    page.go_back()
    page.wait_for_selector(f"#parts:has-text('{wanted}')", state="detached")


def test_filters_are_offered_set_and_taken_back(open_page):
    page = open_page("?q=star")
    page.wait_for_selector(".suggestions button")
    page.locator(".suggestions button").first.click()
    page.wait_for_selector("#status:has-text('filter')")
    assert page.input_value("#where") == page.locator(".suggestions button").first.get_attribute("title")
    page.locator(".suggestions button").first.click()
    page.wait_for_selector("#status:has-text('of 60')")
    open_page.expected.append("a status of 422")  # Chromium says so too
    page.fill("#where", "year = 3")
    page.press("#where", "Enter")
    assert "equality is written ==" in page.inner_text(".fault")


def test_a_field_of_any_name_becomes_a_filter(open_page, own):
    names = [*keyword.kwlist, "id", "picture", "text", "metadata", "größe", "ﬁ", 'a "b"', "c.d", "\\", "e\nf", "year"]
    own.add([Raw("odd", None, ("red",), {**dict.fromkeys(names, "A"), "deep": {"class": ["A"]}})])
    write = "async (given) => (await import('/page/details.js')).filterOf(...given)"
    page = open_page()
    for given in [*([[name], "A", False] for name in names), [["deep", "class"], "A", True]]:
        assert own.ids(page.evaluate(write, given)) == ["odd"], given
    assert page.evaluate(write, [["camera", "model"], 3, False]) == "camera.model == 3"


def test_a_part_can_be_turned_into_its_opposite(open_page, client):
    page = open_page("?q=star")
    page.wait_for_selector(".measures")
    page.press("#words", "Control+Enter")
    for _ in range(3):
        with page.expect_response("**/search"):
            page.click(".part .sign")
    page.wait_for_selector(".part.minus")
    ask(page, "circle")
    question = {"parts": [{"text": "star", "weight": -1}, {"text": "circle"}], "k": 24}
    wanted = [hit["id"] for hit in client.post("/api/collections/scenes24/search", json=question).json()["hits"]]
    page.wait_for_function(
        "wanted => wanted.join() === [...document.querySelectorAll('.hit')].map((hit) => hit.dataset.id).join()",
        arg=wanted,
    )


def test_two_code_lengths_side_by_side(open_page):
    page = open_page("?q=a+red+circle")
    page.wait_for_selector(".measures")
    page.click("#compare")
    page.wait_for_selector(".two .column:nth-child(2) .hit")
    heads = page.locator(".column > header").all_inner_texts()
    assert "24 bits" in heads[0]
    assert "8 bits" in heads[1]
    assert all("ms" in head or " s" in head for head in heads)
    assert "360 bytes" in heads[0]
    assert "found by both" in page.inner_text("#status")
    assert "and=scenes8" in page.url
    page.click("#compare")
    page.wait_for_selector("#results.one")


def test_the_keys_do_all_of_it(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    page.locator("#help").focus()
    page.keyboard.press("/")
    page.keyboard.type("a blue square")
    page.keyboard.press("Enter")
    page.wait_for_selector(".measures")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    focused = "document.activeElement.closest('.hit')?.dataset.id"
    assert page.evaluate(focused) == ids(page)[1]
    page.keyboard.press("ArrowDown")
    below = ids(page).index(page.evaluate(focused))
    assert below > 1
    page.keyboard.press("Enter")
    page.wait_for_selector("#details[open]")
    assert ids(page)[below] in page.inner_text("#details")
    page.keyboard.press("Escape")
    assert not page.is_visible("#details")
    page.keyboard.press("?")
    assert page.is_visible("#hints")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector("#status .quiet")
    assert page.input_value("#words") == ""


def test_light_and_dark_follow_the_system_until_chosen(open_page):
    paper = "getComputedStyle(document.body).backgroundColor"
    page = open_page(color_scheme="dark")
    assert page.evaluate(paper) == "rgb(14, 18, 24)"
    page.click("#theme")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.reload()
    page.wait_for_selector(HITS)
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("query", ["", "?q=a+red+circle", "?q=star&in=text", "?q=star&c=scenes24&and=scenes8"])
def test_a_phone_needs_no_sideways_scrolling(open_page, query):
    page = open_page(query, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_caption_that_is_a_script_is_a_caption(open_page, own):
    wicked = "<img src=x onerror=alert(1)><script>document.title='pwned'</script>"
    own.add([Raw(wicked, None, (wicked,), {"year": 1, "note": wicked})])
    with serving(create_app([own])) as address:
        page = open_page("?q=img&in=text&where=year+%3D%3D+1", base=address)
        assert wicked in page.inner_text(HITS)
        page.locator(".hit .open").first.click()
        assert wicked in page.inner_text("#details")
        assert "pwned" not in page.title()
        page.click("#details .close")


def test_words_that_the_model_does_not_know_are_named(open_page):
    page = open_page("?q=xyzzy")
    page.wait_for_selector(".hit .measures")
    assert "no word of 'xyzzy' is in the model's vocabulary" in page.inner_text(".doubtful")
    ask(page, "a red circle")
    page.wait_for_selector(".doubtful", state="detached")


def test_a_search_that_fails_is_told_in_words(open_page):
    open_page.expected.append("a status of 404")
    page = open_page("?part=like:1:none")
    assert "there is no item 'none'" in page.inner_text(".fault")
