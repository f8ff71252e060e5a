"""What a client sees when a process of the platform is killed: an ingress replica, the edge, each model's replica.

Must not know how the platform mends itself. Everything killed here is started again by the platform.
"""

import asyncio
import os
import signal
from collections import Counter
from typing import Final

from benchmarks.clips import question, reading
from benchmarks.in_flight import Log, Request, load_while, open_client, seconds_until_answered
from benchmarks.measure import Goal, Row, Sample, value_row
from benchmarks.target import Target, read_engine
from smartlite.errors import Unavailable

_NO_FAILURE: Final = Goal("at most", 0, "failed")
_NO_SILENCE: Final = Goal("at most", 0, "without our error")
_EDGE_GOAL: Final = Goal("at most", 2, "s")
_REPLICA_GOAL: Final = Goal("at most", 15, "s")
_LIMIT_S: Final = 90.0
_LOAD_BEFORE_S: Final = 2.0
_LOAD_AFTER_S: Final = 8.0
_LONG_TEXT: Final = "The tide comes in slowly over the sand, and the gulls walk ahead of it. " * 20
_TALK: Final = "Tell me everything that you know about the sea."


def measure(target: Target) -> list[Row]:
    """Kill one after the other, each time after the platform has become whole again."""
    requests = _requests(target)
    rows = asyncio.run(_kill_ingress(target))
    rows.append(asyncio.run(_kill_edge(target)))
    for name in ("asr", "llm", "tts", "pipeline"):
        rows += asyncio.run(_kill_replica(target, name, *requests[name]))
    target.wait_until_ready(_LIMIT_S)
    return rows


def _requests(target: Target) -> dict[str, tuple[list[Request], Request]]:
    """By deployment: requests that take seconds, and one that is done soon."""
    with target.gateway() as gateway:
        clip = reading(gateway).read_bytes()
        asked = question(gateway, _TALK).read_bytes()
    model = read_engine(target.config, "llm").model
    chat = {"model": model, "messages": [{"role": "user", "content": _TALK}], "max_tokens": 1500, "temperature": 0.9}
    speech = {"model": "tts-1", "voice": "alloy", "input": _LONG_TEXT, "response_format": "pcm"}
    transcription, turn = "/v1/audio/transcriptions", "/v1/voice/turns"
    form = {"model": "whisper-1", "language": "en"}
    return {
        "asr": (
            [Request(transcription, form=form, file=clip)] * 2,
            Request(transcription, form=form, file=asked),
        ),
        "llm": (
            [Request("/v1/chat/completions", json=chat | {"stream": stream}) for stream in (False, True)],
            Request("/v1/chat/completions", json=chat | {"max_tokens": 1}),
        ),
        "tts": (
            [Request("/v1/audio/speech", json=speech | {"stream_format": kind}) for kind in ("audio", "sse")],
            Request("/v1/audio/speech", json=speech | {"input": "Yes."}),
        ),
        "pipeline": (
            [Request(turn, form={"stream": stream}, file=asked) for stream in ("false", "true")],
            Request(turn, form={"instructions": "Answer in three words."}, file=asked),
        ),
    }


async def _kill_ingress(target: Target) -> list[Row]:
    target.wait_until_ready(_LIMIT_S)
    model = read_engine(target.config, "llm").model
    chat = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    load = [Request("/v1/models")] * 8 + [Request("/v1/chat/completions", json=chat)] * 2

    async def break_one() -> None:
        await asyncio.sleep(_LOAD_BEFORE_S)
        _kill(_replicas(target, "ingress")[0])
        await asyncio.sleep(_LOAD_AFTER_S)

    async with open_client(target.url) as client:
        logs = await load_while(client, load, break_one)
    return [_load_row(path, log) for path, log in logs.items()]


def _load_row(path: str, log: Log) -> Row:
    what = f"kill -9 of one ingress replica, {log.sent:,} requests to {path} ({_told(log.endings)})"
    return value_row(f"{what}, longest {log.longest_s:.2f} s", Sample((float(log.failed),), "failed"), _NO_FAILURE)


async def _kill_edge(target: Target) -> Row:
    target.wait_until_ready(_LIMIT_S)
    times: list[float] = []
    for _ in range(3):
        _kill(target.processes.edge().pid)
        times.append(await seconds_until_answered(target.url, Request("/v1/models"), _LIMIT_S, 0.01))
        await asyncio.sleep(11)  # as rare faults do: the supervisor waits longer before restarts that come in a row
    return value_row("kill -9 of the edge, until it answers", Sample(tuple(times), "s"), _EDGE_GOAL, worst=True)


async def _kill_replica(target: Target, deployment: str, long: list[Request], short: Request) -> list[Row]:
    target.wait_until_ready(_LIMIT_S)
    async with open_client(target.url) as client:
        under_way = [asyncio.create_task(request.send(client)) for request in long]
        await asyncio.sleep(0.6)
        done = sum(task.done() for task in under_way)
        _kill(_replicas(target, deployment)[0])
        seconds = await seconds_until_answered(target.url, short, _LIMIT_S, 0.1)
        endings = await asyncio.gather(*under_way)
    told = f"in flight: {_told(Counter(endings))}" + (f" ({done} had ended before)" if done else "")
    silent = sum(not _is_told(name) for name in endings) - done
    what = f"kill -9 of the {deployment} replica"
    return [
        value_row(f"{what}, until it answers", Sample((seconds,), "s"), _REPLICA_GOAL),
        value_row(f"{what}, {told}", Sample((float(max(silent, 0)),), "without our error"), _NO_SILENCE),
    ]


def _is_told(name: str) -> bool:
    """Whether a request ended with our 503 or, where its stream had begun, with our error event or a broken body."""
    return name.startswith(("503 ", "stream broken")) or "then error event" in name


def _replicas(target: Target, deployment: str) -> list[int]:
    found = [process.pid for process in target.processes.replicas(deployment)]
    if not found:
        raise Unavailable(f"The platform has no process of a replica of '{deployment}'.")
    return found


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _told(endings: Counter[str]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in endings.most_common())
