"""Every kind of step over stages that say what they were asked."""

from collections.abc import Mapping

import numpy as np
import pytest

from smartlite.domain.asr import TranscribeRequest, Transcript
from smartlite.domain.audio import AudioChunk
from smartlite.domain.llm import ChatRequest, Message
from smartlite.domain.pipelines import JSON, Document, InputSpec, Run
from smartlite.domain.tts import SpeakRequest
from smartlite.errors import (
    EngineFailed,
    HTTPRequestFailed,
    HTTPRequestRefused,
    InvalidRequest,
    InvalidType,
    ModelNotFound,
    NotFound,
    PipelineInvalid,
    SmartLiteError,
    TextEmpty,
    TextTooLong,
    Unprocessable,
)
from smartlite.pipeline.steps.audio import Audio, cut_in_pauses
from smartlite.pipeline.steps.chat import Chat
from smartlite.pipeline.steps.http import HTTP
from smartlite.pipeline.steps.nested import Nested
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPRequest
from smartlite.pipeline.steps.recognition import Recognition
from smartlite.pipeline.steps.speaking import Speaking
from smartlite.pipeline.steps.text import split_text, template
from tests.pipeline.execution.world import MemoryObjects
from tests.pipeline.steps.studio import PlainCodec, Studio, find_prompt, media, models, ran


def write_captions(kind: str, transcript: Transcript) -> str:
    return f"{kind}: {transcript.text}"


def recognition(studio: Studio) -> Recognition:
    return Recognition(studio, models, write_captions)


async def test_speech_is_recognised_with_the_default_model_and_told_while_it_is() -> None:
    studio, objects = Studio(), MemoryObjects()
    output, told = await ran(
        recognition(studio).transcribe, {"audio": media(objects, b"abc"), "language": "en"}, objects
    )
    assert (output["text"], output["language"], output["duration_s"]) == ("one two three", "en", 2.0)
    assert [segment["text"] for segment in output["segments"]] == [" one two", " three"]
    assert (output["words"], told) == ([], " one two three")
    (asked,) = studio.asked
    assert isinstance(asked, TranscribeRequest)
    assert (asked.model, asked.audio.data, asked.options.language) == ("ears", b"abc", "en")


@pytest.mark.parametrize(
    ("more", "wanted"),
    [({"format": "text"}, "one two three"), ({"format": "srt"}, "srt: one two three")],
)
async def test_a_transcript_comes_as_text_or_captions(more: Mapping[str, JSON], wanted: str) -> None:
    objects = MemoryObjects()
    output, _ = await ran(recognition(Studio()).transcribe, {"audio": media(objects, b"a"), **more}, objects)
    assert output == wanted


async def test_times_of_words_are_given_where_they_are_asked_for() -> None:
    objects = MemoryObjects()
    fields = {"audio": media(objects, b"a"), "timestamps": "word"}
    output, _ = await ran(recognition(Studio()).transcribe, fields, objects)
    assert output["words"] == [
        {"text": "one", "start_s": 0.0, "end_s": 0.5},
        {"text": "two", "start_s": 0.5, "end_s": 1.0},
    ]


async def test_translating_asks_for_english() -> None:
    studio, objects = Studio(), MemoryObjects()
    await ran(recognition(studio).translate, {"audio": media(objects, b"a"), "model": "whisper-1"}, objects)
    (asked,) = studio.asked
    assert isinstance(asked, TranscribeRequest)
    assert asked.options.task == "translate"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"audio": {"$media": {"key": "media/none", "content_type": "x", "size_bytes": 1}}}, NotFound),
        ({"audio": {"$media": {"key": 7}}}, InvalidType),
        ({"audio": None, "model": "gpt"}, ModelNotFound),
    ],
)
async def test_what_is_not_there_cannot_be_recognised(fields: JSON, error: type[SmartLiteError]) -> None:
    with pytest.raises(error):
        await ran(recognition(Studio()).transcribe, fields)


async def test_a_prompt_with_variables_is_a_template_and_one_without_is_not() -> None:
    studio = Studio()
    chat = Chat(studio, models, find_prompt)
    output, told = await ran(chat.chat, {"system": "{{ a }}", "user": "{{ a }}?", "vars": {"a": "b"}, "model": "gpt"})
    await ran(chat.chat, {"prompt": "{{ a }}", "temperature": 0, "max_tokens": 5})
    first, second = studio.asked
    assert isinstance(first, ChatRequest)
    assert isinstance(second, ChatRequest)
    assert first.messages == (Message("system", "b"), Message("user", "b?"))
    assert second.messages == (Message("user", "{{ a }}"),)
    assert (second.options.temperature, second.options.max_tokens) == (0, 5)
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    assert output == {"text": "It is.", "json": None, "finish_reason": "stop", "usage": usage}
    assert told == "It is."


