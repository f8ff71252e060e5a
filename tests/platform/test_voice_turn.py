"""A spoken question in, a spoken answer out."""

import base64
import io
import json
import re
import struct
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.platform.hearing import PCM_RATE_HZ, duration_s, word_error_rate
from tests.real_platform import QUESTION

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

PATH = "/v1/voice/turns"
SHORT = "Answer in one short sentence."
Hear = Callable[[bytes, str], str]


def ask(client: httpx.Client, recording: bytes, **fields: str) -> httpx.Response:
    headers = {"X-Request-ID": "turn-test.1"}
    return client.post(PATH, files={"file": ("question.wav", recording)}, data=fields, headers=headers)


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = answer.text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def parts(wav: bytes) -> tuple[int, int]:
    """Sizes that the header of a WAV gives: of the whole after the first 8 bytes, of the samples."""
    found = wav.index(b"data")
    return struct.unpack("<I", wav[4:8])[0], struct.unpack("<I", wav[found + 4 : found + 8])[0]


def check_heard(turn: Callable[[], tuple[str, bytes]], audio_format: str, hear: Hear) -> None:
    """Have a turn's reply heard right, with at most three turns.

    Model and voice are sampled, and some replies are ambiguous aloud: of "France is Paris" the recogniser makes
    "Francis Paris" two times in three. Speech that does not belong to its reply is never heard right.
    """
    rates = []
    for _ in range(3):
        reply, speech = turn()
        rates.append(word_error_rate(reply, hear(speech, audio_format)))
        if rates[-1] <= 0.1:
            return
    raise AssertionError(f"word error rates of the replies: {rates}")


