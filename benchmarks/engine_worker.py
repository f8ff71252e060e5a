"""An engine in a process of its own, without Ray or HTTP: what the platform is held against.

Must not know the platform's address. Reads one JSON request a line, answers one JSON object a line; while it waits it
computes nothing, so it does not disturb what is measured in between. Run by ``benchmarks.in_process``.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.bare_llama import BareLlama
from benchmarks.target import ServedEngine, read_engine
from smartlite.codecs.decode import decode_pcm
from smartlite.codecs.encode import encode_whole
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.sniff import sniff_container
from smartlite.config import load_settings
from smartlite.domain.asr import Segment, TranscribeOptions
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.llm import ChatFinished, ChatOptions, Message, TextDelta
from smartlite.domain.models import ModelFiles, ModelTask
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.protocols import ASREngine, LLMEngine, TTSEngine
from smartlite.engines.registry import create_asr, create_llm, create_tts
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.open_objects import open_objects

Work = Callable[[dict[str, Any]], Coroutine[None, None, dict[str, Any]]]

_CALLERS: Final = 32
KINDS: Final = ("asr", "tts", "llm", "bare-llm")


def main() -> None:
    """Load the engine that is asked for, then serve standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--config", type=Path, help="serves the engine as the default model of its kind")
    parser.add_argument("--model")
    parser.add_argument("--engine")
    parser.add_argument("--options", type=json.loads, default={})
    arguments = parser.parse_args()
    # Libraries print to standard output as they like; the answers go where it led before.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    kind: ModelTask = "llm" if arguments.kind == "bare-llm" else arguments.kind
    served = (
        read_engine(arguments.config, kind)
        if arguments.config
        else ServedEngine(arguments.model, arguments.engine, arguments.options)
    )
    asyncio.run(_serve(_load(arguments.kind, served), answers.write, answers.flush))


async def _serve(work: Work, write: Callable[[str], object], flush: Callable[[], None]) -> None:
    write('{"ready": true}\n')
    flush()
    while line := await asyncio.to_thread(sys.stdin.readline):
        write(json.dumps(await work(json.loads(line))) + "\n")
        flush()


def _load(kind: str, served: ServedEngine) -> Work:
    if kind == "asr":
        asr = create_asr(served.engine, _files(served), served.options)
        asr.start()
        return lambda request: _transcribe(asr, request)
    if kind == "tts":
        files = _files(served)
        tts = create_tts(served.engine, files, served.options)
        tts.start()
        return lambda request: _speak(tts, files.voices[0].id, request)
    if kind == "bare-llm":
        bare = BareLlama(_files(served), served.options)
        callers = ThreadPoolExecutor(_CALLERS)  # asyncio's own has six threads on two cores

        async def ask(one: dict[str, Any]) -> dict[str, Any]:
            return await asyncio.get_running_loop().run_in_executor(callers, partial(bare.chat, **one))

        return lambda request: _at_once(ask, request)
    llm = create_llm(served.engine, _files(served), served.options)
    llm.start()
    return lambda request: _at_once(lambda one: _chat(llm, one), request)


def _files(served: ServedEngine) -> ModelFiles:
    settings = load_settings()
    store = ModelStore(open_objects(settings), settings.model_cache_dir)
    return store.ensure_local(load_catalog(settings.catalog).find(served.model))


async def _transcribe(engine: ASREngine, request: dict[str, Any]) -> dict[str, Any]:
    data = await asyncio.to_thread(Path(request["path"]).read_bytes)
    limits = AudioLimits()
    began = time.perf_counter()
    pcm = b"".join(decode_pcm(data, sniff_container(data, limits), limits, RECOGNITION_SAMPLE_RATE_HZ))
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    decoded = time.perf_counter()
    audio = AudioChunk(samples, RECOGNITION_SAMPLE_RATE_HZ)
    texts: list[str] = []
    language = ""
    async with aclosing(engine.transcribe(audio, TranscribeOptions(language=request["language"]))) as events:
        async for event in events:
            if isinstance(event, Segment):
                texts.append(event.text)
            else:
                language = event.language
    ended = time.perf_counter()
    return {
        "seconds": ended - decoded,
        "decode_s": decoded - began,
        "audio_s": audio.duration_s,
        "text": "".join(texts).strip(),
        "language": language,
    }


async def _speak(engine: TTSEngine, voice: str, request: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    first_s = 0.0
    chunks: list[AudioChunk] = []
    options = SynthesizeOptions(request.get("voice", voice), language=request.get("language"))
    async with aclosing(engine.synthesize(request["text"], options)) as sentences:
        async for sentence in sentences:
            first_s = first_s or time.perf_counter() - began
            chunks.append(sentence.audio)
    total_s = time.perf_counter() - began
    if "save" in request:
        await asyncio.to_thread(Path(request["save"]).write_bytes, encode_whole(chunks, "wav"))
    return {"first_audio_s": first_s, "total_s": total_s, "audio_s": sum(chunk.duration_s for chunk in chunks)}


async def _at_once(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    began, used = time.perf_counter(), time.process_time()
    answers = await asyncio.gather(*map(work, request["at_once"]))
    return {"answers": answers, "seconds": time.perf_counter() - began, "cpu_s": time.process_time() - used}


async def _chat(engine: LLMEngine, request: dict[str, Any]) -> dict[str, Any]:
    messages = tuple(Message(message["role"], message["content"]) for message in request["messages"])
    options = ChatOptions(temperature=request["temperature"], max_tokens=request["max_tokens"], seed=request["seed"])
    began = time.perf_counter()
    first_s = 0.0
    tokens = 0
    texts: list[str] = []
    async with aclosing(engine.chat(messages, options)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                first_s = first_s or time.perf_counter() - began
                texts.append(event.text)
            elif isinstance(event, ChatFinished):
                tokens = event.usage.completion_tokens
    total_s = time.perf_counter() - began
    return {"first_token_s": first_s, "total_s": total_s, "tokens": tokens, "text": "".join(texts)}


if __name__ == "__main__":
    main()
