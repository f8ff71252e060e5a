"""``python -m benchmarks identity``: what keys, limits and metering cost; needs no platform. Must not know any engine.

The gateway's app in this process, asked by a closed loop without server and client between: nothing is measured but
the app, so the share of keys, limits and metering is larger here than of any real request.
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
from smartlite.auth.allowances import Allowances
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.auth.quota_book import QuotaBook
from smartlite.auth.rate_limit import Limits
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.config import Settings
from smartlite.domain.embedding import Embedding, EmbeddingEvent, EmbeddingFinished, EmbedRequest
from smartlite.domain.models import ModelDirectory, ServedModel
from smartlite.domain.usage import TokenUsage
from smartlite.edge import tether
from smartlite.metering import Metering
from smartlite.metering.drain import Drain
from smartlite.metering.history import History
from smartlite.metering.prices import Prices
from smartlite.metering.recorder import Recorder
from smartlite.storage.database import Database
from smartlite.storage.embedded_redis import EmbeddedRedis
from smartlite.storage.journal import Journal
from smartlite.storage.redis import RedisStore
from smartlite.storage.schema import migrate

_LOOPS: Final = 32
_DURATION_S: Final = 3.0
_REQUESTS: Final = {
    "GET /v1/models": b"",
    "POST /v1/embeddings": json.dumps({"model": "fake", "input": "A voice."}).encode(),
}
"""Path to body."""
_WHAT: Final = {"keys": "API keys", "limits": "keys and limits in Redis", "all": "keys, limits and metering"}
_VECTOR: Final = np.zeros(8, np.float32)
_NEVER_REACHED: Final = 10**9


class _FakeStage:
    async def embed(self, request: EmbedRequest) -> AsyncGenerator[EmbeddingEvent, None]:
        yield Embedding(0, _VECTOR)
        yield EmbeddingFinished(TokenUsage(2, 0))


class _FakeStatus:
    async def models(self) -> dict[str, str]:
        return {"fake": "loaded"}

    async def voices(self) -> dict[str, tuple[str, ...]]:
        return {}


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
        limits = Limits(Allowances(*[_NEVER_REACHED] * 6), SharedLimiter(store), quotas=QuotaBook(database).of)
        journal = Journal(folder / "journal")
        drain = Drain(database, folder / "journal")
        metering = Metering(Recorder(journal, Prices()), History(database, drain))
        off = _services(folder)
        keys = replace(
            off, authenticator=Authenticator(identity.find_key, find_memberships=identity.organizations.memberships)
        )
        limited = replace(keys, limits=limits)
        apps = {
            "off": create_app(off),
            "keys": create_app(keys),
            "limits": create_app(limited),
            "all": create_app(replace(limited, metering=metering)),
        }
        draining = asyncio.create_task(drain.run_for_ever())
        rates: dict[tuple[str, str], list[float]] = {(path, name): [] for path in _REQUESTS for name in apps}
        for number in range(runs + 1):
            for path, request in _REQUESTS.items():
                for name in apps if number % 2 else reversed(apps):
                    rate = await _rate(apps[name], path, request, f"Bearer {key}")
                    if number:  # the first round warms up
                        rates[path, name].append(rate)
        draining.cancel()
    samples = {name: Sample(tuple(values), "requests/s") for name, values in rates.items()}
    rows, texts = [], []
    for path in _REQUESTS:
        for name, what in _WHAT.items():
            title = f"{path}: {what}, held against authentication off"
            rows.append(ratio_row(title, samples[path, "off"], samples[path, name]))
        more_us = 1e6 / samples[path, "all"].median - 1e6 / samples[path, "off"].median
        texts.append(f"{path}: all together {more_us:.0f} us of one core per request.")
    return "\n".join([markdown_table(rows), "", *texts])


def _services(folder: Path) -> Services:
    missing = cast("Any", None)  # nothing but embeddings is asked for
    return Services(
        settings=Settings(data_dir=folder, allowed_hosts=("*",)),
        models=ModelDirectory((ServedModel("fake", "embedding", "fake", 0, "smartlite"),)),
        asr=missing,
        llm=missing,
        tts=missing,
        pipeline=missing,
        status=cast("Any", _FakeStatus()),
        embedding=_FakeStage(),
    )


async def _rate(app: Any, name: str, body: bytes, authorization: str) -> float:
    count = 0
    headers = [
        (b"host", b"gateway"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"authorization", authorization.encode()),
    ]
    began_s = time.perf_counter()

    async def loop() -> None:
        nonlocal count
        while time.perf_counter() - began_s < _DURATION_S:
            assert await _ask(app, name, body, headers) == 200
            count += 1

    await asyncio.gather(*(loop() for _ in range(_LOOPS)))
    return count / (time.perf_counter() - began_s)


async def _ask(app: Any, name: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    method, path = name.split()
    scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "query_string": b""}
    sent = False
    gone = asyncio.Event()
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal sent
        if sent:
            await gone.wait()  # this client waits for its answer
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app({**scope, "root_path": "", "scheme": "http", "headers": list(headers)}, receive, send)
    return status
