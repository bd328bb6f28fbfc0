"""Requests made up from the OpenAPI document, right and wrong: answered as it says, and never with 5xx."""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from crossbit.server import create_app
from helpers.refusals import ALLOWED

load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
BOUND = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
ROUTES = {
    ("get", "/api/health"),
    ("get", "/metrics"),
    ("get", "/api/collections"),
    ("post", "/api/collections/{name}/search"),
    ("get", "/api/collections/{name}/search"),
    ("post", "/api/collections/{name}/search/image"),
    ("get", "/api/collections/{name}/item"),
    ("get", "/api/collections/{name}/thumbnail"),
    ("get", "/api/collections/{name}/sample"),
    ("get", "/api/collections/{name}/fields"),
    ("post", "/api/collections/{name}/items"),
    ("delete", "/api/collections/{name}/items"),
}
#: Routes that take nothing that could be wrong.
UNASKED = {("get", path) for path in ("/api/health", "/metrics", "/api/collections", "/api/collections/{name}/fields")}


@pytest.fixture(scope="session")
def document(shelves):
    return create_app(shelves, key="x" * 16).openapi()


def test_the_document_lists_every_route_and_every_refusal(document):
    found = {(method, path): route for path, routes in document["paths"].items() for method, route in routes.items()}
    assert found.keys() == ROUTES
    for route in found.values():
        assert {"400", "404", "408", "413", "422", "429", "500", "503"} <= route["responses"].keys()
    assert {"401", "403", "507"} <= found["delete", "/api/collections/{name}/items"]["responses"].keys()


def test_the_examples_of_the_document_work(document, writable):
    schemas = document["components"]["schemas"]
    for question in schemas["SearchRequest"]["examples"]:
        assert writable.post("/api/collections/mine/search", json=question).status_code == 200
    for items in schemas["AddRequest"]["examples"]:
        answer = writable.post("/api/collections/mine/items", json=items, headers=ALLOWED)
        assert answer.json()["added"] == 1


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        (route, mode)
        for route in sorted(ROUTES)
        for mode in GenerationMode
        if mode == GenerationMode.POSITIVE or route not in UNASKED
    ],
    ids=str,
)
def test_made_up_requests_are_answered_as_documented(document, address, client, route, mode):
    method, path = route
    schema = schemathesis.openapi.from_dict(document)
    operation = schema[path][method]
    checks = [CHECKS.get_one(name) for name in NAMES]

    @BOUND
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        if case.path_parameters and mode == GenerationMode.POSITIVE:
            case.path_parameters["name"] = "scenes8"
        case.call_and_validate(base_url=address, checks=checks)

    ask()
    assert client.get("/api/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    "route", [("delete", "/api/collections/{name}/items"), ("post", "/api/collections/{name}/items")]
)
def test_made_up_writes_with_the_key_are_answered_as_documented(document, writable, route):
    method, path = route
    operation = schemathesis.openapi.from_dict(document)[path][method]
    checks = [CHECKS.get_one(name) for name in NAMES if name != "negative_data_rejection"]

    @BOUND
    @given(case=operation.as_strategy())
    def ask(case):
        case.path_parameters["name"] = "mine"
        case.headers = {**(case.headers or {}), **ALLOWED}
        case.call_and_validate(base_url=str(writable.base_url), checks=checks)

    ask()
    assert isinstance(writable, httpx.Client)
    assert writable.get("/api/health").json()["status"] == "ok"
