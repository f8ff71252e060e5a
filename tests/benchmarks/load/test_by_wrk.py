"""Which requests wrk sends, and how it is told of a body."""

import shutil
from pathlib import Path

import httpx
import pytest

from benchmarks.load.by_wrk import find_wrk, script_of
from benchmarks.load.connection import Request

URL = "http://127.0.0.1:8000/v1/embeddings"


@pytest.mark.parametrize(
    ("method", "can_post", "sends"), [("GET", False, True), ("POST", False, False), ("POST", True, True)]
)
def test_wrk_sends_bodies_only_where_it_may(
    method: str, can_post: bool, sends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    request = Request.of(httpx.Request(method, URL))
    assert (find_wrk(request, can_post) is not None) is sends


def test_a_body_is_a_string_of_a_script(tmp_path: Path) -> None:
    request = Request.of(httpx.Request("POST", URL, json={"input": 'He said "no".'}))
    _, path = script_of(request, tmp_path)
    told = Path(path).read_text(encoding="ascii").splitlines()
    assert told == ['wrk.method = "POST"', r'wrk.body = "{\"input\":\"He said \\\"no\\\".\"}"']


def test_a_get_needs_no_script(tmp_path: Path) -> None:
    assert script_of(Request.of(httpx.Request("GET", URL)), tmp_path) == ()
