"""The platform as a client sees it, with a clock at every answer. Must not know the platform's code behind HTTP."""

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from smartlite.config import load_settings
from smartlite.errors import Unavailable

_TIMEOUT_S: Final = 180.0
_TIMING: Final = re.compile(r"([\w-]+);dur=([\d.]+)")

Messages = list[dict[str, str]]


def credential() -> dict[str, str]:
    """The header that lets a benchmark in: with the key of ``SMARTLITE_API_KEY``, none where there is none."""
    key = load_settings().api_key.get_secret_value()
    return {"Authorization": f"Bearer {key}"} if key else {}


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken text. Seconds count from the moment the request was sent."""

    first_audio_s: float
    total_s: float
    data: bytes
    stage_s: float
    """From the gateway's question to the TTS stage to the stage's first bytes, as ``Server-Timing`` tells it."""
    gateway_s: float
    """From the request's arrival at the gateway to the head of the answer, the stage included."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A language model's answer."""

    first_token_s: float
    total_s: float
    text: str
    tokens: int
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt, those that were not computed again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A streamed voice turn."""

    transcript: str
    reply: str
    tokens: int
    transcript_s: float
    first_audio_s: float
    total_s: float
    timings: dict[str, float]
    """Seconds of its parts as the platform tells them, see ``smartlite.pipeline.voice``."""


