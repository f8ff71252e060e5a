"""What transcriptions and translations ask of the stage, field by field, as the official client and others send it."""

import dataclasses
import json
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import (
    Preprocessing,
    Segment,
    ServerVAD,
    TranscribeOptions,
    TranscriptEvent,
    TranscriptFinished,
    TranscriptInfo,
    Word,
)
from smartlite.domain.logprobs import TokenLogprob
from tests.api.scripted import ScriptedASR, events_of

PATH = "/v1/audio/transcriptions"
FILE = ("question.wav", b"RIFF....WAVE", "audio/wav")
HELLO = (TokenLogprob(" Hello", -0.1, b" Hello"), TokenLogprob(",", float("-inf"), b","))
WORLD = (TokenLogprob(" w\ufffd", -0.5, b" w\xc3"), TokenLogprob("\ufffd", -0.25, b"\xb6"))
SPOKEN: tuple[TranscriptEvent, ...] = (
    TranscriptInfo("en", 0.98, 3.5),
    Segment(0, 0.0, 1.5, " Hello,", (1, 2, 3), words=(Word("Hello,", 0.5, 1.5, 0.9),), logprobs=HELLO),
    Segment(1, 1.5, 2.5, " wö", (4, 5), words=(Word("wö", 1.5, 2.5, 0.9),), logprobs=WORLD),
    TranscriptFinished(0.01, 0.2),
)


@pytest.fixture
def stage() -> ScriptedASR:
    return ScriptedASR(*SPOKEN)


@pytest.fixture
def app(services: Services, stage: ScriptedASR) -> Any:
    return create_app(dataclasses.replace(services, asr=stage))


async def asked(client: httpx.AsyncClient, stage: ScriptedASR, path: str = PATH, **sent: Any) -> TranscribeOptions:
    answer = await client.post(path, data={"model": "whisper-1"} | sent, files={"file": FILE})
    assert answer.status_code == 200, answer.text
    return stage.asked[-1].options


async def test_the_official_client_passes_every_field_in_strict_validation(
    openai_client: AsyncOpenAI, stage: ScriptedASR
) -> None:
    answer = await openai_client.audio.transcriptions.create(
        model="whisper-1",
        file=FILE,
        prompt="SmartLite",
        temperature=0.4,
        languages=["en", "German", "en"],
        keywords=["Ray", " Serve ", "Ray"],
        include=["logprobs"],
        chunking_strategy={
            "type": "server_vad",
            "threshold": 0.4,
            "prefix_padding_ms": 100,
            "silence_duration_ms": 700,
        },
        extra_body={
            "beam_size": 3,
            "best_of": 2,
            "patience": 1.5,
            "length_penalty": 0.5,
            "condition_on_previous_text": False,
            "preprocessing": ["loudness", "denoise"],
        },
    )
    assert answer.text == "Hello, wö"
    request = stage.asked[0]
    assert request.options == TranscribeOptions(
        prompt="SmartLite",
        temperature=0.4,
        languages=("en", "de"),
        keywords=("Ray", "Serve"),
        logprobs=True,
        vad=ServerVAD(0.4, 0.1, 0.7),
        beam_size=3,
        best_of=2,
        patience=1.5,
        length_penalty=0.5,
        condition_on_previous_text=False,
    )
    assert request.preprocessing == Preprocessing(loudness=True, trim_silence=False, denoise=True)


async def test_without_options_the_stage_decides(openai_client: AsyncOpenAI, stage: ScriptedASR) -> None:
    answer = await openai_client.audio.transcriptions.create(model="whisper-1", file=FILE)
    assert stage.asked[0].options == TranscribeOptions()
    assert stage.asked[0].preprocessing == Preprocessing()
    assert answer.logprobs is None


