"""Requests that become runs, on the platform itself: a pipeline replica answers, and where it is killed, the next."""

import re
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.platform.running import eventually, running_platform
from tests.platform.test_identity import configuration

pytestmark = [pytest.mark.serve, pytest.mark.enable_socket, pytest.mark.timeout(600)]

_KEY: Final = re.compile(r"shown this once: (sl_\w+)")
CHAT: Final[dict[str, Any]] = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
SPEECH: Final = {"model": "fake-tts", "voice": "alloy", "input": "Hello.", "response_format": "wav"}


def test_requests_are_answered_later_as_at_once_though_their_replica_is_killed(tmp_path: Path) -> None:
    more = {"SMARTLITE_AUTH": "required", "SMARTLITE_DATA_DIR": str(tmp_path / "data")}
    log, config = tmp_path / "serve.log", tmp_path / "serve_config.yaml"
    config.write_text(yaml.safe_dump(configuration()))
    with running_platform(log, config, more) as platform:
        key = _KEY.search(log.read_text())
        assert key is not None
        headers = {"authorization": f"Bearer {key[1]}"}
        with httpx.Client(base_url=platform.url, headers=headers, trust_env=False, timeout=60) as client:
            at_once = client.post("/v1/audio/speech", json=SPEECH)
            waited = client.post("/v1/audio/speech", json=SPEECH, headers={"prefer": "respond-async, wait=30"})
            assert (waited.status_code, waited.content) == (at_once.status_code, at_once.content)
            accepted = [
                client.post("/v1/chat/completions", json=CHAT, headers={"prefer": "respond-async"}) for _ in range(40)
            ]
            assert {each.status_code for each in accepted} == {202}
            for replica in platform.replicas("pipeline"):
                replica.kill()
            for each in accepted:
                path = f"{each.headers['location']}/result"
                found = eventually(partial(_ended, client, path), 120, "an answer")
                assert (found.status_code, found.json()["object"]) == (200, "chat.completion")


def _ended(client: httpx.Client, path: str) -> httpx.Response | None:
    found = client.get(path, headers={"prefer": "wait=5"})
    return None if found.status_code == 202 else found
