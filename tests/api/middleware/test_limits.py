"""What a key may take: every route takes its part, gives back what it did not use, and tells where it stands."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import openai
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.api_keys import new_key
from smartlite.domain.limits import LimitKind
from tests.api.limited import Harness
from tests.auth.keyring import forged

MESSAGES: Any = [{"role": "user", "content": "hello"}]
CHAT = {"model": "fake-llm", "messages": MESSAGES, "max_completion_tokens": 100}
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}


@pytest.fixture
def build(services: Services) -> Callable[..., Harness]:
    """``build(requests=5)``."""
    return lambda **allowances: Harness(services, **allowances)


@pytest.fixture
def harness(build: Callable[..., Harness]) -> Harness:
    return build()


@pytest.fixture
async def client(harness: Harness) -> AsyncIterator[httpx.AsyncClient]:
    async with harness.client() as client:
        yield client


async def test_an_answer_tells_where_the_limits_stand(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 200
    told = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit-")}
    assert told == {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "60ms",
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "9898",
        "x-ratelimit-reset-tokens": "608ms",
    }
    assert "retry-after" not in answer.headers


async def test_a_stream_tells_it_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/chat/completions", json={**CHAT, "stream": True})
    assert (answer.status_code, answer.headers["x-ratelimit-remaining-requests"]) == (200, "999")
    spoken = await client.post("/v1/audio/speech", json=SPEECH)
    assert spoken.headers["x-ratelimit-remaining-characters"] == str(10_000 - len(SPEECH["input"]))


async def test_the_official_client_knows_the_error_and_it_says_when_to_come_again(
    build: Callable[..., Harness],
) -> None:
    harness = build(requests=2)
    async with harness.official() as client:
        for _ in range(2):
            await client.chat.completions.create(model="fake-llm", messages=MESSAGES)
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="fake-llm", messages=MESSAGES)
    error, headers = caught.value, caught.value.response.headers
    assert (error.status_code, error.code, error.type) == (429, "rate_limit_exceeded", "requests")
    assert (headers["retry-after"], headers["x-should-retry"]) == ("30", "true")
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "0")
    harness.now_s += 30
    async with harness.official() as client:
        assert await client.chat.completions.create(model="fake-llm", messages=MESSAGES)


async def test_the_official_client_comes_again_by_itself(build: Callable[..., Harness]) -> None:
    harness = build(requests=60)
    async with harness.official() as client:
        for _ in range(60):
            await client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
        harness.now_s += 0.5
        asyncio.get_running_loop().call_later(0.2, lambda: setattr(harness, "now_s", harness.now_s + 1))
        assert await client.with_options(max_retries=2).audio.speech.create(
            model="tts-1", voice="alloy", input="Hello."
        )


async def test_every_request_of_a_key_counts_and_no_question_after_health(build: Callable[..., Harness]) -> None:
    async with build(requests=2).client() as client:
        assert {(await client.get("/healthz")).status_code for _ in range(5)} == {200}
        assert [(await client.get("/v1/models")).status_code for _ in range(3)] == [200, 200, 429]


async def test_of_a_large_limit_several_are_taken_at_once_and_none_is_given_twice(
    build: Callable[..., Harness],
) -> None:
    harness = build(requests=1500)
    async with harness.client() as client:
        answers = [await client.get("/v1/models") for _ in range(4)]
        assert {answer.status_code for answer in answers} == {200}
    assert await harness.left(LimitKind.REQUESTS) == 1500 - 6


async def test_a_request_is_counted_before_its_body_is_looked_at(build: Callable[..., Harness]) -> None:
    async with build(requests=2).client() as client:
        wrong = [await client.post("/v1/chat/completions", content=b"{") for _ in range(3)]
    assert [answer.status_code for answer in wrong] == [415, 415, 429]


async def test_tokens_that_were_not_used_are_given_back(harness: Harness, client: httpx.AsyncClient) -> None:
    used = 0
    for body in (CHAT, {**CHAT, "stream": True, "stream_options": {"include_usage": True}}, {**CHAT, "n": 2}):
        answer = await client.post("/v1/chat/completions", json=body)
        if "stream" in body:
            used += int(answer.text.rsplit('"total_tokens":', 1)[1].split(",")[0].split("}")[0])
        else:
            used += answer.json()["usage"]["total_tokens"]
    assert 0 < used < 300
    # A prompt that is answered twice is counted twice, and told once.
    assert 10_000 - await harness.left(LimitKind.TOKENS) == pytest.approx(used, abs=20)


async def test_a_request_for_more_tokens_than_there_are_is_refused_and_takes_nothing(
    build_services: Callable[..., Services],
) -> None:
    harness = Harness(build_services(llm={"latency_s": 0.2}), tokens=150)
    async with harness.client() as client:
        body = {**CHAT, "messages": [{"role": "user", "content": "x" * 200}]}
        first, second = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for _ in range(2)))
    refused = first if first.status_code == 429 else second
    assert {first.status_code, second.status_code} == {200, 429}
    assert (refused.json()["error"]["code"], refused.json()["error"]["type"]) == ("rate_limit_exceeded", "tokens")
    assert refused.headers["x-ratelimit-remaining-tokens"] == "0"


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
async def test_a_recording_costs_its_length_however_large_its_file_is(
    harness: Harness, client: httpx.AsyncClient, speech_wav: bytes, path: str
) -> None:
    for form in ("json", "text"):
        files = {"file": ("a.wav", speech_wav)}
        answer = await client.post(path, data={"model": "whisper-1", "response_format": form}, files=files)
        assert answer.status_code == 200
    assert answer.headers["x-ratelimit-limit-audio-seconds"] == "1000"
    assert await harness.left(LimitKind.AUDIO_SECONDS) == 996


async def test_recordings_at_the_same_time_never_get_more_than_the_limit(
    build: Callable[..., Harness], speech_wav: bytes
) -> None:
    async with build(audio_seconds=5, concurrent=0).client() as client:

        async def send() -> httpx.Response:
            files = {"file": ("a.wav", speech_wav)}
            return await client.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files=files)

        answers = await asyncio.gather(*(send() for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [429] * 18
    assert {answer.json()["error"]["type"] for answer in answers if answer.status_code == 429} == {"audio_seconds"}


async def test_a_refusal_costs_a_request_and_nothing_else(harness: Harness, client: httpx.AsyncClient) -> None:
    files = {"file": ("a.wav", b"RIFF" + bytes(100_000))}
    answer = await client.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files=files)
    assert answer.status_code == 422
    assert await harness.left(LimitKind.AUDIO_SECONDS) == 1000
    assert await harness.left(LimitKind.REQUESTS) == 999


async def test_embeddings_cost_their_tokens(harness: Harness, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/embeddings", json={"model": "fake-embedding", "input": ["a voice"] * 50})
    assert await harness.left(LimitKind.TOKENS) == 10_000 - answer.json()["usage"]["total_tokens"]


async def test_responses_cost_their_tokens(harness: Harness, client: httpx.AsyncClient) -> None:
    for stream in (False, True):
        asked = {"model": "fake-llm", "input": "hello", "stream": stream}
        answer = await client.post("/v1/responses", json=asked)
        assert answer.headers["x-ratelimit-limit-tokens"] == "10000"
    assert 9_900 < await harness.left(LimitKind.TOKENS) < 10_000


async def test_a_voice_turn_costs_all_three(harness: Harness, client: httpx.AsyncClient, speech_wav: bytes) -> None:
    for stream in ("false", "true"):
        files = {"file": ("a.wav", speech_wav)}
        answer = await client.post("/v1/voice/turns", data={"stream": stream}, files=files)
        assert answer.status_code == 200
        if stream == "false":
            usage = answer.json()["usage"]
    assert await harness.left(LimitKind.AUDIO_SECONDS) == 996
    assert await harness.left(LimitKind.TOKENS) == 10_000 - 2 * usage["total_tokens"]
    assert await harness.left(LimitKind.CHARACTERS) == 10_000 - 2 * usage["characters"]


async def test_what_is_said_aloud_in_a_chat_costs_its_characters(harness: Harness, client: httpx.AsyncClient) -> None:
    spoken = {**CHAT, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}
    assert (await client.post("/v1/chat/completions", json=spoken)).status_code == 200
    assert 9_900 < await harness.left(LimitKind.CHARACTERS) < 10_000


async def test_so_many_run_at_the_same_time_and_each_gives_its_place_back(
    build_services: Callable[..., Services],
) -> None:
    harness = Harness(build_services(llm={"latency_s": 0.3}), concurrent=3)
    async with harness.client() as client:
        answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=CHAT) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 5
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert (refused.json()["error"]["code"], refused.headers["retry-after"]) == ("rate_limit_exceeded", "1")
        assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200


async def test_whoever_hangs_up_gives_the_place_back_and_pays_for_what_was_asked(
    build_services: Callable[..., Services],
) -> None:
    harness = Harness(build_services(llm={"latency_s": 30}), concurrent=1)
    async with harness.client() as client:
        asked = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await harness.left(LimitKind.TOKENS) == 9_898
        answer = await client.post("/v1/audio/speech", json=SPEECH)
    assert answer.status_code == 200


async def test_refused_credentials_are_bounded_by_address_and_keys_go_on(harness: Harness) -> None:
    wrong = {"Authorization": f"Bearer {forged(harness.key)}"}
    async with harness.client() as client:
        answers = [await client.get("/v1/models", headers=wrong) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        assert (answers[-1].json()["error"]["code"], answers[-1].headers["retry-after"]) == (
            "rate_limit_exceeded",
            "20",
        )
        assert (await client.post("/v1/chat/completions", json=CHAT)).headers["x-ratelimit-remaining-requests"] == "999"
        elsewhere = {**wrong, "X-SmartLite-Client-Address": "192.0.2.9"}  # the edge's word
        assert (await client.get("/v1/models", headers=elsewhere)).status_code == 401
    harness.now_s += 20
    async with harness.client() as client:
        assert (await client.get("/v1/models", headers=wrong)).status_code == 401


async def test_an_address_of_many_bad_credentials_costs_the_database_nothing_more(harness: Harness) -> None:
    async with harness.client() as client:
        assert (await client.get("/v1/models")).status_code == 200  # this key is remembered from now on
        codes = [
            (await client.get("/v1/models", headers={"Authorization": f"Bearer {new_key().text}"})).status_code
            for _ in range(10)
        ]
        assert codes == [401] * 3 + [429] * 7
        assert len(harness.keyring.asked) == 1 + 4
        assert (await client.get("/v1/models")).status_code == 200


async def test_the_address_is_the_connections_where_no_edge_of_ours_tells_it(services: Services) -> None:
    settings = services.settings.model_copy(update={"edge": "ray-proxy"})
    harness = Harness(dataclasses.replace(services, settings=settings))
    async with harness.client() as client:
        for number in range(4):
            posed = {"Authorization": "Bearer x", "X-SmartLite-Client-Address": f"192.0.2.{number}"}
            answer = await client.get("/v1/models", headers=posed)
    assert answer.status_code == 429


async def test_where_limits_are_closed_without_redis_it_is_a_503_that_may_be_repeated(harness: Harness) -> None:
    harness.limits.without_redis = "closed"
    async with harness.client() as client:
        answer = await client.post("/v1/chat/completions", json=CHAT)
        assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
        assert (await client.get("/v1/models")).status_code == 200


async def test_without_limits_nothing_is_told(services: Services) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(services)), base_url="http://g") as client:
        answer = await client.post("/v1/chat/completions", json=CHAT)
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
