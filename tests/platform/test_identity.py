"""API keys on a real cluster of fake engines: the first start, everybody without a key, and a key that is revoked."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import psutil
import pytest
import yaml

from tests.platform.running import ROOT, SMARTLITE, RunningPlatform, environment, eventually, running_platform

pytestmark = [pytest.mark.serve, pytest.mark.enable_socket, pytest.mark.timeout(240)]

LIMIT = 40
"""Requests of one key a minute."""
_KEY = re.compile(r"shown this once: (sl_\w+)")


def configuration() -> dict[str, Any]:
    """Fake engines and two ingress replicas, which each remember keys."""
    replicas = {"ingress": 2, "pipeline": 1, "asr": 1, "llm": 1, "tts": 1}
    deployments = [
        {"name": name, "num_replicas": count, "health_check_period_s": 2, "ray_actor_options": {"num_cpus": 0.1}}
        for name, count in replicas.items()
    ]
    args = {stage: {"models": [{"model": f"fake-{stage}", "engine": "fake"}]} for stage in ("asr", "llm", "tts")}
    application = {
        "name": "smartlite",
        "route_prefix": "/",
        "import_path": "graphs.platform:build_app",
        "args": args,
        "deployments": deployments,
    }
    return {"proxy_location": "HeadOnly", "applications": [application]}


@dataclass
class Guarded:
    """A platform that asks for keys."""

    platform: RunningPlatform
    admin: str
    """The key of the first start."""

    @property
    def url(self) -> str:
        """Of the gateway."""
        return self.platform.url

    def run(self, *arguments: str, stdin: str = "") -> Any:
        """The JSON that the command line answers."""
        said = subprocess.run(
            [SMARTLITE, *arguments, "--json"],
            cwd=ROOT,
            env=environment(self.platform.settings | {"SMARTLITE_API_KEY": self.admin}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(said.stdout)

    def status(self, key: str) -> int:
        """Of a request with this key, over a connection of its own, which the edge gives to either replica."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.get(f"{self.url}/v1/models", headers=headers, trust_env=False, timeout=10).status_code

    def speak(self, key: str) -> httpx.Response:
        """The answer to a request that has a model work, over a connection of its own."""
        asked = {"model": "fake-tts", "voice": "alloy", "input": "Hello.", "response_format": "pcm"}
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.post(f"{self.url}/v1/audio/speech", json=asked, headers=headers, trust_env=False, timeout=10)

    def redis(self) -> psutil.Process | None:
        """The Redis that the platform brought along."""
        children = psutil.Process(self.platform.process.pid).children()
        return next((child for child in children if child.name() == "redis-server"), None)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Started once for these tests; ends with everything that it started."""
    folder = tmp_path_factory.mktemp("guarded")
    config, log = folder / "serve_config.yaml", folder / "serve.log"
    config.write_text(yaml.safe_dump(configuration()))
    settings = {
        "SMARTLITE_AUTH": "required",
        "SMARTLITE_DATA_DIR": str(folder / "data"),
        "SMARTLITE_RATE_LIMIT_REQUESTS_PER_MINUTE": str(LIMIT),
        "SMARTLITE_RATE_LIMIT_UNKNOWN_PER_MINUTE": "1000",
    }
    with running_platform(log, config, settings) as platform:
        (key,) = _KEY.findall(log.read_text())
        yield Guarded(platform, key)


@pytest.fixture
def client(guarded: Guarded) -> Iterator[Callable[[str], openai.OpenAI]]:
    """The official client with a key."""
    opened: list[openai.OpenAI] = []

    def connect(key: str) -> openai.OpenAI:
        opened.append(
            openai.OpenAI(base_url=f"{guarded.url}/v1", api_key=key, max_retries=0, _strict_response_validation=True)
        )
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def test_the_key_of_the_first_start_lets_the_official_client_in(
    guarded: Guarded, client: Callable[[str], openai.OpenAI]
) -> None:
    messages: Any = [{"role": "user", "content": "Hello."}]
    answer = client(guarded.admin).chat.completions.create(model="fake-llm", messages=messages)
    assert answer.choices[0].message.content
    assert client(guarded.admin).audio.speech.create(model="fake-tts", voice="alloy", input="Hello.").content


def test_nobody_gets_in_without_a_key_and_health_needs_none(
    guarded: Guarded, client: Callable[[str], openai.OpenAI]
) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client("sl_invented").models.list()
    assert caught.value.code == "invalid_api_key"
    assert guarded.status("") == 401
    assert httpx.get(f"{guarded.url}/healthz", trust_env=False, timeout=10).status_code == 200


def test_a_key_does_what_it_is_for_until_it_is_revoked_then_nothing_on_every_replica(
    guarded: Guarded, client: Callable[[str], openai.OpenAI]
) -> None:
    guarded.run("users", "add", "ana@example.com", "--role", "user")
    key = guarded.run("keys", "add", "ana@example.com", "--scope", "models:read")
    assert {guarded.status(key["key"]) for _ in range(6)} == {200}
    with pytest.raises(openai.PermissionDeniedError):
        client(key["key"]).audio.speech.create(model="fake-tts", voice="alloy", input="Hello.")

    asked = httpx.delete(
        f"{guarded.url}/v1/api-keys/{key['id']}",
        headers={"Authorization": f"Bearer {guarded.admin}"},
        trust_env=False,
        timeout=10,
    )
    assert asked.status_code == 204
    eventually(lambda: {guarded.status(key["key"]) for _ in range(6)} == {401}, 10, "the key refused by every replica")
    (listed,) = guarded.run("keys", "list", "ana@example.com")["keys"]
    assert listed["state"] == "revoked"


def test_who_signs_in_works_on_every_replica_until_the_session_ends(guarded: Guarded) -> None:
    guarded.run("users", "add", "dora@example.com", "--role", "user")
    guarded.run("users", "password", "dora@example.com", "--stdin", stdin="correct horse battery\n")
    account = {"email": "dora@example.com", "password": "correct horse battery"}

    def ask(path: str, body: dict[str, str], token: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.post(f"{guarded.url}/v1/auth/{path}", json=body, headers=headers, trust_env=False, timeout=10)

    assert ask("login", account | {"password": "wrong horse battery"}).status_code == 401
    first = ask("login", account).json()
    second = ask("refresh", {"refresh_token": first["refresh_token"]}).json()
    tokens = [first["access_token"], second["access_token"]]
    assert {guarded.status(token) for token in tokens for _ in range(4)} == {200}
    keys = httpx.get(f"{guarded.url}/.well-known/jwks.json", trust_env=False, timeout=10).json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256"]

    assert ask("logout", {}, second["access_token"]).status_code == 204
    eventually(lambda: {guarded.status(token) for token in tokens for _ in range(4)} == {401}, 10, "the session ended")
    assert ask("refresh", {"refresh_token": second["refresh_token"]}).status_code == 400


def test_the_last_use_of_a_key_is_noted(guarded: Guarded) -> None:
    guarded.status(guarded.admin)

    def used() -> str:
        return str(guarded.run("keys", "list", "admin@localhost")["keys"][0]["last_used"])

    assert eventually(lambda: used() != "never", 30, "the time of the last use")


def test_the_command_line_sends_the_key_that_the_environment_has(guarded: Guarded) -> None:
    assert guarded.run("speak", "Hello.", "-o", guarded.platform.settings["SMARTLITE_DATA_DIR"] + "/hello.wav")


def test_two_replicas_share_a_keys_limit_and_the_official_client_is_told_to_wait(
    guarded: Guarded, client: Callable[[str], openai.OpenAI]
) -> None:
    guarded.run("users", "add", "bea@example.com", "--role", "user")
    key = guarded.run("keys", "add", "bea@example.com")["key"]
    began_s = time.monotonic()
    answers = [guarded.speak(key) for _ in range(2 * LIMIT)]
    given = sum(answer.status_code == 200 for answer in answers)
    returned = (time.monotonic() - began_s) * LIMIT / 60
    assert LIMIT <= given <= LIMIT + returned + 1
    assert {answer.status_code for answer in answers} == {200, 429}
    left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers]
    assert (left[0], left[-1]) == (LIMIT - 1, 0)

    official = client(key)

    def speak_on() -> None:  # meanwhile one or two requests may have come back
        for _ in range(LIMIT):
            official.audio.speech.create(model="fake-tts", voice="alloy", input="Hello.")

    with pytest.raises(openai.RateLimitError) as caught:
        speak_on()
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 2


def test_a_redis_that_is_killed_fails_no_request_and_is_started_again(guarded: Guarded) -> None:
    guarded.run("users", "add", "cleo@example.com", "--role", "user")
    key = guarded.run("keys", "add", "cleo@example.com")["key"]
    first = guarded.redis()
    assert first is not None
    first.kill()
    answers = [guarded.speak(key) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}

    def is_another() -> bool:
        found = guarded.redis()
        return found is not None and found.pid != first.pid

    assert eventually(is_another, 10, "a Redis that was started again")