async def test_an_answer_as_json_is_read_and_one_that_is_none_may_be_tried_again() -> None:
    fields = {"messages": [{"role": "user", "content": "x"}], "json_schema": {"type": "object"}}
    output, _ = await ran(Chat(Studio(['{"a": ', "1}"]), models, find_prompt).chat, fields)
    assert output["json"] == {"a": 1}
    with pytest.raises(EngineFailed):
        await ran(Chat(Studio(["no"]), models, find_prompt).chat, fields)


async def test_json_that_was_cut_off_is_final() -> None:
    studio = Studio(['{"a": '], finish_reason="length")
    with pytest.raises(Unprocessable):
        await ran(Chat(studio, models, find_prompt).chat, {"prompt": "x", "json_schema": {"type": "object"}})


@pytest.mark.parametrize("message", ["x", {"role": "tool", "content": "x"}, {"role": "user", "content": [1]}])
async def test_what_is_no_message_is_refused(message: JSON) -> None:
    with pytest.raises(InvalidType):
        await ran(Chat(Studio(), models, find_prompt).chat, {"messages": [message]})


async def test_a_long_text_is_spoken_in_pieces_and_joined_into_one_file() -> None:
    studio, objects = Studio(), MemoryObjects()
    text = "This is **one** sentence of some. " * 200
    output, _ = await ran(Speaking(studio, models, PlainCodec()).speak, {"text": text, "format": "wav"}, objects)
    said = [asked for asked in studio.asked if isinstance(asked, SpeakRequest)]
    assert len(said) > 2
    assert all(len(asked.text) <= 2000 and "*" not in asked.text for asked in said)
    found = output["$media"]
    assert found["key"] == "media/runs/run_1/s/-1/7.2.speech.wav"
    assert len(objects.kept[found["key"]]) == sum(len(asked.text) for asked in said) * 240 * 4
    assert found["duration_s"] == pytest.approx(sum(len(asked.text) for asked in said) / 100)


async def test_the_voice_is_one_that_speaks_the_language() -> None:
    studio = Studio()
    speaking = Speaking(studio, models, PlainCodec())
    await ran(speaking.speak, {"text": "Guten Tag", "language": "de"})
    await ran(speaking.speak, {"text": "Hello", "voice": "alloy", "speed": 2})
    asked = [each.options for each in studio.asked if isinstance(each, SpeakRequest)]
    assert [(each.voice, each.language, each.speed) for each in asked] == [("uwe", "de-DE", 1.0), ("ann", "en-US", 2.0)]
    with pytest.raises(InvalidRequest):
        await ran(speaking.speak, {"text": "x", "language": "ja"})


@pytest.mark.parametrize(("text", "error"), [("", TextEmpty), (" *!* ", TextEmpty), ("x" * 50_001, TextTooLong)])
async def test_what_cannot_be_spoken_is_refused(text: str, error: type[SmartLiteError]) -> None:
    with pytest.raises(error):
        await ran(Speaking(Studio(), models, PlainCodec()).speak, {"text": text})


async def test_a_stage_that_ends_too_early_is_a_failure_that_may_be_tried_again() -> None:
    objects = MemoryObjects()
    studio = Studio(is_cut_off=True)
    for runner, fields in (
        (recognition(studio).transcribe, {"audio": media(objects, b"a")}),
        (Chat(studio, models, find_prompt).chat, {"prompt": "x"}),
        (Speaking(studio, models, PlainCodec()).speak, {"text": "x"}),
    ):
        with pytest.raises(EngineFailed):
            await ran(runner, fields, objects)


async def test_audio_is_converted_and_long_audio_is_cut_in_its_pauses() -> None:
    objects = MemoryObjects()
    loud, quiet = np.full(16_000, 0.5, np.float32), np.zeros(16_000, np.float32)
    data = np.concatenate([loud, loud, quiet, loud, loud]).tobytes()
    audio = Audio(PlainCodec())
    output, _ = await ran(audio.split, {"audio": media(objects, data), "max_s": 3, "min_silence_s": 0.5}, objects)
    assert [(piece["start_s"], piece["end_s"]) for piece in output] == [(0.0, 2.5), (2.5, 5.0)]
    assert len({piece["audio"]["$media"]["key"] for piece in output}) == 2
    converted, _ = await ran(audio.convert, {"audio": media(objects, data), "format": "flac"}, objects)
    assert objects.kept[converted["$media"]["key"]] == data


@pytest.mark.parametrize(("seconds", "longest"), [(0, 1), (1, 1), (10, 3), (7.3, 2)])
def test_pieces_are_all_of_the_audio_and_none_is_too_long(seconds: float, longest: float) -> None:
    audio = AudioChunk(np.full(int(seconds * 16_000), 0.3, np.float32), 16_000)
    cuts = cut_in_pauses(audio, longest, 0.5)
    places = [place for cut in cuts for place in cut]
    assert places[1:-1:2] == places[2::2]
    assert places[:1] + places[-1:] == ([0, len(audio.samples)] if seconds else [])
    assert all(0 < end - begin <= longest * 16_000 for begin, end in cuts)


