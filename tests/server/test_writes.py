"""Adding and removing: behind the key, durable, harmless when asked twice."""

import base64

import pytest

from crossbit.collection import Collection, NoItemError
from crossbit.server import create_app, serving
from helpers.refusals import ALLOWED, refused

ITEMS = "/api/collections/mine/items"
NOTE = {"id": "note", "texts": ["a red circle"], "metadata": {"year": 1999}}


def add(client, *items, headers=ALLOWED):
    return client.post(ITEMS, json={"items": list(items)}, headers=headers)


def remove(client, *ids, headers=ALLOWED):
    return client.request("DELETE", ITEMS, params={"id": list(ids)}, headers=headers)


def test_an_item_is_there_once_it_is_acknowledged_and_gone_once_it_is_removed(writable, own):
    assert add(writable, NOTE).json() == {"added": 1, "replaced": 0, "unchanged": 0, "failures": []}
    with Collection(own.folder) as another:
        assert another.item("note").metadata == {"year": 1999}
    assert add(writable, NOTE).json()["unchanged"] == 1
    assert add(writable, NOTE | {"texts": ["a blue star"]}).json()["replaced"] == 1
    hits = writable.get("/api/collections/mine/search", params={"text": "x", "where": "year == 1999"}).json()["hits"]
    assert hits == []  # it has no picture
    assert remove(writable, "note").json() == {"removed": 1}
    with pytest.raises(NoItemError):
        own.item("note")


def test_a_picture_is_added_from_its_bytes(writable, own):
    jpeg = base64.b64encode(own.thumbnail("000003")).decode()
    assert add(writable, {"id": "new/picture one", "picture": jpeg}).json()["added"] == 1
    shown = writable.get("/api/collections/mine/item", params={"id": "new/picture one"}).json()
    assert writable.get(shown["thumbnail"]).status_code == 200


def test_without_the_key_nothing_is_written(writable, own):
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}):
        answer = add(writable, NOTE, headers=headers)
        assert "Bearer KEY" in refused(answer, 401, "key")
        assert answer.headers["www-authenticate"] == "Bearer"
        refused(remove(writable, "000001", headers=headers), 401, "key")
    assert len(own) == 60


def test_a_server_without_a_key_only_reads(own):
    import httpx

    with serving(create_app([own])) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert not client.get("/api/collections").json()["writable"]
        assert "read-only;" in refused(add(client, NOTE), 403, "read-only")
        refused(remove(client, "000001"), 403, "read-only")
    assert len(own) == 60


def test_what_cannot_be_used_is_named_and_the_rest_is_added(writable, own):
    bad = {"id": "bad", "picture": base64.b64encode(b"no picture").decode()}
    answer = add(writable, NOTE, bad)
    assert answer.status_code == 200
    assert answer.json()["added"] == 1
    assert answer.json()["failures"][0]["id"] == "bad"
    assert "not an image in a known format" in refused(add(writable, bad), 422, "input")


def test_an_unknown_id_removes_nothing(writable, own):
    assert "'none'" in refused(remove(writable, "000001", "none"), 404, "no-item")
    assert len(own) == 60


def test_another_writer_is_waited_out_by_the_client(writable, own):
    with own.store.locked():
        answer = add(writable, NOTE)
    refused(answer, 503, "busy")
    assert answer.headers["retry-after"] == "1"
    assert str(own.folder.parent) not in answer.text
    assert add(writable, NOTE).status_code == 200
