"""Recordings within chats and answers that are spoken, over fake engines and scripted stages."""

import base64
import dataclasses
import io
import wave
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import Segment, TranscriptFinished, TranscriptInfo
from smartlite.domain.llm import ChatFinished, Message, TextDelta, ToolCallDelta
from smartlite.domain.models import ModelDirectory
from smartlite.domain.tts import SpeechChunk, SpeechFinished
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ReplicaLost
from tests.api.scripted import Connection, ScriptedASR, ScriptedLLM, ScriptedTTS, events_of

PATH = "/v1/chat/completions"
MESSAGES: Any = [{"role": "user", "content": "one two three"}]
DONE = ChatFinished("stop", TokenUsage(7, 2))
SAID = (TextDelta("**Hello** the"), TextDelta("re. How are you?"), DONE)
SPOKEN = (SpeechChunk(b"\1\2"), SpeechChunk(b"\3\4"), SpeechFinished(1.0, 5, 5, 0.1, 0.2))
HEARD = (TranscriptInfo("en", 1.0, 2.0), Segment(0, 0, 1, " Good"), Segment(1, 1, 2, " day."), TranscriptFinished(0, 0))


def client_of(services: Services, **stages: Any) -> httpx.AsyncClient:
    app = create_app(dataclasses.replace(services, **stages))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


def recording(data: bytes, audio_format: str = "wav") -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    return {"type": "input_audio", "input_audio": {"data": encoded, "format": audio_format}}


def asks(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": list(parts)}]}


def spoken(audio_format: str, **fields: Any) -> dict[str, Any]:
    audio = {"voice": "alloy", "format": audio_format}
    return {"model": "fake-llm", "messages": MESSAGES, "modalities": ["text", "audio"], "audio": audio} | fields


async def test_a_recording_becomes_text_in_its_place(services: Services) -> None:
    asr, llm = ScriptedASR(*HEARD), ScriptedLLM(DONE)
    async with client_of(services, asr=asr, llm=llm) as client:
        body = asks({"type": "text", "text": "Listen:"}, recording(b"abc"), recording(b"def", "mp3"))
        answer = await client.post(PATH, json=body)
    assert [part.split(";")[0] for part in answer.headers["server-timing"].split(", ")][:2] == ["asr", "llm_first"]
    assert llm.asked[0].messages == (Message("user", "Listen:\nGood day.\nGood day."),)
    assert [asked.audio.data for asked in asr.asked] == [b"abc", b"def"]
    assert {asked.model for asked in asr.asked} == {"fake-asr"}


async def test_the_official_client_sends_a_recording(openai_client: AsyncOpenAI, speech_wav: bytes) -> None:
    answer = await openai_client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": [recording(speech_wav)]}],  # type: ignore[typeddict-item,list-item]
    )
    text = answer.choices[0].message.content or ""
    assert text.startswith("You said: ")
    assert len(text.split()) == 6
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.audio_tokens == 0


async def test_responses_hear_too(openai_client: AsyncOpenAI, speech_wav: bytes) -> None:
    answer = await openai_client.responses.create(
        model="gpt-4o-mini",
        input=[{"role": "user", "content": [recording(speech_wav)]}],  # type: ignore[typeddict-item,list-item]
    )
    assert len(answer.output_text.split()) == 6


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("data", "status", "code"), [(b"no audio at all", 422, "audio_invalid"), (b"\0" * 3, 422, "audio_invalid")]
)
async def test_a_recording_that_cannot_be_read_is_named(
    client: httpx.AsyncClient, data: bytes, status: int, code: str, stream: bool
) -> None:
    body = asks({"type": "text", "text": "Listen:"}, recording(data)) | {"stream": stream}
    answer = await client.post(PATH, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["param"] == "messages[0].content[1].input_audio.data"
    assert "messages[0].content[1]" in error["message"]


async def test_more_recordings_than_are_heard_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=asks(*[recording(b"abc")] * 17))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


async def test_without_a_model_that_hears_or_speaks_it_is_a_400(services: Services) -> None:
    only_llm = ModelDirectory(tuple(model for model in services.models.models if model.task == "llm"))
    async with client_of(services, models=only_llm) as client:
        heard = await client.post(PATH, json=asks(recording(b"abc")))
        said = await client.post(PATH, json=spoken("mp3"))
    assert (heard.status_code, heard.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert heard.json()["error"]["param"] == "messages[0].content[0].input_audio.data"
    assert (said.status_code, said.json()["error"]["param"]) == (400, "modalities")


async def test_a_recording_that_is_only_half_heard_is_an_error(services: Services) -> None:
    async with client_of(services, asr=ScriptedASR(*HEARD[:-1])) as client:
        answer = await client.post(PATH, json=asks(recording(b"abc")))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")


async def test_a_client_that_hangs_up_stops_the_hearing(services: Services) -> None:
    asr = ScriptedASR(waits=True)
    connection = Connection(httpx.Request("POST", f"http://gateway{PATH}", json=asks(recording(b"abc"))), asr.working)
    await connection.run(create_app(dataclasses.replace(services, asr=asr)))
    assert asr.closed.is_set()
    assert connection.statuses == [499]


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "flac", "opus", "aac", "pcm16"])
async def test_an_answer_is_spoken_in_every_format(openai_client: AsyncOpenAI, audio_format: Any) -> None:
    answer = await openai_client.chat.completions.create(
        model="gpt-4o-mini",
        messages=MESSAGES,
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": audio_format},
    )
    message = answer.choices[0].message
    assert message.content is None
    assert message.audio is not None
    assert message.audio.transcript == "You said: one two three."
    assert message.audio.id.startswith("audio_")
    assert message.audio.expires_at == answer.created
    assert len(base64.b64decode(message.audio.data)) > 24_000


