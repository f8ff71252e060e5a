"""``python -m benchmarks identity``: what keys and limits cost a request; needs no platform. Must not know any engine.

The gateway's app in this process, asked for embeddings by a closed loop without server and client between: nothing is
measured but the app, so the share of keys and limits is larger here than of any real request.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from benchmarks.machine import describe_run
from benchmarks.measure import Sample, markdown_table, ratio_row
from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.auth.rate_limit import Allowances, Limits
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.config import Settings
from smartlite.domain.embedding import Embedding, EmbeddingEvent, EmbeddingFinished, EmbedRequest
from smartlite.domain.models import ModelDirectory, ServedModel
from smartlite.domain.usage import TokenUsage
from smartlite.edge import tether
from smartlite.storage.database import Database
from smartlite.storage.embedded_redis import EmbeddedRedis
from smartlite.storage.redis import RedisStore
from smartlite.storage.schema import migrate

_LOOPS: Final = 32
_DURATION_S: Final = 3.0
_BODY: Final = json.dumps({"model": "fake", "input": "A voice."}).encode()
_VECTOR: Final = np.zeros(8, np.float32)
_NEVER_REACHED: Final = 10**9


class _FakeStage:
    async def embed(self, request: EmbedRequest) -> AsyncGenerator[EmbeddingEvent, None]:
        yield Embedding(0, _VECTOR)
        yield EmbeddingFinished(TokenUsage(2, 0))


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks identity", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds")
    parsed = parser.parse_args(arguments)
    heading = describe_run(["python", "-m", "benchmarks", "identity", *arguments])
    print(f"{heading}\n\n{asyncio.run(_measure(parsed.runs))}")
    return 0


async def _measure(runs: int) -> str:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartlite-identity-")))
        database = Database(Settings(data_dir=folder).sql_url)
        stack.push_async_callback(database.close)
        await migrate(database)
        identity = Identity(database)
        key = await identity.make_first_admin()
        before = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
        redis = await stack.enter_async_context(EmbeddedRedis(folder / "redis", before))
        store = RedisStore(redis.url)
        stack.push_async_callback(store.close)
        limits = Limits(Allowances(*[_NEVER_REACHED] * 6), SharedLimiter(store))
        off = _services(folder)
        keys = replace(off, authenticator=Authenticator(identity.find_key))
        apps = {"off": create_app(off), "keys": create_app(keys), "both": create_app(replace(keys, limits=limits))}
        rates: dict[str, list[float]] = {name: [] for name in apps}
        for number in range(runs + 1):
            for name in apps if number % 2 else reversed(apps):
                rate = await _rate(apps[name], f"Bearer {key}")
                if number:  # the first round warms up
                    rates[name].append(rate)
    samples = {name: Sample(tuple(values), "requests/s") for name, values in rates.items()}
    rows = [
        ratio_row("API keys, held against authentication off", samples["off"], samples["keys"]),
        ratio_row("API keys and limits in Redis, held against authentication off", samples["off"], samples["both"]),
    ]
    more_us = 1e6 / samples["both"].median - 1e6 / samples["off"].median
    return f"{markdown_table(rows)}\n\nKeys and limits together: {more_us:.0f} us of one core per request."


def _services(folder: Path) -> Services:
    missing = cast("Any", None)  # nothing but embeddings is asked for
    return Services(
        settings=Settings(data_dir=folder, allowed_hosts=("*",)),
        models=ModelDirectory((ServedModel("fake", "embedding", "fake", 0, "smartlite"),)),
        asr=missing,
        llm=missing,
        tts=missing,
        pipeline=missing,
        status=missing,
        embedding=_FakeStage(),
    )


async def _rate(app: Any, authorization: str) -> float:
    count = 0
    headers = [
        (b"host", b"gateway"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
        (b"authorization", authorization.encode()),
    ]
    began_s = time.perf_counter()

    async def loop() -> None:
        nonlocal count
        while time.perf_counter() - began_s < _DURATION_S:
            assert await _ask(app, headers) == 200
            count += 1

    await asyncio.gather(*(loop() for _ in range(_LOOPS)))
    return count / (time.perf_counter() - began_s)


async def _ask(app: Any, headers: list[tuple[bytes, bytes]]) -> int:
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/embeddings", "query_string": b""}
    sent = False
    gone = asyncio.Event()
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:
            await gone.wait()  # this client waits for its answer
        sent = True
        return {"type": "http.request", "body": _BODY, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app({**scope, "root_path": "", "scheme": "http", "headers": list(headers)}, receive, send)
    return status