class Gateway:
    """A connection that stays open, as a client's would.

    Args:
        url: Such as ``http://127.0.0.1:8000``.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False, headers=credential())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def transcribe(self, data: bytes, language: str | None = "en") -> tuple[str, float]:
        """Text of a recording, and the seconds it took."""
        fields = {"model": "whisper-1", "response_format": "json"}
        if language is not None:
            fields["language"] = language
        began = time.perf_counter()
        answer = _checked(
            self._client.post("/v1/audio/transcriptions", data=fields, files={"file": ("clip.wav", data)})
        )
        return str(answer.json()["text"]), time.perf_counter() - began

    def speak(self, text: str, audio_format: str) -> Speech:
        """Speech of a text, streamed."""
        body = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": audio_format}
        began = time.perf_counter()
        first_audio_s = 0.0
        pieces: list[bytes] = []
        with self._client.stream("POST", "/v1/audio/speech", json=body) as answer:
            _check_stream(answer)
            told = dict(_TIMING.findall(answer.headers.get("server-timing", "")))
            for piece in answer.iter_raw():
                first_audio_s = first_audio_s or time.perf_counter() - began
                pieces.append(piece)
        stage_s, gateway_s = (float(told.get(name, 0)) / 1000 for name in ("tts_first_audio", "total"))
        return Speech(first_audio_s, time.perf_counter() - began, b"".join(pieces), stage_s, gateway_s)

    def chat(self, model: str, messages: Messages, **options: object) -> Answer:
        """An answer that comes whole."""
        began = time.perf_counter()
        answer = _checked(
            self._client.post("/v1/chat/completions", json={"model": model, "messages": messages, **options})
        ).json()
        total_s = time.perf_counter() - began
        text = str(answer["choices"][0]["message"]["content"])
        return Answer(total_s, total_s, text, int(answer["usage"]["completion_tokens"]))

    def stream_chat(self, model: str, messages: Messages, **options: object) -> Answer:
        """An answer that comes token by token."""
        body = {
            "model": model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        began = time.perf_counter()
        first_token_s = 0.0
        texts: list[str] = []
        usage: dict[str, Any] = {}
        with self._client.stream("POST", "/v1/chat/completions", json=body) as answer:
            _check_stream(answer)
            for chunk in _events(answer):
                for choice in chunk["choices"]:
                    if text := choice["delta"].get("content"):
                        first_token_s = first_token_s or time.perf_counter() - began
                        texts.append(text)
                usage = chunk.get("usage") or usage
        return Answer(
            first_token_s,
            time.perf_counter() - began,
            "".join(texts),
            int(usage["completion_tokens"]),
            int(usage["prompt_tokens"]),
            int(usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)),
        )

    def stream_turn(self, question: bytes, instructions: str, audio_format: str) -> Turn:
        """A voice turn whose events come as they happen."""
        fields = {
            "language": "en",
            "instructions": instructions,
            "response_format": audio_format,
            "stream": "true",
        }
        began = time.perf_counter()
        times: dict[str, float] = {}
        seen: dict[str, dict[str, Any]] = {}
        with self._client.stream(
            "POST", "/v1/voice/turns", data=fields, files={"file": ("question.wav", question)}
        ) as answer:
            _check_stream(answer)
            for event in _events(answer):
                times.setdefault(event["type"], time.perf_counter() - began)
                seen.setdefault(event["type"], event)
        if "turn.done" not in seen:
            raise Unavailable(f"The voice turn did not end well: {seen.get('error')}")
        done = seen["turn.done"]
        return Turn(
            transcript=str(seen["turn.transcript.done"]["text"]),
            reply=str(done["reply"]["text"]),
            tokens=int(done["usage"]["completion_tokens"]),
            transcript_s=times["turn.transcript.done"],
            first_audio_s=times["turn.audio.delta"],
            total_s=times["turn.done"],
            timings={name: float(seconds) for name, seconds in done["timings"].items()},
        )

    def stream_assistant(self, question: bytes, instructions: str) -> tuple[float, float]:
        """A run of the pipeline ``voice-assistant`` as it happens: seconds until its first audio, and until its end."""
        fields = {"inputs": json.dumps({"language": "en", "instructions": instructions}), "stream": "true"}
        began = time.perf_counter()
        times: dict[str, float] = {}
        with self._client.stream(
            "POST",
            "/v1/pipelines/voice-assistant/runs",
            data=fields,
            files={"audio": ("question.wav", question, "audio/wav")},
        ) as answer:
            _check_stream(answer)
            for event in _events(answer):
                times.setdefault(event["type"], time.perf_counter() - began)
        if "step.audio" not in times or "run.succeeded" not in times:
            raise Unavailable(f"The run did not end well, or told no audio: {', '.join(times)}")
        return times["step.audio"], times["run.succeeded"]

    def keep_pipeline(self, name: str, document: str) -> None:
        """Keep a pipeline, or a new version of it where it is there with another text."""
        headers = {"content-type": "application/yaml"}
        if self._client.get(f"/v1/pipelines/{name}").status_code == 404:
            answer = self._client.post("/v1/pipelines", content=document, headers=headers)
        else:
            answer = self._client.put(f"/v1/pipelines/{name}", content=document, headers=headers)
        if answer.status_code != 201:
            _checked(answer)

    def run(self, pipeline: str, inputs: dict[str, object], file: tuple[str, bytes] | None = None) -> dict[str, Any]:
        """A run that has ended."""
        files = {} if file is None else {file[0]: ("clip.wav", file[1], "audio/wav")}
        headers = {"prefer": "wait=300"}
        url = f"/v1/pipelines/{pipeline}/runs"
        if file is None:
            answer = self._client.post(url, json={"inputs": inputs}, headers=headers, timeout=310.0)
        else:
            form = {"inputs": json.dumps(inputs)}
            answer = self._client.post(url, data=form, files=files, headers=headers, timeout=310.0)
        found: dict[str, Any] = _checked(answer).json()
        if found["state"] != "succeeded":
            raise Unavailable(f"The run of '{pipeline}' ended {found['state']}: {found['error']}")
        return found

    def turn(self, question: bytes, instructions: str, audio_format: str) -> tuple[str, bytes]:
        """A voice turn that comes whole: the reply's text and its audio file."""
        fields = {"language": "en", "instructions": instructions, "response_format": audio_format}
        answer = _checked(
            self._client.post("/v1/voice/turns", data=fields, files={"file": ("question.wav", question)})
        ).json()
        return str(answer["reply"]["text"]), base64.b64decode(answer["audio"]["data"])


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code != 200:
        raise Unavailable(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}")
    return answer


def _check_stream(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        answer.read()
        _checked(answer)


def _events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))
