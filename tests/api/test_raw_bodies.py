"""Bytes that no schema describes: every route refuses them in its own form, with no 5xx, and repeats nothing long."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.api.hostile import (
    CONTENT_TYPES,
    LONG,
    QUERIES,
    QUERY_VALUES,
    SEGMENTS,
    form_bodies,
    is_repeated,
    json_bodies,
)
from tests.api.running import OPERATIONS, Running, a_running_gateway
from tests.api.whole import Resident

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
WITH_JSON: Final = (
    "POST /v1/chat/completions",
    "POST /v1/embeddings",
    "POST /v1/responses",
    "POST /v1/audio/speech",
    "POST /v1/users",
    "PATCH /v1/users/{user_id}",
    "POST /v1/roles",
    "POST /v1/api-keys",
    "POST /v1/api-keys/{key_id}/rotate",
    "POST /v1/organizations",
    "PATCH /v1/organizations/{organization_id}",
    "POST /v1/organizations/{organization_id}/members",
    "PATCH /v1/organizations/{organization_id}/members/{user_id}",
    "PUT /v1/shares",
    "POST /v1/quotas",
    "POST /v1/auth/login",
    "POST /v1/auth/refresh",
    "POST /v1/auth/password",
    "POST /v1/oauth/clients",
    "POST /v1/pipelines/{pipeline}/latest",
    "POST /v1/prompts",
    "PUT /v1/prompts/{prompt}",
    "POST /v1/prompts/{prompt}/latest",
    "POST /v1/prompts/{prompt}/render",
    "POST /v1/conversations",
    "POST /v1/conversations/{conversation_id}",
    "POST /v1/conversations/{conversation_id}/items",
    "POST /v1/batches",
    "POST /v1/webhooks",
    "PATCH /v1/webhooks/{webhook_id}",
    "POST /v1/webhooks/{webhook_id}/rotate-secret",
)
OPENAI: Final = WITH_JSON[:4]
"""In OpenAI's format, whose clients send fields that are newer than a server."""
WITH_DOCUMENT: Final = ("POST /v1/pipelines", "PUT /v1/pipelines/{pipeline}", "POST /v1/pipelines/{pipeline}/runs")
"""Take YAML, or a form, as well as JSON: below, for what all of them refuse."""
WITH_FORM: Final = (
    "POST /v1/oauth/authorize",
    "POST /v1/oauth/token",
    "POST /v1/oauth/revoke",
    "POST /v1/oauth/introspect",
)
WITH_FILE: Final = (
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "POST /v1/voice/turns",
    "POST /v1/files",
)
NOT_THERE: Final = ("response_id", "provider_id", "model", "version")
GOOD_BODIES: Final[dict[str, dict[str, Any]]] = {
    "POST /v1/chat/completions": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello."}]},
    "POST /v1/embeddings": {"model": "fake-embedding", "input": "Hello."},
    "POST /v1/responses": {"model": "gpt-4o-mini", "input": "Hello."},
    "POST /v1/audio/speech": {"model": "tts-1", "voice": "alloy", "input": "Hello."},
    "POST /v1/users": {"email": "new@example.com"},
    "PATCH /v1/users/{user_id}": {},
    "POST /v1/roles": {"name": "captions", "scopes": ["models:read"]},
    "POST /v1/api-keys": {"name": "captions"},
    "POST /v1/api-keys/{key_id}/rotate": {},
    "POST /v1/organizations": {"name": "Newsroom"},
    "PATCH /v1/organizations/{organization_id}": {},
    "POST /v1/organizations/{organization_id}/members": {"user": "ana@example.com"},
    "PATCH /v1/organizations/{organization_id}/members/{user_id}": {"role": "member"},
    "PUT /v1/shares": {
        "resource_kind": "request",
        "resource_id": "x",
        "subject_kind": "user",
        "subject_id": "x",
        "access": "read",
    },
    "POST /v1/quotas": {"subject": "user_x", "kind": "requests", "limit": 1},
    "POST /v1/auth/login": {"email": "ana@example.com", "password": "x"},
    "POST /v1/auth/refresh": {"refresh_token": "x"},
    "POST /v1/auth/password": {"current_password": "x", "new_password": "y"},
    "POST /v1/pipelines/{pipeline}/latest": {"version": 1},
    "POST /v1/prompts": {"name": "brief", "system": "Be brief."},
    "PUT /v1/prompts/{prompt}": {"system": "Be brief."},
    "POST /v1/prompts/{prompt}/latest": {"version": 1},
    "POST /v1/prompts/{prompt}/render": {},
    "POST /v1/conversations": {},
    "POST /v1/conversations/{conversation_id}": {},
    "POST /v1/conversations/{conversation_id}/items": {"items": [{"role": "user", "content": "Hi."}]},
    "POST /v1/batches": {"input_file_id": "file_x", "endpoint": "/v1/embeddings", "completion_window": "24h"},
    "POST /v1/webhooks": {"url": "https://example.com/hook", "event_types": ["run.failed"]},
    "PATCH /v1/webhooks/{webhook_id}": {},
    "POST /v1/webhooks/{webhook_id}/rotate-secret": {},
    "POST /v1/oauth/clients": {"name": "Captions", "kind": "confidential", "scopes": ["models:read"]},
}
"""With all that is needed, so that what is changed is at fault."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with a_running_gateway(tmp_path_factory.mktemp("raw")) as running:
        yield running


@pytest.fixture(scope="module")
def resident(running: Running) -> Resident:
    """An administrator; nothing that is sent here takes anything away from them."""
    return running.add()


def is_wrong(answer: httpx.Response) -> bool:
    """Whether it is a 5xx, or a refusal that repeats what was sent."""
    return answer.status_code >= 500 or (answer.is_error and is_repeated(answer.text + str(answer.headers)))


class Client:
    """Sends to one operation, and says what is wrong with the answers."""

    def __init__(self, running: Running, resident: Resident, label: str) -> None:
        self.running = running
        self.label = label
        self.method, _, self.path = label.partition(" ")
        self.operation = running.operation(label)
        self.found = resident.found
        self.headers = [("authorization", f"Bearer {resident.key}")] if "security" in self.operation else []
        self.wrong: dict[str, object] = {}

    def target(self, **changed: str) -> str:
        return self.path.format(**{**dict.fromkeys(NOT_THERE, "x"), **self.found, **changed})

    def send(self, what: str, target: str, body: Any = (), content_types: Any = (JSON,)) -> httpx.Response:
        """Ask, and note what no answer may be."""
        headers = [*self.headers, *(("content-type", each) for each in content_types)]
        answer = self.running.send(self.method, target, headers, body)
        if is_wrong(answer):
            self.wrong[what] = (answer.status_code, answer.text[:300])
        return answer

    def refused(self, what: str, target: str, body: Any = (), content_types: Any = (JSON,)) -> None:
        """Note what is wrong with an answer that must be a refusal."""
        answer = self.send(what, target, body, content_types)
        if not 400 <= answer.status_code < 500 or not self.is_told(answer):
            self.wrong[what] = (answer.status_code, answer.text[:300])

    def is_told(self, answer: httpx.Response) -> bool:
        """Whether a refusal has a form that the document says it has."""
        if self.path == "/v1/oauth/authorize" and answer.headers["content-type"].startswith("text/html"):
            return 'role="alert"' in answer.text
        told = answer.json()
        if self.path.startswith("/v1/oauth/") and "error_description" in told:
            return set(told) == {"error", "error_description"}
        return set(told) == {"error"} and set(told["error"]) == {"message", "type", "param", "code"}


@pytest.fixture
def client(running: Running, resident: Resident, label: str) -> Client:
    return Client(running, resident, label)


def with_content(running: Running, content_type: str) -> set[str]:
    return {
        label
        for label in OPERATIONS
        if content_type in running.operation(label).get("requestBody", {}).get("content", {})
    }


def test_every_route_with_a_body_is_tried(running: Running) -> None:
    assert with_content(running, JSON) - set(WITH_DOCUMENT) == set(WITH_JSON)
    assert with_content(running, FORM) == set(WITH_FORM)
    assert with_content(running, "multipart/form-data") - set(WITH_DOCUMENT) == set(WITH_FILE)


@pytest.mark.parametrize("label", WITH_JSON)
def test_no_hostile_json_is_taken(client: Client) -> None:
    fields = list(client.operation["requestBody"]["content"][JSON]["schema"]["properties"])
    for what, body in json_bodies(fields[0], fields[-1]).items():
        client.refused(what, client.target(), body)
    assert client.wrong == {}


@pytest.mark.parametrize("label", WITH_DOCUMENT)
def test_no_hostile_document_is_taken(client: Client) -> None:
    for what, body in json_bodies("name", "inputs").items():
        client.refused(what, client.target(), body)
    assert client.wrong == {}


@pytest.mark.parametrize("label", [label for label in WITH_JSON if label not in OPENAI])
def test_no_field_that_a_body_does_not_have_is_taken(client: Client) -> None:
    for field in ("is_admin", "id", "created_at", "tenant_id"):
        body = (json.dumps({**GOOD_BODIES[client.label], field: True}).encode(),)
        client.refused(field, client.target(), body)
    assert client.wrong == {}


@pytest.mark.parametrize("label", WITH_JSON)
def test_no_refusal_repeats_a_long_text(client: Client) -> None:
    for field in client.operation["requestBody"]["content"][JSON]["schema"]["properties"]:
        for value in ("V" * 200, LONG, ["V" * 200], {"V" * 200: "V" * 200}, [{"V" * 200: LONG}]):
            body = (json.dumps({**GOOD_BODIES[client.label], field: value}).encode(),)
            client.send(f"{field}: {str(value)[:5]}", client.target(), body)
    assert client.wrong == {}


@pytest.mark.parametrize("label", [*WITH_JSON, *WITH_FORM, *WITH_FILE])
def test_no_content_of_another_kind_is_taken(client: Client) -> None:
    for what, kinds in CONTENT_TYPES.items():
        if client.label not in WITH_FORM or kinds != (FORM,):
            client.refused(what, client.target(), (b"{}",), kinds)
    client.headers.append(("content-encoding", "gzip"))
    client.refused("gzip", client.target(), (b"\x1f\x8b",))
    assert client.wrong == {}


@pytest.mark.parametrize("label", WITH_FORM)
def test_no_hostile_form_is_taken(client: Client) -> None:
    required = client.operation["requestBody"]["content"][FORM]["schema"]["required"]
    for what, body in form_bodies({**dict.fromkeys(required, "x"), "client_id": "client_x"}).items():
        client.refused(what, client.target(), body, (FORM,))
    assert client.wrong == {}


@pytest.mark.parametrize("label", ["GET /v1/oauth/authorize"])
def test_no_hostile_authorization_request_is_taken(client: Client) -> None:
    for what, body in form_bodies({"client_id": "client_x", "redirect_uri": "x"}).items():
        client.refused(what, f"{client.target()}?{b''.join(body).decode('latin-1')}")
    assert client.wrong == {}


@pytest.mark.parametrize("label", WITH_FILE)
def test_no_hostile_multipart_form_is_taken(client: Client) -> None:
    parts = {
        "nothing": (),
        "rubbish": (b"\xff\x00" * 5000,),
        "no end": (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',),
        "no file": (b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n',),
        "an odd name": (b'--x\r\nContent-Disposition: form-data; name="\xff\0"\r\n\r\na\r\n--x--\r\n',),
        "a long name": (b'--x\r\nContent-Disposition: form-data; name="' + b"V" * 5000 + b'"\r\n\r\na\r\n--x--\r\n',),
        "a long header": (b"--x\r\nX-" + b"V" * 100_000 + b": a\r\n\r\na\r\n--x--\r\n",),
        "a file of rubbish": (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="V"\r\n\r\nRIFF\xff\r\n',
            b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + b"V" * 5000 + b"\r\n--x--\r\n",
        ),
    }
    for what, body in parts.items():
        client.refused(what, client.target(), body, ("multipart/form-data; boundary=x",))
    assert client.wrong == {}


def parameters(label: str, operation: dict[str, Any], place: str) -> list[str]:
    return [each["name"] for each in operation.get("parameters", ()) if each.get("in") == place]


@pytest.mark.parametrize("label", [label for label in OPERATIONS if "{" in label])
def test_no_hostile_path_leads_anywhere(client: Client) -> None:
    body = (json.dumps(GOOD_BODIES[client.label]).encode(),) if client.label in GOOD_BODIES else ()
    for name in parameters(client.label, client.operation, "path"):
        for what, segment in SEGMENTS.items():
            client.refused(f"{name}: {what}", client.target(**{name: segment}), body)
    assert client.wrong == {}


@pytest.mark.parametrize("label", [label for label in OPERATIONS if label.startswith("GET ")])
def test_no_hostile_query_is_more_than_a_refusal(client: Client) -> None:
    names = parameters(client.label, client.operation, "query")
    for name in names:
        for what, value in QUERY_VALUES.items():
            answer = client.send(f"{name}: {what}", f"{client.target()}?{name}={value}")
            if answer.status_code >= 400 and not client.is_told(answer):
                client.wrong[f"{name}: {what}"] = answer.text[:300]
    for what, query in QUERIES.items():
        client.send(what, f"{client.target()}?{query(names[0] if names else 'a')}")
    assert client.wrong == {}