@pytest.mark.parametrize(
    ("by", "most", "wanted"),
    [
        ("sentence", None, ["# One", "It is. So.", "Next. # Two", "End."]),
        ("paragraph", None, ["# One", "It is. So.", "Next.", "# Two\nEnd."]),
        ("paragraph", 18, ["# One\n\nIt is. So.", "Next.\n\n# Two\nEnd."]),
        ("chapter", None, ["# One\n\nIt is. So.\n\nNext.", "# Two\nEnd."]),
        ("chapter", 10, ["# One", "It is. So.", "Next.", "# Two\nEnd."]),
    ],
)
def test_text_is_cut_where_it_is_asked(by: str, most: int | None, wanted: list[str]) -> None:
    text = "# One\n\nIt is. So.\n\nNext.\n\n# Two\nEnd.\n"
    if by == "sentence":
        assert " ".join(split_text(text, by, most)).split() == text.split()
    else:
        assert split_text(text, by, most) == wanted


@pytest.mark.parametrize("by", ["sentence", "paragraph", "chapter", "characters"])
def test_no_piece_is_longer_than_it_may_be_and_nothing_is_lost(by: str) -> None:
    text = "word " * 500 + "\n\n" + "x" * 300 + "\n# Head\n" + "Short. " * 50
    pieces = split_text(text, by, 100)
    assert max(map(len, pieces)) <= 100
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert split_text(" \n ", by, 100) == []


async def test_a_template_is_filled_and_a_wrong_one_is_refused() -> None:
    assert (await ran(template, {"template": "{{ a }}!", "vars": {"a": 1}}))[0] == "1!"
    with pytest.raises(PipelineInvalid):
        await ran(template, {"template": "{{ a }}"})


class Service:
    """An HTTPClient that gives one answer."""

    def __init__(self, status: int = 200, body: bytes = b"{}", kind: str = "application/json") -> None:
        self.answer = HTTPAnswer(status, {"content-type": kind}, body)
        self.asked: list[HTTPRequest] = []

    async def send(self, request: HTTPRequest) -> HTTPAnswer:
        self.asked.append(request)
        return self.answer


async def test_a_request_that_changes_something_carries_a_key_that_is_always_the_same() -> None:
    service = Service(body=b'{"ok": [1]}')
    output, _ = await ran(HTTP(service).request, {"url": "https://x/", "method": "POST", "json": {"a": "é"}})
    await ran(HTTP(service).request, {"url": "https://x/", "headers": {"X-A": 1}, "text": "hi"})
    posted, got = service.asked
    assert posted.headers == {"content-type": "application/json", "idempotency-key": "run_1/s/-1"}
    assert posted.body == '{"a":"é"}'.encode()
    assert (got.method, got.headers["x-a"], "idempotency-key" in got.headers) == ("GET", "1", False)
    assert output == {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "text": '{"ok": [1]}',
        "json": {"ok": [1]},
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, HTTPRequestRefused), (404, HTTPRequestRefused), (429, HTTPRequestFailed), (503, HTTPRequestFailed)],
)
async def test_statuses_tell_final_failures_from_others(status: int, error: type[SmartLiteError]) -> None:
    with pytest.raises(error, match=str(status)):
        await ran(HTTP(Service(status)).request, {"url": "https://x/"})


@pytest.mark.parametrize(("body", "kind"), [(b"<a>", "text/html"), (b"{", "application/json"), (b"\xff", "text/plain")])
async def test_a_body_that_is_no_json_is_text_alone(body: bytes, kind: str) -> None:
    output, _ = await ran(HTTP(Service(body=body, kind=kind)).request, {"url": "https://x/"})
    assert (output["json"], output["text"]) == (None, body.decode("utf-8", "replace"))


@pytest.mark.parametrize("headers", [{"Host": "x"}, {"Content-Length": "5"}, {"x": {"a": 1}}])
async def test_headers_that_say_how_a_request_is_sent_are_refused(headers: JSON) -> None:
    with pytest.raises(InvalidType):
        await ran(HTTP(Service()).request, {"url": "https://x/", "headers": headers})


async def test_another_pipeline_is_run_with_inputs_that_fit_it() -> None:
    document = Document("other", (), inputs={"n": InputSpec("integer", required=False, default=3)})

    async def find(run: Run, name: str, version: int | None) -> Document:
        assert (run.user_id, name, version) == ("user_1", "other", None)
        return document

    output, _ = await ran(Nested(find).run, {"pipeline": "other"})
    assert output == {"document": "other", "inputs": {"n": 3}}
    with pytest.raises(InvalidType):
        await ran(Nested(find).run, {"pipeline": "other", "inputs": {"n": "x"}})