def test_a_turn_is_answered_with_text_speech_times_and_usage(client: httpx.Client, question: bytes) -> None:
    answer = ask(client, question, instructions=SHORT)
    assert answer.status_code == 200, answer.text
    turn = answer.json()
    assert turn["object"] == "voice.turn"
    assert turn["id"].startswith("turn_")
    assert word_error_rate(QUESTION, turn["transcript"]["text"]) == 0
    assert turn["transcript"]["language"] == "en"
    assert turn["transcript"]["duration_s"] == pytest.approx(duration_s(question, "wav"), abs=0.1)
    assert "Pacific" in turn["reply"]["text"]
    speech = base64.b64decode(turn["audio"]["data"], validate=True)
    assert turn["audio"]["format"] == "mp3"
    assert turn["audio"]["duration_s"] == pytest.approx(duration_s(speech, "mp3"), abs=0.2)
    usage = turn["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["audio_output_s"] == turn["audio"]["duration_s"]
    assert {"asr", "llm_first_token", "llm", "tts", "first_audio", "total"} <= set(turn["timings"])
    assert {"asr_decode", "asr_transcribe", "tts_replica"} <= set(turn["timings"])
    assert max(turn["timings"].values()) == turn["timings"]["total"]


def test_the_request_id_is_echoed_once_and_every_stage_is_timed_once(client: httpx.Client, question: bytes) -> None:
    answer = ask(client, question, instructions=SHORT)
    assert answer.headers.get_list("x-request-id") == ["turn-test.1"]
    names = re.findall(r"([\w-]+);dur=[\d.]+", answer.headers["server-timing"])
    assert {"asr", "llm", "tts", "total"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_the_answer_says_aloud_what_it_says_in_text(
    client: httpx.Client, question: bytes, hear: Hear, audio_format: str
) -> None:
    def turn() -> tuple[str, bytes]:
        answer = ask(client, question, instructions=SHORT, response_format=audio_format).json()
        speech = base64.b64decode(answer["audio"]["data"], validate=True)
        assert answer["audio"]["format"] == audio_format
        assert duration_s(speech, audio_format) == pytest.approx(answer["audio"]["duration_s"], abs=0.2)
        return answer["reply"]["text"], speech

    check_heard(turn, audio_format, hear)


def test_a_whole_wav_has_a_true_header(client: httpx.Client, question: bytes) -> None:
    turn = ask(client, question, instructions=SHORT, response_format="wav").json()
    speech = base64.b64decode(turn["audio"]["data"])
    whole, samples = parts(speech)
    assert whole == len(speech) - 8
    assert samples / 2 / PCM_RATE_HZ == pytest.approx(turn["audio"]["duration_s"], abs=0.01)


def test_events_come_in_order_and_add_up_to_the_answer(client: httpx.Client, question: bytes, hear: Hear) -> None:
    def turn() -> tuple[str, bytes]:
        answer = ask(client, question, instructions=SHORT, stream="true")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers.get_list("x-request-id") == ["turn-test.1"]
        events = events_of(answer)
        types = [event["type"] for event in events]
        assert types[0] == "turn.transcript.done"
        assert types[-1] == "turn.done"
        assert types.count("turn.transcript.done") == types.count("turn.done") == 1
        assert set(types[1:-1]) == {"turn.reply.delta", "turn.audio.delta"}
        assert len({event["id"] for event in events}) == 1
        done = events[-1]
        reply = "".join(event["delta"] for event in events if event["type"] == "turn.reply.delta").strip()
        assert reply == done["reply"]["text"]
        audio = [event["audio"] for event in events if event["type"] == "turn.audio.delta"]
        speech = b"".join(map(base64.b64decode, audio))
        assert duration_s(speech, "mp3") == pytest.approx(done["audio"]["duration_s"], abs=0.2)
        return reply, speech

    check_heard(turn, "mp3", hear)


def test_the_first_sentence_is_spoken_while_the_next_is_written(
    client: httpx.Client, speak: Callable[[str], bytes], wav: Callable[[bytes], bytes]
) -> None:
    request = wav(speak("Please tell me a long story about a ship and its captain."))
    types = [event["type"] for event in events_of(ask(client, request, stream="true"))]
    assert types[-1] == "turn.done"
    last_word = len(types) - 1 - types[::-1].index("turn.reply.delta")
    assert types.index("turn.audio.delta") < last_word


@pytest.mark.parametrize("stream", ["false", "true"])
def test_silence_is_no_question(client: httpx.Client, wav: Callable[[bytes], bytes], stream: str) -> None:
    answer = ask(client, wav(bytes(2 * PCM_RATE_HZ * 2)), stream=stream)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "no_speech"


def test_models_and_voice_are_chosen_by_name(client: httpx.Client, question: bytes) -> None:
    chosen = {"asr_model": "whisper-tiny.en", "llm_model": "smollm2-135m-instruct", "tts_model": "tts-1-hd"}
    turn = ask(client, question, voice="nova", language="en", instructions=SHORT, **chosen)
    assert turn.status_code == 200, turn.text


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("asr_model", "smollm2-135m-instruct", 404, "model_not_found"),
        ("llm_model", "nothing", 404, "model_not_found"),
        ("tts_model", "whisper-1", 404, "model_not_found"),
        ("voice", "nobody", 400, "voice_not_found"),
        ("language", "klingon", 400, None),
        ("response_format", "midi", 400, None),
        ("stream", "perhaps", 400, None),
    ],
)
def test_a_wrong_field_is_named(
    client: httpx.Client, question: bytes, field: str, value: str, status: int, code: str | None
) -> None:
    answer = ask(client, question, **{field: value})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, field)
    assert code in (None, error["code"])


def test_a_question_in_another_container_is_understood(client: httpx.Client, openai_client: Any) -> None:
    spoken = openai_client.audio.speech.create(model="tts-1", voice="alloy", input=QUESTION, response_format="opus")
    answer = client.post(
        PATH, files={"file": ("question.ogg", io.BytesIO(spoken.content))}, data={"instructions": SHORT}
    )
    assert word_error_rate(QUESTION, answer.json()["transcript"]["text"]) == 0