async def test_a_whole_wav_knows_its_length(services: Services) -> None:
    tts = ScriptedTTS(*SPOKEN)
    async with client_of(services, llm=ScriptedLLM(*SAID), tts=tts) as client:
        answer = (await client.post(PATH, json=spoken("wav"))).json()
    with wave.open(io.BytesIO(base64.b64decode(answer["choices"][0]["message"]["audio"]["data"]))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (24_000, 1, 2)
    assert tts.asked[0].text == "Hello there. How are you?"
    assert (tts.asked[0].format, tts.asked[0].options.voice) == ("pcm", "fake")


async def test_a_spoken_answer_has_a_bounded_length(services: Services) -> None:
    llm = ScriptedLLM(*SAID)
    async with client_of(services, llm=llm, tts=ScriptedTTS(*SPOKEN)) as client:
        await client.post(PATH, json=spoken("mp3"))
        await client.post(PATH, json=spoken("mp3", max_completion_tokens=5))
    assert [asked.options.max_tokens for asked in llm.asked] == [1024, 5]


async def test_a_stream_is_spoken_sentence_by_sentence(services: Services) -> None:
    tts = ScriptedTTS(*SPOKEN)
    async with client_of(services, llm=ScriptedLLM(*SAID), tts=tts) as client:
        answer = await client.post(PATH, json=spoken("pcm16", stream=True, stream_options={"include_usage": True}))
    chunks = events_of(answer)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    audio = [delta["audio"] for delta in deltas[:-1]]
    assert deltas[0]["role"] == "assistant"
    assert audio[0]["id"].startswith("audio_")
    assert "".join(piece.get("transcript", "") for piece in audio) == "**Hello** there. How are you?"
    assert b"".join(base64.b64decode(piece.get("data", "")) for piece in audio) == b"\1\2\3\4" * 2
    assert list(audio[-1]) == ["expires_at"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] == 9
    assert [asked.text for asked in tts.asked] == ["Hello there.", "How are you?"]


async def test_the_official_client_reads_a_spoken_stream(openai_client: AsyncOpenAI) -> None:
    stream = await openai_client.chat.completions.create(
        model="gpt-4o-mini",
        messages=MESSAGES,
        modalities=["text", "audio"],
        audio={"voice": {"id": "nova"}, "format": "pcm16"},
        stream=True,
    )
    pieces = [chunk.choices[0].delta.audio async for chunk in stream]
    assert "".join(piece.transcript or "" for piece in pieces if piece) == "You said: one two three."
    assert sum(len(base64.b64decode(piece.data or "")) for piece in pieces if piece) > 24_000


@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_spoken_is_text(services: Services, stream: bool) -> None:
    tts = ScriptedTTS(*SPOKEN)
    async with client_of(services, llm=ScriptedLLM(TextDelta("..."), DONE), tts=tts) as client:
        answer = await client.post(PATH, json=spoken("pcm16", stream=stream))
    assert answer.status_code == 200
    assert tts.asked == []
    assert "..." in answer.text
    if not stream:
        assert answer.json()["choices"][0]["message"]["content"] == "..."


async def test_calls_are_not_spoken(services: Services) -> None:
    llm = ScriptedLLM(ToolCallDelta(0, "c", "f", "{}"), ChatFinished("tool_calls", TokenUsage(1, 1)))
    async with client_of(services, llm=llm, tts=ScriptedTTS(*SPOKEN)) as client:
        answer = await client.post(PATH, json=spoken("mp3"))
    message = answer.json()["choices"][0]["message"]
    assert message["tool_calls"][0]["id"] == "c"
    assert "audio" not in message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("tts", "code"),
    [
        (ScriptedTTS(SPOKEN[0], error=ReplicaLost("It ended.")), "replica_lost"),
        (ScriptedTTS(SPOKEN[0]), "engine_failed"),
    ],
)
async def test_speech_that_ends_early_is_an_error(
    services: Services, tts: ScriptedTTS, code: str, stream: bool
) -> None:
    llm = ScriptedLLM(*SAID)
    async with client_of(services, llm=llm, tts=tts) as client:
        answer = await client.post(PATH, json=spoken("pcm16", stream=stream))
    assert code in answer.text
    assert "[DONE]" not in answer.text
    assert llm.closed.is_set()


async def test_a_client_that_hangs_up_stops_the_model_and_the_voice(services: Services) -> None:
    llm, tts = ScriptedLLM(TextDelta("Hello there. How"), waits=True), ScriptedTTS(SPOKEN[0], waits=True)
    body = spoken("pcm16", stream=True)
    connection = Connection(httpx.Request("POST", f"http://gateway{PATH}", json=body), tts.working)
    await connection.run(create_app(dataclasses.replace(services, llm=llm, tts=tts)))
    assert llm.closed.is_set()
    assert tts.closed.is_set()
