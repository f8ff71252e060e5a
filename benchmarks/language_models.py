"""``python -m benchmarks language_models``: tokens a second of the LLM engines, 1, 4 and 8 requests at once.

Beside them the library's ``generate``, which transformers' continuous batching is held against: there all requests
begin together and the slowest holds the rest. Must not know the platform: no gateway, no Ray.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe_run
from smartlite.config import load_settings
from smartlite.domain.llm import ChatFinished, ChatOptions, Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.protocols import LLMEngine
from smartlite.engines.registry import create_llm
from smartlite.engines.transformers_options import TorchOptions
from smartlite.engines.transformers_weights import load_model
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.open_objects import open_objects

_RESULTS: Final = Path(__file__).with_name("RESULTS.md")
_TOKENS: Final = 64
_AT_ONCE: Final = (1, 4, 8)
_TEXT: Final = "Tell me a long story about {} cats who live in a house with a garden."

Rate = Callable[[int], float]
"""Tokens a second by the number of requests at once."""


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks language_models", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--record", action="store_true", help=f"append the table to {_RESULTS.name}")
    parsed = parser.parse_args(arguments)
    heading = describe_run(["python", "-m", "benchmarks", "language_models", *arguments])
    wide = {"threads": parsed.threads, "parallel": max(_AT_ONCE), "context_tokens": 4096}
    sides = {
        "`llama_cpp`, Q4_1": _engine("llama_cpp", "smollm2-135m-instruct", wide | {"batch_tokens": 64}),
        "`transformers`, continuous batching": _engine("transformers", "smollm2-135m-instruct-transformers", wide),
        "transformers' `generate`, one batch": _generate("smollm2-135m-instruct-transformers", parsed.threads),
    }
    lines = ["| tokens a second at once | " + " | ".join(map(str, _AT_ONCE)) + " |", "|---" * (len(_AT_ONCE) + 1) + "|"]
    for name, side in sides.items():
        print(name, file=sys.stderr)
        with side as rate:
            medians = [statistics.median(rate(count) for _ in range(parsed.runs + 1)) for count in _AT_ONCE]
        lines.append(f"| {name} | " + " | ".join(f"{median:.0f}" for median in medians) + " |")
    report = f"{heading}\n\n" + "\n".join(lines) + "\n"
    print(report)
    if parsed.record:
        with _RESULTS.open("a", encoding="utf-8") as results:
            results.write(f"\n## Language models, side by side ({_TOKENS} tokens each)\n\n{report}")
    return 0


@contextmanager
def _engine(name: str, model: str, options: dict[str, object]) -> Iterator[Rate]:
    engine = create_llm(name, files_of(model), options)
    engine.start()
    try:
        yield lambda count: asyncio.run(chats(engine, count))
    finally:
        engine.close()


async def chats(engine: LLMEngine, count: int, tokens: int = _TOKENS) -> float:
    """Tokens a second of so many requests at once, all of them together."""
    began = time.perf_counter()
    written = await asyncio.gather(*(_chat(engine, number, tokens) for number in range(count)))
    return sum(written) / (time.perf_counter() - began)


async def _chat(engine: LLMEngine, number: int, tokens: int) -> int:
    # Other numbers, so that no prompt is in a cache.
    messages = (Message("user", _TEXT.format(time.monotonic_ns() % 100_000 + number)),)
    async with aclosing(engine.chat(messages, ChatOptions(temperature=0.0, max_tokens=tokens))) as events:
        async for event in events:
            if isinstance(event, ChatFinished):
                return event.usage.completion_tokens
    return 0


@contextmanager
def _generate(model: str, threads: int) -> Iterator[Rate]:
    loaded = load_model(files_of(model), TorchOptions(device_map="cpu", threads=threads))
    tokenizer = loaded.tokenizer
    tokenizer.padding_side = "left"

    def rate(count: int) -> float:
        began = time.perf_counter()
        prompts: list[Any] = [[{"role": "user", "content": _TEXT.format(number)}] for number in range(count)]
        batch = tokenizer.apply_chat_template(
            prompts, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )
        written = loaded.model.generate(**batch, max_new_tokens=_TOKENS, min_new_tokens=_TOKENS, do_sample=False)
        return float(count * (written.shape[1] - batch["input_ids"].shape[1]) / (time.perf_counter() - began))

    yield rate


def files_of(model: str) -> ModelFiles:
    """A model of the catalog on this machine, fetched where it is missing."""
    settings = load_settings()
    store = ModelStore(open_objects(settings), settings.model_cache_dir)
    return store.ensure_local(load_catalog(settings.catalog).find(model))
