"""Hostile and mistaken form fields: each is a 400 that names it, and the stage is not asked."""

import dataclasses
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError

from smartlite.api.app import create_app
from smartlite.api.services import Services
from tests.api.scripted import ScriptedASR

FILE = ("question.wav", b"RIFF....WAVE", "audio/wav")
VAD = '{"type":"server_vad"'
NO_NUMBERS = ["x", "nan", "NaN", "inf", "-inf", "1e999", "-1", "9" * 5000, "0x1", "1;2", "None", "null", "[]"]


@pytest.fixture
def stage() -> ScriptedASR:
    return ScriptedASR()


@pytest.fixture
def app(services: Services, stage: ScriptedASR) -> Any:
    return create_app(dataclasses.replace(services, asr=stage))


async def refusal(client: httpx.AsyncClient, stage: ScriptedASR, route: str, sent: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/v1/audio/{route}", data={"model": "whisper-1"} | sent, files={"file": FILE})
    assert answer.status_code == 400, answer.text
    assert stage.asked == []
    error: dict[str, Any] = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert len(error["message"]) < 400
    return error


@pytest.mark.parametrize("route", ["transcriptions", "translations"])
@pytest.mark.parametrize(
    "name",
    [
        "temperature",
        "beam_size",
        "best_of",
        "patience",
        "length_penalty",
        "max_line_length",
        "max_lines",
        "max_chars_per_second",
    ],
)
async def test_what_is_no_number_of_its_range_is_refused(
    client: httpx.AsyncClient, stage: ScriptedASR, route: str, name: str
) -> None:
    for value in NO_NUMBERS:
        error = await refusal(client, stage, route, {name: value})
        assert error["param"] == name
        assert name in error["message"]
        assert error["code"] in ("invalid_type", "invalid_value")


@pytest.mark.parametrize("route", ["transcriptions", "translations"])
@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"temperature": "1.01"}, "temperature"),
        ({"beam_size": "0"}, "beam_size"),
        ({"beam_size": "17"}, "beam_size"),
        ({"beam_size": "2.5"}, "beam_size"),
        ({"best_of": "17"}, "best_of"),
        ({"patience": "0"}, "patience"),
        ({"patience": "4.1"}, "patience"),
        ({"length_penalty": "1.1"}, "length_penalty"),
        ({"condition_on_previous_text": "perhaps"}, "condition_on_previous_text"),
        ({"max_line_length": "7"}, "max_line_length"),
        ({"max_line_length": "201"}, "max_line_length"),
        ({"max_lines": "9"}, "max_lines"),
        ({"max_chars_per_second": "0.5"}, "max_chars_per_second"),
        ({"beam_size": ["1", "2"]}, "beam_size"),
        ({"language": ["en", "de"]}, "language"),
        ({"preprocessing": "reverb"}, "preprocessing"),
        ({"preprocessing": "loudness,"}, "preprocessing"),
        ({"preprocessing": ["none", "loudness"]}, "preprocessing"),
        ({"preprocessing": ["loudness"] * 9}, "preprocessing"),
        ({"preprocessing": "x" * 200}, "preprocessing[0]"),
        ({"chunking_strategy": "always"}, "chunking_strategy"),
        ({"chunking_strategy": ["auto", "auto"]}, "chunking_strategy"),
        ({"chunking_strategy": "{"}, "chunking_strategy"),
        ({"chunking_strategy": "[]"}, "chunking_strategy"),
        ({"chunking_strategy": "{}"}, "chunking_strategy.type"),
        ({"chunking_strategy": '{"a":' * 5000}, "chunking_strategy"),
        ({"chunking_strategy": '{"type":"semantic_vad"}'}, "chunking_strategy.type"),
        ({"chunking_strategy": f'{VAD},"threshold":2}}'}, "chunking_strategy.threshold"),
        ({"chunking_strategy": f'{VAD},"threshold":NaN}}'}, "chunking_strategy"),
        ({"chunking_strategy": f'{VAD},"threshold":[1]}}'}, "chunking_strategy.threshold"),
        ({"chunking_strategy": f'{VAD},"prefix_padding_ms":-1}}'}, "chunking_strategy.prefix_padding_ms"),
        ({"chunking_strategy": f'{VAD},"prefix_padding_ms":1.5}}'}, "chunking_strategy.prefix_padding_ms"),
        ({"chunking_strategy": f'{VAD},"silence_duration_ms":60001}}'}, "chunking_strategy.silence_duration_ms"),
        ({"chunking_strategy[threshold]": "0.5"}, "chunking_strategy.type"),
        ({"chunking_strategy[type]": ["server_vad", "server_vad"]}, "chunking_strategy.type"),
        (
            {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "x"},
            "chunking_strategy.threshold",
        ),
        ({"chunking_strategy": "auto", "chunking_strategy[type]": "server_vad"}, "chunking_strategy"),
        ({"prompt": "a\0b"}, "prompt"),
        ({"prompt": "x" * 65_537}, "prompt"),
    ],
)
async def test_a_field_of_both_routes_is_refused_by_name(
    client: httpx.AsyncClient, stage: ScriptedASR, route: str, sent: dict[str, Any], param: str
) -> None:
    assert (await refusal(client, stage, route, sent))["param"] == param


