"""``python -m benchmarks attention``: tokens a second of the transformers engine with and without cuDNN's attention.

What ``smartlite.engines.torch_attention`` leaves out, turn by turn in one process. Needs a GPU; must not know the
platform: no gateway, no Ray.
"""

import argparse
import asyncio
import statistics
import sys
from typing import Any, Final

from benchmarks.language_models import chats, files_of
from benchmarks.machine import describe_run
from smartlite.engines.protocols import LLMEngine
from smartlite.engines.registry import create_llm

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
    options = {"device_map": parsed.device, "parallel": max(_AT_ONCE), "context_tokens": 8192, "batch_tokens": 1024}
    engine = create_llm("transformers", files_of(_MODEL), options)
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
            rate = asyncio.run(chats(engine, requests, _TOKENS))
            if run:  # the first is to get warm
                rates[is_with].append(rate)
    with_it, without = (statistics.median(rates[each]) for each in (True, False))
    return f"| {requests} | {with_it:.0f} tokens/s | {without:.0f} tokens/s | {without / with_it:.2f}x |"