async def test_json_lists_the_tokens_of_the_text_where_they_are_asked_for(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.audio.transcriptions.create(model="whisper-1", file=FILE, include=["logprobs"])
    found = [(token.token, token.logprob, token.bytes) for token in answer.logprobs or []]
    assert found == [
        (" Hello", -0.1, [32, 72, 101, 108, 108, 111]),
        (",", 0.0, [44]),
        (" w\ufffd", -0.5, [32, 119, 195]),
        ("\ufffd", -0.25, [182]),
    ]


async def test_a_stream_has_the_tokens_of_each_delta_and_all_at_its_end_with_the_usage(
    openai_client: AsyncOpenAI,
) -> None:
    stream = await openai_client.audio.transcriptions.create(
        model="whisper-1", file=FILE, stream=True, include=["logprobs"]
    )
    first, second, done = [event async for event in stream]
    assert first.type == second.type == "transcript.text.delta"
    assert [token.token for token in first.logprobs or []] == [" Hello", ","]
    assert [token.bytes for token in second.logprobs or []] == [[32, 119, 195], [182]]
    assert done.type == "transcript.text.done"
    assert len(done.logprobs or []) == 4
    assert [language.code for language in done.languages or []] == ["en"]
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (175, 5, 180)
    assert done.usage.input_token_details is not None
    assert done.usage.input_token_details.audio_tokens == 175


async def test_a_stream_without_logprobs_has_no_such_keys_and_no_nulls(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, data={"model": "whisper-1", "stream": "true"}, files={"file": FILE})
    events = events_of(answer)
    assert [set(event) for event in events] == [{"type", "delta"}] * 2 + [{"type", "text", "languages", "usage"}]


async def test_tokens_that_an_engine_does_not_tell_are_not_counted(
    client: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    stage.events = (SPOKEN[0], Segment(0, 0, 1, " Hello."), SPOKEN[-1])
    answer = await client.post(PATH, data={"model": "whisper-1", "stream": "true"}, files={"file": FILE})
    assert "usage" not in events_of(answer)[-1]


@pytest.mark.parametrize("events", [SPOKEN[:2], SPOKEN[1:]])
async def test_a_stream_of_a_stage_that_breaks_off_has_no_done_event(
    client: httpx.AsyncClient, stage: ScriptedASR, events: tuple[TranscriptEvent, ...]
) -> None:
    stage.events = events
    answer = await client.post(PATH, data={"model": "whisper-1", "stream": "true"}, files={"file": FILE})
    assert events_of(answer)[-1]["error"]["code"] == "engine_failed"


VAD = {"type": "server_vad", "threshold": 0.25, "silence_duration_ms": 900}


@pytest.mark.parametrize(
    "sent",
    [
        {"chunking_strategy": json.dumps(VAD)},
        {"chunking_strategy": json.dumps({**VAD, "prefix_padding_ms": 300, "create_response": True}, indent=2)},
        {f"chunking_strategy[{key}]": str(value) for key, value in VAD.items()},
        {f"chunking_strategy[{key}]": str(value) for key, value in {**VAD, "colour": "red"}.items()},
    ],
)
async def test_a_chunking_strategy_is_taken_as_json_and_as_fields_of_its_own(
    client: httpx.AsyncClient, stage: ScriptedASR, sent: dict[str, str]
) -> None:
    options = await asked(client, stage, **sent)
    assert options.vad == ServerVAD(0.25, 0.3, 0.9)


async def test_the_automatic_chunking_strategy_evens_out_loudness_and_leaves_the_rest_to_the_engine(
    openai_client: AsyncOpenAI, stage: ScriptedASR
) -> None:
    create = openai_client.audio.transcriptions.create
    await create(model="whisper-1", file=FILE, chunking_strategy="auto")
    await create(model="whisper-1", file=FILE, chunking_strategy="auto", extra_body={"preprocessing": "none"})
    assert [request.options.vad for request in stage.asked] == [None, None]
    assert [request.preprocessing.loudness for request in stage.asked] == [True, False]


@pytest.mark.parametrize("threshold", ["0", "1"])
async def test_the_ends_of_the_threshold_are_taken(
    client: httpx.AsyncClient, stage: ScriptedASR, threshold: str
) -> None:
    sent = {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": threshold}
    options = await asked(client, stage, **sent)
    assert options.vad is not None
    assert 0 < options.vad.threshold < 1


@pytest.mark.parametrize("name", ["languages", "languages[]"])
async def test_lists_are_taken_in_both_spellings(client: httpx.AsyncClient, stage: ScriptedASR, name: str) -> None:
    assert (await asked(client, stage, **{name: ["fr", "es-MX"]})).languages == ("fr", "es")


@pytest.mark.parametrize(
    ("sent", "language", "languages"),
    [
        ({"languages": ["fr"]}, "fr", ()),
        ({"languages": ["fr", "FR", "French"]}, "fr", ()),
        ({"language": "en", "languages": ["en", "fr"]}, "en", ()),
        ({"language": "English", "languages": ["en"]}, "English", ()),
    ],
)
async def test_one_possible_language_is_the_language(
    client: httpx.AsyncClient, stage: ScriptedASR, sent: dict[str, Any], language: str, languages: tuple[str, ...]
) -> None:
    options = await asked(client, stage, **sent)
    assert (options.language, options.languages) == (language, languages)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("none", Preprocessing(False, False, False)),
        ("auto", Preprocessing()),
        ("loudness, Trim_Silence", Preprocessing(True, True, False)),
        (["denoise", "auto"], Preprocessing(None, None, True)),
        (["denoise", "denoise,loudness"], Preprocessing(True, False, True)),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/v1/audio/translations"])
async def test_steps_of_the_preprocessing_that_are_named_are_done(
    client: httpx.AsyncClient, stage: ScriptedASR, sent: Any, expected: Preprocessing, path: str
) -> None:
    await asked(client, stage, path, preprocessing=sent)
    assert stage.asked[0].preprocessing == expected


@pytest.mark.parametrize("kind", ["srt", "vtt"])
@pytest.mark.parametrize("path", [PATH, "/v1/audio/translations"])
async def test_a_limit_of_captions_asks_for_words_and_cuts_them_anew(
    client: httpx.AsyncClient, stage: ScriptedASR, kind: str, path: str
) -> None:
    sent: dict[str, Any] = {"model": "whisper-1", "response_format": kind}
    plain = await client.post(path, data=sent, files={"file": FILE})
    cut = await client.post(path, data={**sent, "max_chars_per_second": "17", "max_lines": "2"}, files={"file": FILE})
    assert [request.options.word_timestamps for request in stage.asked] == [False, True]
    assert plain.text.count("-->") == 2
    assert cut.text.count("-->") == 1
    assert "Hello, wö" in cut.text
    assert "00:00:00" in cut.text


async def test_a_limit_of_captions_asks_for_no_words_in_other_formats(
    client: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    assert not (await asked(client, stage, max_lines="2")).word_timestamps


async def test_a_translation_takes_the_extensions_and_the_language_that_is_spoken(
    client: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    sent = {"language": "fr", "beam_size": "4", "chunking_strategy": json.dumps(VAD), "temperature": "0.2"}
    options = await asked(client, stage, "/v1/audio/translations", **sent)
    assert options == TranscribeOptions(
        task="translate", language="fr", beam_size=4, vad=ServerVAD(0.25, 0.3, 0.9), temperature=0.2
    )
