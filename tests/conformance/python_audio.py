"""Cells of the official Python client, in strict response validation: audio."""

import base64
from typing import Any, Final

import httpx
import openai
import pytest

from tests.conformance.context import (
    GERMAN,
    NO_CLONING,
    NO_SPEAKERS,
    QUESTION,
    VOICES,
    Cell,
    Context,
)
from tests.conformance.python_base import client_of
from tests.platform.hearing import word_error_rate

MAGIC: Final = {"opus": b"OggS", "flac": b"fLaC", "wav": b"RIFF", "aac": b"\xff"}


def transcribe(context: Context, **options: Any) -> Any:
    """The question's transcript."""
    with client_of(context) as client:
        file = ("question.wav", context.question.read_bytes())
        return client.audio.transcriptions.create(**({"model": "whisper-1", "file": file} | options))


def _is_right(text: str) -> bool:
    return word_error_rate(QUESTION, text) == 0


def transcription_json(context: Context) -> None:
    answer = transcribe(context)
    assert _is_right(answer.text)
    assert answer.usage.seconds > 0


def transcription_text(context: Context) -> None:
    assert _is_right(str(transcribe(context, response_format="text")))


def transcription_srt(context: Context) -> None:
    lines = str(transcribe(context, response_format="srt")).splitlines()
    assert lines[0] == "1"
    assert "-->" in lines[1]


def transcription_vtt(context: Context) -> None:
    assert str(transcribe(context, response_format="vtt")).startswith("WEBVTT\n\n")


def transcription_verbose(context: Context) -> None:
    answer = transcribe(context, response_format="verbose_json")
    assert answer.language == "english"
    assert answer.segments


def transcription_words(context: Context) -> None:
    answer = transcribe(context, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert _is_right(" ".join(word.word for word in answer.words))
    assert answer.segments


def transcription_language(context: Context) -> None:
    assert _is_right(transcribe(context, language="en").text)


def transcription_languages(context: Context) -> None:
    answer = transcribe(context, languages=["en", "de"])
    assert answer.languages[0].code == "en"


def transcription_keywords(context: Context) -> None:
    assert _is_right(transcribe(context, keywords=["ocean", "Earth"]).text)


def transcription_prompt(context: Context) -> None:
    assert _is_right(transcribe(context, prompt="Questions about geography.", temperature=0).text)


def _check_logprobs(tokens: Any, text: str) -> None:
    assert "".join(token.token for token in tokens).strip() == text
    assert all(token.logprob <= 0 for token in tokens)


def transcription_logprobs(context: Context) -> None:
    answer = transcribe(context, include=["logprobs"])
    _check_logprobs(answer.logprobs, answer.text)


def transcription_chunking_auto(context: Context) -> None:
    assert _is_right(transcribe(context, chunking_strategy="auto").text)


def transcription_chunking_vad(context: Context) -> None:
    vad = {"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 300, "silence_duration_ms": 500}
    assert _is_right(transcribe(context, chunking_strategy=vad).text)


def _stream(context: Context, **options: Any) -> list[Any]:
    with client_of(context) as client:
        file = ("question.wav", context.question.read_bytes())
        return list(client.audio.transcriptions.create(model="whisper-1", file=file, stream=True, **options))


def transcription_stream(context: Context) -> None:
    *deltas, done = _stream(context)
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert "".join(event.delta for event in deltas) == done.text
    assert _is_right(done.text)
    assert done.usage


def transcription_stream_logprobs(context: Context) -> None:
    *deltas, done = _stream(context, include=["logprobs"])
    _check_logprobs(done.logprobs, done.text)
    _check_logprobs([token for event in deltas for token in event.logprobs or ()], done.text)


def _translate(context: Context, **options: Any) -> Any:
    with client_of(context) as client:
        file = ("german.wav", context.german.read_bytes())
        return client.audio.translations.create(model="whisper-1", file=file, **options)


def translation_json(context: Context) -> None:
    assert "Berlin" in _translate(context).text


def translation_formats(context: Context) -> None:
    assert "Berlin" in str(_translate(context, response_format="text"))
    assert "-->" in str(_translate(context, response_format="srt"))
    assert str(_translate(context, response_format="vtt")).startswith("WEBVTT")


def translation_verbose(context: Context) -> None:
    answer = _translate(context, response_format="verbose_json")
    assert answer.language == "english"
    assert answer.segments


def speak(context: Context, **options: Any) -> Any:
    """The question, spoken."""
    with client_of(context) as client:
        return client.audio.speech.create(**({"model": "tts-1", "voice": "alloy", "input": QUESTION} | options))


def speech_mp3(context: Context) -> None:
    assert speak(context).content[:2] in (b"\xff\xfb", b"\xff\xf3", b"ID")


def speech_formats(context: Context) -> None:
    for name, magic in MAGIC.items():
        assert speak(context, response_format=name).content.startswith(magic)


def speech_pcm(context: Context) -> None:
    seconds = len(speak(context, response_format="pcm").content) / 48_000
    assert 1 < seconds < 6


def speech_streaming(context: Context) -> None:
    with client_of(context) as client:
        text = f"{QUESTION} {QUESTION} {QUESTION}"
        with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input=text) as answer:
            assert len(list(answer.iter_bytes(1024))) > 1


def speech_speed(context: Context) -> None:
    once, twice = (len(speak(context, response_format="pcm", speed=speed).content) for speed in (1, 2))
    assert 0.35 < twice / once < 0.7


def speech_voices(context: Context) -> None:
    for voice in VOICES:
        assert speak(context, voice=voice, input="Hello.").content


def speech_voice_object(context: Context) -> None:
    assert speak(context, voice={"id": "alloy"}).content


def speech_instructions(context: Context) -> None:
    assert speak(context, instructions="Speak calmly.").content


def speech_sse(context: Context) -> None:
    """The client hands the events out as bytes."""
    import json

    text = speak(context, stream_format="sse", response_format="wav").content.decode()
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line.startswith("data: {")]
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert audio.startswith(b"RIFF")
    assert events[-1]["type"] == "speech.audio.done"
    usage = events[-1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


def speech_languages(context: Context) -> None:
    spoken = speak(context, input=GERMAN, response_format="wav")
    assert spoken.response.headers["x-smartlite-language"].startswith("de")
    with client_of(context) as client:
        heard = client.audio.transcriptions.create(
            model="whisper-1", file=("de.wav", spoken.content), response_format="verbose_json"
        )
    assert heard.language == "german"


def speech_wrong_voice(context: Context) -> None:
    with pytest.raises(openai.BadRequestError, match="alloy") as caught:
        speak(context, voice="nobody")
    assert caught.value.param == "voice"


def voices_list(context: Context) -> None:
    with client_of(context) as client:
        listed = client.get("/audio/voices", cast_to=httpx.Response)
    assert any(voice["language"].startswith("de") for voice in listed.json()["data"])


CELLS: Final[dict[str, Cell | str]] = {
    **{
        name: cell
        for name, cell in list(globals().items())
        if name.startswith(("transcription_", "translation_", "speech_", "voices_list")) and callable(cell)
    },
    "transcription_diarized": NO_SPEAKERS,
    "voices_create": NO_CLONING,
}
