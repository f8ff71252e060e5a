"""The audio routes with the platform's own stages and pipeline behind them, over the fake engines."""

import base64
import io
import wave
from typing import Any, get_args

import httpx
import pytest
from openai import APIStatusError, AsyncOpenAI

from benchmarks.clips import wav
from smartlite.domain.audio import AudioFormat

TEXT = "The first sentence is here. And the second one follows it."


async def test_a_recording_is_transcribed_in_every_format(openai_client: AsyncOpenAI, speech_wav: bytes) -> None:
    create = openai_client.audio.transcriptions.create
    file = ("speech.wav", speech_wav)
    plain = await create(model="whisper-1", file=file)
    assert len(plain.text.split()) == 4
    verbose = await create(
        model="whisper-1", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (verbose.text, verbose.language, verbose.duration) == (plain.text, "english", 2.0)
    assert len(verbose.words or []) == 4
    assert len(verbose.segments or []) >= 1
    assert await create(model="whisper-1", file=file, response_format="text") == plain.text + "\n"
    assert plain.text.split()[0] in await create(model="whisper-1", file=file, response_format="srt")
    assert (await create(model="whisper-1", file=file, response_format="vtt")).startswith("WEBVTT\n\n00:00:0")
    events = [event async for event in await create(model="whisper-1", file=file, stream=True)]
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == plain.text


@pytest.mark.parametrize("response_format", get_args(AudioFormat))
async def test_a_text_is_spoken_in_every_format(openai_client: AsyncOpenAI, response_format: Any) -> None:
    async with openai_client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input=TEXT, response_format=response_format
    ) as answer:
        data = await answer.read()
    # The tests' encoder writes plain 16-bit samples at 24 kHz in every format.
    assert len(data) > 24_000


async def test_twice_the_speed_is_half_the_length(openai_client: AsyncOpenAI) -> None:
    lengths = []
    for speed in (1.0, 2.0):
        answer = await openai_client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm", speed=speed
        )
        lengths.append(len(answer.content))
    assert lengths[0] / lengths[1] == pytest.approx(2.0, rel=0.05)


async def test_what_the_stage_refuses_reaches_the_official_client_as_its_own_error(
    openai_client: AsyncOpenAI, speech_wav: bytes
) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"file": ("a.wav", b"not audio at all")}, 422, "audio_invalid"),
        ({"file": ("a.wav", speech_wav[:44])}, 400, "audio_empty"),
        ({"file": ("a.wav", speech_wav), "language": "xx"}, 400, "invalid_value"),
    ]
    for arguments, status, code in cases:
        with pytest.raises(APIStatusError) as caught:
            await openai_client.audio.transcriptions.create(model="whisper-1", **arguments)
        assert (caught.value.status_code, caught.value.code) == (status, code)


async def test_a_spoken_question_is_answered_by_one_valid_file(client: httpx.AsyncClient, speech_wav: bytes) -> None:
    answer = await client.post(
        "/v1/voice/turns", files={"file": ("question.wav", speech_wav)}, data={"response_format": "wav"}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert len(body["transcript"]["text"].split()) == 4
    assert body["reply"]["text"]
    with wave.open(io.BytesIO(base64.b64decode(body["audio"]["data"]))) as audio:
        assert audio.getnframes() / audio.getframerate() == pytest.approx(body["audio"]["duration_s"], abs=0.01)
    assert body["usage"]["audio_output_s"] == body["audio"]["duration_s"]
    assert {"asr", "llm", "tts", "first_audio", "total"} <= set(body["timings"])


async def test_silence_is_no_question(client: httpx.AsyncClient) -> None:
    silence = wav(bytes(32_000), 16_000)
    answer = await client.post("/v1/voice/turns", files={"file": ("silence.wav", silence)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_speech")
