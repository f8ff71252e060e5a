"""Nothing that was answered is lost: ingress replicas are killed and the database is away while requests come in.

``TEST_SCALE=full`` has 10,000 answers, three kills and two minutes without the database, as the platform is
judged; by itself the test is as thorough as its minute allows.
"""

import asyncio
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.platform.running import RunningPlatform, eventually, running_platform
from tests.platform.test_identity import configuration
from tests.storage.conftest import new_database
from tests.storage.mariadb import MariaDB

pytestmark = [pytest.mark.serve, pytest.mark.enable_socket, pytest.mark.timeout(900)]

_FULL: Final = os.environ.get("TEST_SCALE") == "full"
ANSWERS: Final = 10_000 if _FULL else 1200
KILLS: Final = 3 if _FULL else 2
AWAY_S: Final = 120.0 if _FULL else 8.0
CLIENTS: Final = 8
_KEY: Final = re.compile(r"shown this once: (sl_\w+)")


@dataclass
class Load:
    """Clients that ask one after the other, and what they were answered whole."""

    platform: RunningPlatform
    key: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Request id to status."""
    failures: Counter[str] = field(default_factory=Counter)

    async def run(self, until: asyncio.Event) -> None:
        await asyncio.gather(*(self._client(number, until) for number in range(CLIENTS)))

    async def _client(self, number: int, until: asyncio.Event) -> None:
        turn = 0
        while not until.is_set():
            # A client of its own now and then: it is given to whichever replica is there.
            async with httpx.AsyncClient(base_url=self.platform.url, trust_env=False, timeout=20) as client:
                for _ in range(25):
                    if until.is_set():
                        return
                    turn += 1
                    await self._ask(client, f"load-{number}-{turn}", turn % 4)

    async def _ask(self, client: httpx.AsyncClient, request_id: str, kind: int) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "x-request-id": request_id}
        chat: dict[str, Any] = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
        try:
            if kind == 0:
                answer = await client.post("/v1/chat/completions", json=chat | {"stream": True}, headers=headers)
                is_whole = answer.text.endswith("data: [DONE]\n\n")
            elif kind == 1:
                answer = await client.post("/v1/chat/completions", json=chat, headers=headers)
                is_whole = True
            else:
                answer = await client.get("/v1/models", headers=headers)
                is_whole = True
        except httpx.TransportError as error:
            self.failures[type(error).__name__] += 1
            await asyncio.sleep(0.05)
            return
        if answer.status_code == 200 and is_whole:
            self.acknowledged[request_id] = answer.status_code
        else:
            self.failures[str(answer.status_code)] += 1
            await asyncio.sleep(0.05)


def history(platform: RunningPlatform, key: str) -> list[dict[str, Any]]:
    """All of it, by the API."""
    found: list[dict[str, Any]] = []
    after = ""
    with httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        while True:
            part = client.get(f"/v1/requests?limit=200{after}", timeout=20).raise_for_status().json()
            found += part["data"]
            if not part["has_more"]:
                return found
            after = f"&after={part['next']}"


def is_drained(platform: RunningPlatform, key: str) -> bool:
    """Whether the database has everything but what is being answered now."""
    answer = httpx.get(
        f"{platform.url}/v1/metering", headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=20
    )
    return answer.status_code == 200 and answer.json()["backlog_bytes"] < 2000


async def test_every_answer_is_in_the_history_exactly_once(tmp_path: Path) -> None:
    config, log = tmp_path / "serve_config.yaml", tmp_path / "serve.log"
    config.write_text(yaml.safe_dump(configuration()))
    (tmp_path / "db").mkdir()
    server = MariaDB(tmp_path / "db")
    server.start()
    try:
        settings = {
            "SMARTLITE_AUTH": "required",
            "SMARTLITE_DATA_DIR": str(tmp_path / "data"),
            "SMARTLITE_DATABASE_URL": server.url(await new_database(server)),
            "SMARTLITE_RATE_LIMIT_REQUESTS_PER_MINUTE": "0",
        }
        with running_platform(log, config, settings) as platform:
            (key,) = _KEY.findall(log.read_text())
            load = Load(platform, key)
            await _with_faults(load, server)
            eventually(lambda: is_drained(platform, key), 60, "the database has everything")
            found = history(platform, key)
    finally:
        server.stop()
    times = Counter(each["request_id"] for each in found)
    print(f"{len(load.acknowledged)} answers, {len(found)} in the history, failed: {dict(load.failures)}")
    assert len(load.acknowledged) >= ANSWERS
    assert [each for each in load.acknowledged if times[each] != 1] == []
    assert {each for each, count in times.items() if count > 1 and each.startswith("load-")} == set()
    sums = sum(1 for each in found if each["usage"])
    assert sums > ANSWERS / 4


async def _with_faults(load: Load, server: MariaDB) -> None:
    """Ask until there are answers enough; kill a replica at each part of them, and take the database away once."""
    until = asyncio.Event()
    running = asyncio.create_task(load.run(until))
    try:
        for part in range(1, KILLS + 1):
            await _answered(load, part * ANSWERS // (KILLS + 2))
            replicas = load.platform.replicas("ingress")
            replicas[part % len(replicas)].kill()
            if part == 1:
                server.kill()
                await asyncio.sleep(AWAY_S)
                server.start()
        await _answered(load, ANSWERS)
    finally:
        until.set()
        await running


async def _answered(load: Load, count: int) -> None:
    async with asyncio.timeout(400):
        while len(load.acknowledged) < count:  # noqa: ASYNC110 - what is waited for is a count
            await asyncio.sleep(0.05)
