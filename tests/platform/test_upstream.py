"""The platform as the upstream of another: engines that ask it answer what it answers itself."""

import asyncio
from pathlib import Path

import httpx
import numpy as np
import pytest

from smartlite.domain.asr import TranscribeOptions
from smartlite.domain.audio import AudioChunk
from smartlite.domain.llm import ChatFinished, ChatOptions, Message, TextDelta
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.registry import create_asr, create_embedding, create_llm, create_tts
from tests.platform.hearing import word_error_rate
from tests.platform.running import RunningPlatform

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

SENTENCE = "Our train leaves on Monday morning."


def options(platform: RunningPlatform, model: str) -> dict[str, object]:
    return {"base_url": f"{platform.url}/v1", "model": model, "api_key_env": "", "idle_connections": 0}


async def test_a_chat_through_it_has_the_same_words_and_usage(platform: RunningPlatform, client: httpx.Client) -> None:
    asked = "Name three colours."
    body = {
        "model": "smollm2-135m-instruct",
        "messages": [{"role": "user", "content": asked}],
        "seed": 1,
        "temperature": 0,
        "max_completion_tokens": 30,
    }
    own = (await asyncio.to_thread(client.post, "/v1/chat/completions", json=body)).raise_for_status().json()
    engine = create_llm("openai_upstream", ModelFiles("far", Path()), options(platform, "smollm2-135m-instruct"))
    engine.start()
    text = ""
    async for event in engine.chat((Message("user", asked),), ChatOptions(temperature=0, max_tokens=30, seed=1)):
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, ChatFinished):
            assert event.finish_reason == own["choices"][0]["finish_reason"]
            assert event.usage.total_tokens == own["usage"]["total_tokens"]
    assert text == own["choices"][0]["message"]["content"]


async def test_speech_through_it_is_understood_through_it(platform: RunningPlatform) -> None:
    files = ModelFiles("far", Path(), voices=(Voice("alloy", "Alloy", "en"),))
    speaker = create_tts("openai_upstream", files, options(platform, "tts-1"))
    hearer = create_asr("openai_upstream", ModelFiles("far", Path()), options(platform, "whisper-1"))
    speaker.start()
    hearer.start()
    pieces = [piece async for piece in speaker.synthesize(SENTENCE, SynthesizeOptions("alloy"))]
    spoken = np.concatenate([piece.audio.samples for piece in pieces])
    # From 24 to 16 kHz: three samples become two. What folds back is quiet, as speech is above 8 kHz.
    samples = np.interp(np.arange(0, len(spoken) - 1, 1.5), np.arange(len(spoken)), spoken).astype(np.float32)
    options_asked = TranscribeOptions(word_timestamps=True)
    info, *segments = [event async for event in hearer.transcribe(AudioChunk(samples, 16_000), options_asked)]
    assert info.language == "en"  # type: ignore[union-attr]
    assert word_error_rate(SENTENCE, "".join(segment.text for segment in segments)) <= 0.2  # type: ignore[union-attr]
    assert all(segment.words for segment in segments)  # type: ignore[union-attr]


async def test_vectors_through_it_are_its_own(platform: RunningPlatform, client: httpx.Client) -> None:
    body = {"model": "text-embedding-3-small", "input": [SENTENCE], "encoding_format": "float"}
    answer = await asyncio.to_thread(client.post, "/v1/embeddings", json=body)
    own = answer.raise_for_status().json()["data"][0]["embedding"]
    engine = create_embedding("openai_upstream", ModelFiles("far", Path()), options(platform, "text-embedding-3-small"))
    engine.start()
    first, _ = [event async for event in engine.embed((SENTENCE,))]
    assert first.vector == pytest.approx(np.array(own), abs=1e-3)  # type: ignore[union-attr]
