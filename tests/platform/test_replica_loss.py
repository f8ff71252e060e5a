"""`kill -9` of each process that serves requests: what clients see, and that the platform mends itself."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import httpx
import openai
import pytest
from openai import OpenAI

from tests.platform.load import Load
from tests.platform.running import RunningPlatform, eventually

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

LLM: Final = "smollm2-135m-instruct"
LONG_CHAT: Final[dict[str, Any]] = {
    "model": LLM,
    "messages": [{"role": "user", "content": "Write a very long story about a ship."}],
    "temperature": 1,
    "seed": 1,
    "max_tokens": 1500,
}
LONG_TEXT: Final = "This is one of many sentences that are spoken aloud. " * 75
BACK_TIMEOUT_S: Final = 30.0
EDGE_BACK_TIMEOUT_S: Final = 5.0
WORKING_CORES: Final = 0.2


@pytest.fixture(autouse=True)
def whole(platform: RunningPlatform) -> Iterator[None]:
    """Each test finds the platform whole, and leaves it so."""
    platform.wait_whole()
    yield
    platform.wait_whole()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that run while something is killed."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def kill_one(platform: RunningPlatform, deployment: str) -> None:
    platform.replicas(deployment)[0].kill()


def wait_at_work(platform: RunningPlatform, deployment: str) -> None:
    eventually(lambda: platform.cores_used(deployment, 0.3) > WORKING_CORES, 60, f"{deployment} at work")


def check_lost(answer: "Future[httpx.Response]") -> None:
    answered = answer.result(60)
    assert (answered.status_code, answered.json()["error"]["code"]) == (503, "replica_lost")
    assert answered.headers["retry-after"]


def check_mends(platform: RunningPlatform, stage: str, answers: Callable[[], httpx.Response]) -> None:
    """`/readyz` names the stage, the stage answers again, and `/readyz` is content again."""

    def names_the_stage() -> bool:
        status, readiness = platform.readiness()
        return (
            status == 503 and stage in readiness["error"]["message"] and readiness["stages"][stage]["state"] != "ready"
        )

    eventually(names_the_stage, BACK_TIMEOUT_S, f"/readyz that names {stage}")
    eventually(lambda: answers().status_code == 200, BACK_TIMEOUT_S, f"an answer of {stage}")
    eventually(lambda: platform.readiness()[0] == 200, BACK_TIMEOUT_S, "/readyz that answers 200")


def test_no_request_fails_while_an_ingress_replica_is_killed(
    platform: RunningPlatform, pool: ThreadPoolExecutor
) -> None:
    victim = platform.replicas("ingress")[0]
    with Load(platform.url, pool, lists=5, chats=3) as load:
        load.wait_more(20)
        victim.kill()
        load.wait_more(50)
        eventually(
            lambda: len(platform.replicas("ingress")) == 2 and platform.is_whole(), 60, "two ingress replicas again"
        )
        load.wait_more(50)
    assert load.failures == []


def test_the_edge_answers_again_after_it_is_killed(platform: RunningPlatform, client: httpx.Client) -> None:
    (edge,) = platform.edges()
    edge.kill()

    def answers() -> bool:
        try:
            return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    eventually(lambda: edge not in platform.edges() and answers(), EDGE_BACK_TIMEOUT_S, "an answer of a new edge")


def test_chats_of_a_killed_llm_replica_end_with_an_error(
    platform: RunningPlatform, client: httpx.Client, openai_client: OpenAI, pool: ThreadPoolExecutor
) -> None:
    begun = threading.Event()

    def stream() -> None:
        for _ in openai_client.chat.completions.create(**LONG_CHAT, stream=True):
            begun.set()

    whole = pool.submit(client.post, "/v1/chat/completions", json=LONG_CHAT)
    streamed = pool.submit(stream)
    assert begun.wait(60)
    wait_at_work(platform, "llm")
    kill_one(platform, "llm")
    check_lost(whole)
    with pytest.raises(openai.APIError, match="lost"):
        streamed.result(60)
    short = {**LONG_CHAT, "max_tokens": 4}
    check_mends(platform, "llm", lambda: client.post("/v1/chat/completions", json=short))


def test_speech_of_a_killed_tts_replica_breaks_off_visibly(
    platform: RunningPlatform, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": LONG_TEXT, "response_format": "pcm"}

    def listen(begun: threading.Event, **more: str) -> str:
        with client.stream("POST", "/v1/audio/speech", json=body | more) as answer:
            return b"".join(begun.set() or data for data in answer.iter_raw()).decode("latin-1")

    # A request that has not begun would be given to the next replica.
    as_file, as_events = threading.Event(), threading.Event()
    spoken = pool.submit(listen, as_file)
    events = pool.submit(listen, as_events, stream_format="sse")
    assert as_file.wait(60)
    assert as_events.wait(60)
    wait_at_work(platform, "tts")
    kill_one(platform, "tts")
    with pytest.raises(httpx.RemoteProtocolError):
        spoken.result(60)
    last = events.result(60).strip().splitlines()[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "replica_lost"
    check_mends(platform, "tts", lambda: client.post("/v1/audio/speech", json={**body, "input": "Hello."}))


def test_a_transcription_of_a_killed_asr_replica_gets_503(
    platform: RunningPlatform,
    client: httpx.Client,
    pool: ThreadPoolExecutor,
    speak: Callable[[str], bytes],
    wav: Callable[[bytes], bytes],
    question: bytes,
) -> None:
    paragraph = speak("The weather in Boston is cold and windy today. Our train leaves on Monday morning. " * 3)

    def transcribe(recording: bytes) -> httpx.Response:
        files = {"file": ("speech.wav", recording)}
        return client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})

    answer = pool.submit(transcribe, wav(paragraph * (15_000_000 // len(paragraph))))
    wait_at_work(platform, "asr")
    kill_one(platform, "asr")
    check_lost(answer)
    check_mends(platform, "asr", lambda: transcribe(question))


def test_voice_turns_of_a_killed_pipeline_replica_end_with_an_error(
    platform: RunningPlatform,
    client: httpx.Client,
    pool: ThreadPoolExecutor,
    speak: Callable[[str], bytes],
    wav: Callable[[bytes], bytes],
    question: bytes,
) -> None:
    recording = wav(speak("Please tell me a long story about a ship and its captain."))

    def ask(recording: bytes, stream: str) -> httpx.Response:
        files = {"file": ("question.wav", recording)}
        return client.post("/v1/voice/turns", files=files, data={"stream": stream})

    begun = threading.Event()

    def listen() -> str:
        last = ""
        files = {"file": ("question.wav", recording)}
        with client.stream("POST", "/v1/voice/turns", files=files, data={"stream": "true"}) as answer:
            for line in answer.iter_lines():
                last = line or last
                begun.set()
        return last

    streamed = pool.submit(listen)
    whole = [pool.submit(ask, recording, "false") for _ in range(3)]
    assert begun.wait(60)
    wait_at_work(platform, "llm")
    kill_one(platform, "pipeline")
    for answer in whole:
        check_lost(answer)
    last = json.loads(streamed.result(60).removeprefix("data: "))
    assert (last["type"], last["error"]["code"]) == ("error", "replica_lost")
    eventually(lambda: ask(question, "false").status_code == 200, BACK_TIMEOUT_S, "an answer of the pipeline")
