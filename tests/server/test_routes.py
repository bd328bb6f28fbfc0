"""What the server answers is what the library finds, and nothing about the server's disk."""

import base64
import io

import pytest
from PIL import Image

from crossbit.collection import image, like, text
from helpers.refusals import refused

SEARCH = "/api/collections/scenes24/search"


def found(answer):
    return [(hit["id"], hit["distance"]) for hit in answer["hits"]]


def expected(result):
    return [(hit.item.id, hit.distance) for hit in result.hits]


def ask(client, **question):
    response = client.post(SEARCH, json=question)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
def png(tiny_scenes):
    file = io.BytesIO()
    Image.fromarray(tiny_scenes.images[3]).save(file, "PNG")
    return file.getvalue()


def test_a_search_by_words_is_the_library_s(client, shelf):
    answer = ask(client, parts=[{"text": "a red circle"}], k=7)
    assert found(answer) == expected(shelf.search(text("a red circle"), k=7))
    assert answer["target"] == "image"
    assert answer["searched"] == 60
    assert answer["stages"] is None


def test_parts_have_weights_and_may_lead_away(client, shelf):
    answer = ask(client, parts=[{"text": "circle"}, {"text": "red", "weight": -0.5}, {"like": "000004"}])
    assert found(answer) == expected(shelf.search(text("circle"), -text("red") * 0.5, like("000004")))


def test_a_picture_finds_texts_unless_pictures_are_wanted(client, shelf, png):
    part = {"image": base64.b64encode(png).decode()}
    texts, pictures = ask(client, parts=[part]), ask(client, parts=[part], target="image")
    assert (texts["target"], pictures["target"]) == ("text", "image")
    assert found(texts) == expected(shelf.search(image(png)))
    assert pictures["hits"][0]["id"] == "000003"
    assert pictures["hits"][0]["distance"] == 0


def test_a_picture_s_file_may_be_the_body(client, png):
    answer = client.post(f"{SEARCH}/image", params={"target": "image", "k": 3}, content=png).json()
    assert answer["hits"][0]["id"] == "000003"
    assert len(answer["hits"]) == 3


def test_words_and_items_may_stand_in_the_address(client, shelf):
    given = {"text": ["circle", "big"], "minus": "red", "like": "000004", "k": 4, "where": "year < 2030"}
    answer = client.get(SEARCH, params=given).json()
    parts = (text("circle"), text("big"), -text("red"), like("000004"))
    assert found(answer) == expected(shelf.search(*parts, k=4, where="year < 2030"))
    assert "1 to 16" in refused(client.get(SEARCH), 422, "input")


def test_the_address_may_hold_every_condition(client, shelf):
    given = {"text": "red", "target": "text", "radius": 12, "k": 50, "where": "year < 2030", "explain": True}
    answer = client.get(SEARCH, params=given).json()
    assert answer["target"] == "text"
    assert found(answer) == expected(shelf.search(text("red"), target="text", radius=12, k=50, where="year < 2030"))
    assert answer["stages"]
    assert "half of the 24 bits" in refused(client.get(SEARCH, params={"text": "red", "radius": 13}), 422, "input")


def test_a_name_that_the_address_does_not_know_is_refused(client, png):
    for answer in (
        client.get(SEARCH, params={"text": "red", "limit": 3}),
        client.post(f"{SEARCH}/image", params={"limit": 3}, content=png),
    ):
        assert refused(answer, 422, "input").startswith("query.limit")


def test_a_filter_and_a_radius_hold(client, shelf):
    answer = ask(client, parts=[{"text": "star"}], where="year >= 2050", k=50)
    assert answer["searched"] == len(answer["hits"]) == 10
    assert all(hit["metadata"]["year"] >= 2050 for hit in answer["hits"])
    near = ask(client, parts=[{"text": "star"}], radius=12, k=50)
    assert found(near) == expected(shelf.search(text("star"), radius=12, k=50))


def test_a_text_without_a_known_word_is_named(client):
    answer = ask(client, parts=[{"text": "a red circle"}, {"text": "xyzzy 红色"}, {"like": "000004"}])
    assert answer["warning"] == "no word of 'xyzzy 红色' is in the model's vocabulary; results are meaningless"
    assert ask(client, parts=[{"text": "xyzzy red"}, {"like": "000004"}])["warning"] is None


def test_explaining_tells_the_stages(client):
    stages = ask(client, parts=[{"text": "star"}], explain=True)["stages"]
    assert {"shortlist", "asymmetric"} <= {stage["name"] for stage in stages}
    assert all(stage["seconds"] >= 0 for stage in stages)


def test_no_answer_holds_a_place_on_the_disk(client, shelf, tmp_path_factory):
    from crossbit.collection import Raw

    picture = tmp_path_factory.mktemp("secret") / "seen.png"
    Image.new("RGB", (40, 40), "red").save(picture)
    shelf.add([Raw("placed", picture, ("a red picture",))])
    try:
        assert shelf.item("placed").picture == str(picture)
        base = "/api/collections/scenes24"
        answers = [
            client.get(f"{base}/item", params={"id": "placed"}),
            client.get(SEARCH, params={"text": "a red picture", "k": 100}),
            client.get(f"{base}/sample", params={"n": 100}),
            client.get(f"{base}/fields"),
            client.get("/api/collections"),
            client.get("/metrics"),
        ]
        assert "placed" in answers[0].text
        assert "placed" in answers[1].text
        for answer in answers:
            assert answer.status_code == 200
            assert "secret" not in answer.text
            assert str(shelf.folder.parent) not in answer.text
    finally:
        shelf.remove(["placed"])