@pytest.mark.parametrize(
    ("sent", "param", "code"),
    [
        ({"languages": "xx"}, "languages[0]", "invalid_value"),
        ({"languages[]": ["en", "klingon"]}, "languages[1]", "invalid_value"),
        ({"languages[]": ["en"] * 101}, "languages", "invalid_value"),
        ({"languages": "en,de"}, "languages[0]", "invalid_value"),
        ({"language": "fr", "languages": ["en", "de"]}, "language", "invalid_value"),
        ({"keywords[]": ["a", " "]}, "keywords[1]", "invalid_value"),
        ({"keywords": "x" * 101}, "keywords[0]", "invalid_value"),
        ({"keywords": ["x"] * 101}, "keywords", "invalid_value"),
        ({"include[]": "tokens"}, "include[0]", "invalid_value"),
        ({"include[]": "logprobs", "response_format": "verbose_json"}, "include", "unsupported_parameter"),
        ({"include[]": "logprobs", "response_format": "srt"}, "include", "unsupported_parameter"),
        (
            {"include": "logprobs", "response_format": "text", "stream": "true"},
            "include",
            "unsupported_parameter",
        ),
        ({"stream": "true", "response_format": "vtt"}, "stream", "unsupported_parameter"),
        ({"stream": ["true", "true"]}, "stream", "invalid_value"),
        ({"response_format": "diarized_json"}, "response_format", "unsupported_parameter"),
        ({"known_speaker_names[]": ["agent"]}, "known_speaker_names", "unsupported_parameter"),
        (
            {"known_speaker_references[]": ["data:audio/wav;base64," + "A" * 500_000]},
            "known_speaker_references",
            "unsupported_parameter",
        ),
    ],
)
async def test_a_field_of_transcriptions_is_refused_by_name(
    client: httpx.AsyncClient, stage: ScriptedASR, sent: dict[str, Any], param: str, code: str
) -> None:
    error = await refusal(client, stage, "transcriptions", sent)
    assert (error["param"], error["code"]) == (param, code)


async def test_the_official_client_is_told_that_speakers_are_not_told_apart(openai_client: AsyncOpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        await openai_client.audio.transcriptions.create(
            model="whisper-1", file=FILE, known_speaker_names=["agent", "customer"]
        )
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "known_speaker_names")
    assert "speakers" in caught.value.message


async def test_a_value_that_was_sent_is_never_repeated(client: httpx.AsyncClient, stage: ScriptedASR) -> None:
    for name in ("temperature", "beam_size", "chunking_strategy", "languages", "preprocessing", "include"):
        error = await refusal(client, stage, "transcriptions", {name: "<script>alert(1)</script>"})
        assert "script" not in error["message"]
