"""What the document says is what the gateway does: schemathesis reads it and sends what it allows, and what it forbids.

As an administrator, over fakes, in process. What no schema forbids and HTTP libraries do not send is in
``test_raw_bodies.py``.
"""

import asyncio
import json
import zlib
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from benchmarks.clips import wav as wav_file
from smartlite.auth.oauth.pkce import challenge_of
from smartlite.config import Settings
from tests.api.oauth_gateway import CALLBACK, VERIFIER
from tests.api.whole import PASSWORD, Resident, Whole, a_whole_gateway
from tests.api.wire import send
from tests.conftest import make_services

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES: Final = 15
"""Random cases of each operation, in each of two modes."""
RECORDING: Final = wav_file(b"\0\1" * 8000, 16_000)
SIGNED_IN: Final = ("POST /v1/auth/logout", "POST /v1/auth/password")
"""What a key cannot do, or does otherwise."""


GOOD: Final[dict[str, object]] = {
    "resource_kind": "request",
    "subject_kind": "user",
    "response_type": "code",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
    "redirect_uri": CALLBACK,
    "grant_type": "client_credentials",
    "decision": "deny",
    "scope": "models:read",
    "scopes": ["models:read"],
    "redirect_uris": [CALLBACK],
    "voice": "alloy",
    "password": PASSWORD,
    "current_password": PASSWORD,
    "file": RECORDING,
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


class Running:
    """The gateway in an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        config = Settings(data_dir=folder, model_cache_dir=folder / "models", allowed_hosts=("*",))
        self._opened = a_whole_gateway(make_services(config, {}), folder)
        self.whole: Whole = self.runner.run(self._opened.__aenter__())
        self.schema = schemathesis.openapi.from_dict(json.loads(json.dumps(self.whole.app.openapi())))

    def close(self) -> None:
        self.runner.run(self._opened.__aexit__(None, None, None))
        self.runner.close()

    def ask(self, case: Any, resident: Resident) -> Response:
        """Send a case as this administrator."""
        self._fill(case, resident)
        asked = case.as_transport_kwargs(base_url="http://gateway")
        asked = {name: value for name, value in asked.items() if name not in {"verify", "timeout", "cert"}}
        prepared = requests.Request(**asked).prepare()
        label = case.operation.label
        token = resident.key if label not in SIGNED_IN else self.runner.run(self.whole.access_token(resident.email))
        prepared.headers["authorization"] = f"Bearer {token}"
        headers = [(name, _latin(value)) for name, value in prepared.headers.items()]
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        target = prepared.path_url
        answer = self.runner.run(send(self.whole.app, str(prepared.method), target, headers, [body] if body else []))
        return Response(
            answer.status_code,
            {name: answer.headers.get_list(name) for name in answer.headers},
            answer.content,
            prepared,
            elapsed=0.0,
            verify=False,
            encoding="utf-8",
        )

    def _fill(self, case: Any, resident: Resident) -> None:
        """Put things that are there in the place of random ones, in most cases: which, the case itself decides."""
        containers = [case.path_parameters, case.query, case.headers, case.body]
        chosen = zlib.crc32(repr(containers).encode("utf-8", "replace"))
        good = {**resident.found, **GOOD, "OpenAI-Organization": resident.found["organization_id"]}
        if case.path in MODELS:
            good["model"] = MODELS[case.path]
        for container in containers:
            if not isinstance(container, MutableMapping):
                continue
            for name in container.keys() & good.keys():
                if chosen % 4 in {1, 2} or (chosen % 4 == 3 and zlib.crc32(f"{name}{chosen}".encode()) % 2):
                    container[name] = good[name]
        # Anything else is nobody's organisation, and would be all that the case were about.
        if case.headers and chosen % 16 and case.headers.get("OpenAI-Organization") != good["OpenAI-Organization"]:
            case.headers.pop("OpenAI-Organization", None)


def _latin(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