@pytest.mark.parametrize(
    "where",
    [
        'picture > "/a"',
        '"/home" in picture',
        'not (year < 3 or picture == "x")',
        '"/home" in picture != None',
        'picture contains "/home"',
        'year < 2000 or picture not contains "/home"',
        'None != picture >= "/home"',
        'year != None and "/a" <= picture < "/b"',
        'picture in (None, "/home/x")',
    ],
)
def test_a_filter_does_not_find_out_places(client, where):
    message = refused(client.get(SEARCH, params={"text": "x", "where": where}), 422, "input")
    assert "but not its path" in message


def test_a_filter_may_ask_whether_there_is_a_picture(client):
    answer = client.get(SEARCH, params={"text": "x", "where": "picture == None", "k": 60}).json()
    assert answer["searched"] == 60
    both = client.get(SEARCH, params={"text": "x", "where": "2000 <= year < 2010 and None == picture"}).json()
    assert both["searched"] == 10


def test_items_thumbnails_samples_and_fields(client, shelf):
    base = "/api/collections/scenes24"
    shown = client.get(f"{base}/item", params={"id": "000007"}).json()
    assert shown["texts"] == list(shelf.item("000007").texts)
    small = client.get(shown["thumbnail"])
    assert small.content == shelf.thumbnail("000007")
    assert small.headers["content-type"] == "image/jpeg"
    again = client.get(shown["thumbnail"], headers={"if-none-match": small.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    drawn = client.get(f"{base}/sample", params={"n": 5, "seed": 1}).json()["items"]
    assert len({each["id"] for each in drawn}) == 5
    assert drawn == client.get(f"{base}/sample", params={"n": 5, "seed": 1}).json()["items"]
    fields = {each["name"]: each for each in client.get(f"{base}/fields").json()["fields"]}
    assert fields["labels"]["listed"]
    assert not fields["year"]["listed"]


def test_collections_tell_their_sizes_and_model(client, shelf):
    answer = client.get("/api/collections").json()
    first, second = answer["collections"]
    assert (first["name"], first["items"], first["bits"], first["method"]) == ("scenes24", 60, 24, "cca(ridge=0.1)+itq")
    assert first["code_bytes"] == 2 * 60 * 3
    assert first["model"] == shelf.store.facts["model"]
    assert second["bits"] == 8


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/collections/scenes24/item?id=none", "no-item"),
        ("/api/collections/scenes24/thumbnail?id=none", "no-item"),
        ("/api/collections/scenes24/search?like=none", "no-item"),
        ("/api/collections/none/item?id=000001", "no-collection"),
        ("/nothing", "no-page"),
        ("/page/limits.py", "no-page"),
    ],
)
def test_what_is_not_there_is_404_and_named(client, path, kind):
    assert refused(client.get(path), 404, kind)


def test_the_library_s_words_reach_the_client(client):
    message = refused(client.get(SEARCH, params={"text": "x", "where": "yaer < 3"}), 422, "input")
    assert "no item has 'yaer'; did you mean 'year'?" in message
    message = refused(client.get(SEARCH, params={"text": "x", "where": "year = 3"}), 422, "input")
    assert "equality is written ==" in message
    assert "half of the 24 bits" in refused(
        client.post(SEARCH, json={"parts": [{"text": "x"}], "radius": 13}), 422, "input"
    )


def test_every_answer_forbids_what_a_page_could_be_made_to_do(client):
    for address in ("/", "/api/health", "/nothing", "/api/collections/scenes24/search"):
        headers = client.get(address).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_health_and_meters_tell_what_happened(client):
    assert client.get("/api/health").json()["collections"] == {"scenes24": 60, "scenes8": 60}
    client.get(SEARCH, params={"text": "x"})
    meters = client.get("/metrics").text
    assert 'crossbit_items{collection="scenes24"} 60.0' in meters
    assert 'crossbit_requests_total{method="GET",route="/api/collections/{name}/search",status="200"}' in meters
    assert 'crossbit_stage_seconds_count{collection="scenes24",stage="shortlist"}' in meters
    assert "crossbit_working 0.0" in meters


def test_health_fails_when_a_collection_cannot_be_read(writable, own):
    (own.folder / "items.db").write_bytes(b"no database" * 1000)
    for name in ("items.db-wal", "items.db-shm"):
        (own.folder / name).unlink(missing_ok=True)
    answer = writable.get("/api/health")
    assert answer.status_code == 503
    assert answer.json()["collections"] == {"mine": None}
    message = refused(writable.get("/api/collections/mine/item", params={"id": "000001"}), 500, "damaged")
    assert str(own.folder.parent) not in message
    assert "verify" in message


def test_the_page_is_a_fixed_list_of_files_without_other_hosts(client):
    from crossbit.server.assets import FILES

    for name in FILES:
        answer = client.get(f"/page/{name}")
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
        assert "innerHTML" not in answer.text
        known = client.get(f"/page/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert known.status_code == 304
