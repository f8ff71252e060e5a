"""A recording that is fetched by the replica that decodes it, and what is given again of it."""

import httpx
import pytest

from benchmarks.clips import wav
from tests.platform.hearing import word_error_rate
from tests.real_platform import QUESTION

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

SILENCE = bytes(1_500_000)
"""Some 30 s, so that there is more than what is held."""


def test_a_large_recording_is_heard_and_then_given_again(client: httpx.Client, question: bytes) -> None:
    head = len(wav(b""))
    sent = {"file": ("question.wav", wav(question[head:] + SILENCE))}
    asked = {"model": "whisper-1", "language": "en", "cache": "true"}
    first, second = (client.post("/v1/audio/transcriptions", files=sent, data=asked) for _ in range(2))
    assert word_error_rate(QUESTION, first.json()["text"]) == 0
    assert [answer.headers["x-smartlite-cache"] for answer in (first, second)] == ["miss", "hit"]
    assert first.content == second.content


def test_a_voice_turn_takes_a_large_recording(client: httpx.Client, question: bytes) -> None:
    head = len(wav(b""))
    sent = {"file": ("question.wav", wav(question[head:] + SILENCE))}
    answer = client.post("/v1/voice/turns", files=sent, data={"instructions": "Answer in one word."})
    assert answer.status_code == 200, answer.text
    assert word_error_rate(QUESTION, answer.json()["transcript"]["text"]) == 0
