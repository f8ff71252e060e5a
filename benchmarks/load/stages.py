"""What each stage is asked under load: the same small request again and again. Must not know who answers.

One sentence is spoken, one short question is heard, one short answer is written: enough work to fill a replica, little
enough to be asked often. A language model has the prompt in its cache after the first request, on every server alike.
"""

import json
from collections.abc import Mapping
from typing import Final, Literal

import httpx

from benchmarks.load.connection import Request

Stage = Literal["asr", "tts", "llm"]
Turn = Literal["voice", "pipelines"]
TURNS: Final[tuple[Turn, ...]] = ("voice", "pipelines")
"""What takes a question through all stages; no other server has these."""
STAGES: Final[tuple[Stage, ...]] = ("asr", "tts", "llm")
MODELS: Final[Mapping[Stage, str]] = {"asr": "whisper-1", "tts": "tts-1", "llm": ""}
"""Names that every OpenAI-compatible server is likely to know; the language model's comes from the configuration."""
ANSWER_TOKENS: Final = 32
SENTENCE: Final = "The train to the coast leaves every morning at a quarter past eight."
_INSTRUCTIONS: Final = "You are a friendly voice assistant. Answer in one plain sentence of about ten words."
_QUESTION: Final = "Explain in one sentence how a sailing boat moves against the wind."


def stage_request(stage: Stage, url: str, key: str, model: str, clip: bytes) -> Request:
    """A request of OpenAI's API, as bytes.

    Args:
        stage: What is asked of.
        url: The server, with or without ``/v1``.
        key: What it is asked with; empty where it asks for none.
        model: As the server calls it.
        clip: A WAV file, for ``asr``.
    """
    base = url.rstrip("/").removesuffix("/v1")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if stage == "asr":
        fields = {"model": model, "response_format": "json", "language": "en"}
        files = {"file": ("clip.wav", clip, "audio/wav")}
        route = f"{base}/v1/audio/transcriptions"
        return Request.of(httpx.Request("POST", route, headers=headers, data=fields, files=files))
    if stage == "tts":
        speech = {"model": model, "voice": "alloy", "input": SENTENCE, "response_format": "pcm"}
        return Request.of(httpx.Request("POST", f"{base}/v1/audio/speech", headers=headers, json=speech))
    chat = {
        "model": model,
        "messages": [{"role": "user", "content": _QUESTION}],
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0.0,
        "stream": True,
    }
    return Request.of(httpx.Request("POST", f"{base}/v1/chat/completions", headers=headers, json=chat))


def turn_request(turn: Turn, url: str, key: str, clip: bytes) -> Request:
    """A spoken question whose spoken answer comes whole: a voice turn, or a run of the pipeline ``voice-assistant``."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if turn == "voice":
        fields = {"language": "en", "instructions": _INSTRUCTIONS, "response_format": "mp3"}
        files = {"file": ("question.wav", clip, "audio/wav")}
        return Request.of(httpx.Request("POST", f"{url}/v1/voice/turns", headers=headers, data=fields, files=files))
    fields = {"inputs": json.dumps({"language": "en", "instructions": _INSTRUCTIONS})}
    files = {"audio": ("question.wav", clip, "audio/wav")}
    route = f"{url}/v1/pipelines/voice-assistant/runs"
    return Request.of(httpx.Request("POST", route, headers={**headers, "prefer": "wait=60"}, data=fields, files=files))
