"""``python -m benchmarks attention``: tokens a second of the transformers engine with and without cuDNN's attention.

What ``smartlite.engines.torch_attention`` leaves out, turn by turn in one process. Needs a GPU; must not know the
platform: no gateway, no Ray.
"""

import argparse
import asyncio
import statistics
import sys
import time
from contextlib import aclosing
from typing import Any, Final

from benchmarks.machine import describe_run
from smartlite.config import load_settings
from smartlite.domain.llm import ChatFinished, ChatOptions, Message
from smartlite.engines.protocols import LLMEngine
from smartlite.engines.registry import create_llm
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

_MODEL: Final = "smollm2-135m-instruct-transformers"
_TOKENS: Final = 100
_AT_ONCE: Final = (1, 16)


def main(arguments: list[str]) -> int:
    """Measure and print the table; 2 where there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks attention", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cuda", help="cpu tries the command out: there the switch changes nothing")
    parsed = parser.parse_args(arguments)
    import torch  # noqa: PLC0415 - it takes seconds, and this module is imported for every benchmark

    if parsed.device != "cpu" and not torch.cuda.is_available():
        print("torch sees no GPU here.", file=sys.stderr)
        return 2
    settings = load_settings()
    store = ModelStore(FsspecObjectStore(settings.objects_url), settings.model_cache_dir)
    options = {"device_map": parsed.device, "parallel": max(_AT_ONCE), "context_tokens": 8192, "batch_tokens": 1024}
    engine = create_llm("transformers", store.ensure_local(load_catalog(settings.catalog).find(_MODEL)), options)
    engine.start()
    try:
        rows = [_compare(engine, torch.backends.cuda, requests, parsed.runs) for requests in _AT_ONCE]
    finally:
        engine.close()
    print(describe_run(["python", "-m", "benchmarks", "attention", *arguments]))
    device = torch.cuda.get_device_name() if parsed.device != "cpu" else "cpu"
    print(
        f"- torch {torch.__version__} on {device}\n\n| requests at once | with cuDNN | without | |\n|---|---|---|---|"
    )
    print("\n".join(rows))
    return 0


def _compare(engine: LLMEngine, switch: Any, requests: int, runs: int) -> str:
    rates: dict[bool, list[float]] = {True: [], False: []}
    for run in range(runs + 1):
        for is_with in (True, False):
            switch.enable_cudnn_sdp(is_with)
            rate = asyncio.run(_rate(engine, requests))
            if run:  # the first is to get warm
                rates[is_with].append(rate)
    with_it, without = (statistics.median(rates[each]) for each in (True, False))
    return f"| {requests} | {with_it:.0f} tokens/s | {without:.0f} tokens/s | {without / with_it:.2f}x |"


async def _rate(engine: LLMEngine, requests: int) -> float:
    began = time.perf_counter()
    tokens = await asyncio.gather(*(_chat(engine, number) for number in range(requests)))
    return sum(tokens) / (time.perf_counter() - began)


async def _chat(engine: LLMEngine, number: int) -> int:
    messages = (Message("user", f"Tell me a long story about {number + 2} cats."),)
    async with aclosing(engine.chat(messages, ChatOptions(temperature=0.0, max_tokens=_TOKENS))) as events:
        async for event in events:
            if isinstance(event, ChatFinished):
                return event.usage.completion_tokens
    return 0
