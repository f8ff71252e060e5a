"""What the document says is what the gateway does: schemathesis reads it and sends what it allows, and what it forbids.

As an administrator, over fakes, in process. What no schema forbids and HTTP libraries do not send is in
``test_raw_bodies.py``.
"""

import json
import zlib
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy, one_of
from schemathesis import GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from benchmarks.clips import wav as wav_file
from smartlite.auth.oauth.pkce import challenge_of
from tests.api.oauth_gateway import CALLBACK, VERIFIER
from tests.api.running import OPERATIONS, Running, a_running_gateway
from tests.api.whole import Resident
from tests.auth.accounts import PASSWORD

CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES: Final = 20
"""Random cases of each operation."""
RECORDING: Final = wav_file(b"\0\1" * 8000, 16_000)
GOOD: Final[dict[str, object]] = {
    "resource_kind": "request",
    "subject_kind": "user",
    "response_type": "code",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
    "redirect_uri": CALLBACK,
    "grant_type": "client_credentials",
    "decision": "allow",
    "scope": "models:read",
    "scopes": ["models:read"],
    "redirect_uris": [CALLBACK],
    "voice": "alloy",
    "password": PASSWORD,
    "current_password": PASSWORD,
    "file": RECORDING,
    "version": 1,
    "inputs": {},
}
"""By the name of a parameter or a field: what no schema can tell."""
MODELS: Final = {
    "/v1/chat/completions": "gpt-4o-mini",
    "/v1/responses": "gpt-4o-mini",
    "/v1/embeddings": "fake-embedding",
    "/v1/audio/speech": "tts-1",
    "/v1/audio/voices": "tts-1",
    "/v1/audio/transcriptions": "whisper-1",
    "/v1/audio/translations": "whisper-1",
    "/v1/models/{model}": "whisper-1",
}
OF_CLIENTS: Final = ("/v1/oauth/token", "/v1/oauth/revoke", "/v1/oauth/introspect")


class Fuzzer:
    """Makes cases of the document, and sends them."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.schema = schemathesis.openapi.from_dict(json.loads(json.dumps(running.document)))

    def cases(self, label: str) -> Iterator[Any]:
        """Every edge of every parameter and field of an operation, and its examples."""
        operation = self.schema.find_operation_by_label(label)
        assert operation is not None
        generation = self.schema.config.generation_for(operation=operation, phase="coverage")
        modes = list(GenerationMode)
        yield from self.schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=generation)

    def random_cases(self, label: str) -> SearchStrategy[Any]:
        """As the document allows, or not quite."""
        operation = self.schema.find_operation_by_label(label)
        assert operation is not None
        return one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    def check(self, case: Any, resident: Resident) -> None:
        """Send a case; fails where the document does not say that this may be answered."""
        answer = self.ask(case, resident)
        assert answer.status_code < 500, case.as_curl_command()
        is_stream = "text/event-stream" in answer.headers.get("content-type", [""])[0]
        # Of a stream schemathesis looks at every event, which the document does not describe.
        checks = [each for each in CHECKS if not (is_stream and each is response_schema_conformance)]
        case.validate_response(answer, checks=checks)

    def ask(self, case: Any, resident: Resident) -> Response:
        """Send a case as this administrator."""
        self._fill(case, resident)
        asked = case.as_transport_kwargs(base_url="http://gateway")
        asked = {name: value for name, value in asked.items() if name not in {"verify", "timeout", "cert"}}
        prepared = requests.Request(**asked).prepare()
        label = case.operation.label
        if "security" in case.operation.definition.raw:
            prepared.headers["authorization"] = f"Bearer {self._credential(label, resident)}"
        headers = [
            (name, value.decode("latin-1") if isinstance(value, bytes) else value)
            for name, value in prepared.headers.items()
        ]
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        answer = self.running.send(str(prepared.method), prepared.path_url, headers, [body] if body else [])
        return Response(
            answer.status_code,
            {name: answer.headers.get_list(name) for name in answer.headers},
            answer.content,
            prepared,
            elapsed=0.0,
            verify=False,
            encoding="utf-8",
        )

    def _credential(self, label: str, resident: Resident) -> str:
        """A key, but for what is done with a session only; one that was ended is good for nothing more."""
        if label == "POST /v1/auth/logout":
            return self.running.access_token(resident.email)
        return resident.access_token if label == "POST /v1/auth/password" else resident.key

    def _fill(self, case: Any, resident: Resident) -> None:
        """Put things that are there in the place of random ones, in most cases: which, the case itself decides."""
        containers = [case.path_parameters, case.query, case.headers, case.body]
        chosen = zlib.crc32(repr(containers).encode("utf-8", "replace"))
        good = {**resident.found, **GOOD, "OpenAI-Organization": resident.found["organization_id"]}
        if case.path in MODELS:
            good["model"] = MODELS[case.path]
        for container in (each for each in containers if isinstance(each, MutableMapping)):
            for name in container.keys() & good.keys():
                if chosen % 4 in {1, 2} or (chosen % 4 == 3 and zlib.crc32(f"{name}{chosen}".encode()) % 2):
                    container[name] = good[name]
        if case.path == "/v1/users" and isinstance(case.body, MutableMapping) and "email" in case.body:
            case.body["email"] = f"{chosen}@example.com"
        if case.path in OF_CLIENTS and isinstance(case.body, MutableMapping) and chosen % 4:
            case.body.update({name: good[name] for name in ("client_id", "client_secret")})
        # A key that was used before, and nobody's organisation, would be all that most cases are about.
        if case.headers and chosen % 16:
            case.headers.pop("Idempotency-Key", None)
            if case.headers.get("OpenAI-Organization") != good["OpenAI-Organization"]:
                case.headers.pop("OpenAI-Organization", None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with a_running_gateway(tmp_path_factory.mktemp("whole")) as running:
        yield running


@pytest.fixture(scope="module")
def fuzzer(running: Running) -> Fuzzer:
    return Fuzzer(running)


@pytest.fixture
def resident(running: Running) -> Resident:
    """An administrator for one operation, whatever it takes away from them."""
    return running.add()


def test_every_operation_of_the_document_is_tried(running: Running) -> None:
    paths = running.document["paths"]
    found = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_the_edges_of_what_is_documented_are_answered_as_documented(
    fuzzer: Fuzzer, resident: Resident, label: str
) -> None:
    for case in fuzzer.cases(label):
        fuzzer.check(case, resident)


@pytest.mark.parametrize("label", OPERATIONS)
def test_random_requests_are_answered_as_documented(fuzzer: Fuzzer, resident: Resident, label: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=fuzzer.random_cases(label))
    def sends(case: Any) -> None:
        fuzzer.check(case, resident)

    sends()


@pytest.mark.parametrize("label", OPERATIONS)
def test_without_a_good_credential_only_what_the_document_says_is_open_is_open(running: Running, label: str) -> None:
    method, _, path = label.partition(" ")
    is_guarded = "security" in running.operation(label)
    for headers in ({}, {"authorization": "Bearer sl_nobody"}):
        answer = running.send(method, path, headers)
        assert answer.headers.get("www-authenticate", "").startswith("Bearer") == is_guarded
