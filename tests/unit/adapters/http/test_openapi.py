"""The API's description: every call in full, and every example true."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from litestar.routes import HTTPRoute

from adapters.http import bodies
from adapters.http.app import create_app
from adapters.http.fields import read_document
from adapters.http.openapi import VERSION, openapi_document
from adapters.http.problems import KINDS, PROBLEM_JSON, Problem
from paywall_core.testing import InMemoryStore
from tests.integration.http.service import http_dependencies, new_world

ROOT: Final = Path(__file__).parents[4]
APP: Final = create_app(http_dependencies(InMemoryStore(), new_world()))
DOCUMENT: Final[dict[str, Any]] = json.loads(openapi_document(APP))
SHAPES: Final = {name: shape for name, shape in vars(bodies).items() if name.endswith(("Body", "Answer"))}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call with its name."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


CALLS: Final = dict(operations())


def shape_of(media: dict[str, Any]) -> Any:
    """The struct that a body refers to; a text stands for itself."""
    if media["schema"] == {"type": "string"}:
        return str
    return SHAPES[media["schema"]["$ref"].rpartition("/")[2]]


def test_every_route_is_described_but_pages_files_and_the_description_itself() -> None:
    """No call is forgotten."""
    routes = {
        f"{method} {route.path}" for route in APP.routes if isinstance(route, HTTPRoute) for method in route.methods
    }
    others = {route for route in routes if route.split()[1].startswith(("/pay", "/static", "/schema"))}
    assert {route for route in routes - others if not route.startswith("OPTIONS")} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_call_is_described_in_full(name: str) -> None:
    """A summary, the rule behind it, an example of everything that is sent, and every problem with one."""
    call = CALLS[name]
    assert call["summary"]
    assert call["description"]
    assert not call["summary"].endswith(".")
    assert call["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    for parameter in call.get("parameters", []):
        assert parameter["description"]
        assert parameter["examples"]
    for media in call.get("requestBody", {}).get("content", {}).values():
        assert media["examples"]
    for status, answer in call["responses"].items():
        for media_type, media in answer["content"].items():
            assert media_type == PROBLEM_JSON or status == "200"
            assert media_type == "image/gif" or media["examples"]
    assert ("security" in call) == ("401" in call["responses"]) == ("/api/bot/" in name or name == "GET /metrics")
    assert ("413" in call["responses"]) == ("requestBody" in call)


@pytest.mark.parametrize("name", CALLS)
def test_examples_are_true(name: str) -> None:
    """What is asked can be read, what is answered has every field, and each problem is as it would be sent."""
    call = CALLS[name]
    for media in call.get("requestBody", {}).get("content", {}).values():
        if "$ref" in media["schema"]:
            for example in media["examples"].values():
                read_document(json.dumps(example["value"]).encode(), shape_of(media))
    for answer in call["responses"].values():
        for media_type, media in answer["content"].items():
            for code, example in media.get("examples", {}).items():
                shape = Problem if media_type == PROBLEM_JSON else shape_of(media)
                value = example["value"]
                assert json.loads(msgspec.json.encode(msgspec.convert(value, shape))) == value
                if shape is Problem:
                    assert (value["code"], value["status"]) == (code, KINDS[code].status)


def test_every_field_is_explained() -> None:
    """Of what is sent; of the answers those that do not speak for themselves."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith("Body") or name in ("Problem", "FieldError"):
            for field in schema["properties"].values():
                assert field["description"]


def test_description_is_the_same_in_every_run() -> None:
    """So that a file can be compared with it; whatever order Python's sets have today."""
    program = (
        "import sys; from tests.unit.adapters.http.test_openapi import APP, openapi_document; "
        "sys.stdout.buffer.write(openapi_document(APP))"
    )
    written = [
        subprocess.run(  # noqa: S603  - this very file
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert written == [openapi_document(APP)] * 2
    assert written[0].endswith(b"}\n")


def test_description_is_ours_alone() -> None:
    """Its version is the package's; no webhooks of others, no address of others but the examples'."""
    assert DOCUMENT["info"]["version"] == VERSION
    assert "webhooks" not in DOCUMENT
    assert DOCUMENT["servers"] == [{"url": "/"}]
