"""``python -m benchmarks guard --keys 10000``: what many keys in use cost beyond one. Must not know how they are known.

One platform of fake engines with keys, limits and metering on; ``GET /v1/models`` with one key, and with each of many
in turn, in alternating rounds. Every key has been used before on every replica: what a first request costs is a row of
its own. Needs wrk.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.gateway import parse_wrk
from benchmarks.measure import Goal, Row, Sample, markdown_table, ratio_row, value_row
from benchmarks.servers.started import INGRESS_REPLICAS, fake_configuration, start_platform, write_configuration
from benchmarks.startup import RunningPlatform
from smartlite.auth.api_keys import new_key
from smartlite.auth.noted import utc_now
from smartlite.config import Settings
from smartlite.domain.identity import ApiKey, User
from smartlite.domain.ids import new_id
from smartlite.errors import Unavailable
from smartlite.storage import api_keys, users
from smartlite.storage.database import Database

_CONNECTIONS: Final = 32
_DURATION_S: Final = 6
_WARM_UP_S: Final = 5
_WARM_PASSES: Final = 4
"""Through all keys, on each replica: the edge gives each request to either."""
_MAX_WARM_UPS: Final = 60
_AT_ONCE: Final = 500
"""Keys in one unit of work: a longer one would keep others from the database."""
_SETTLE_S: Final = 6.0
"""When keys were last used is written every 5 s."""
_COST_GOAL: Final = Goal("at most", 1.1, "x")
_RATE_GOAL: Final = Goal("at least", 1 / 1.1, "x")
_SCRIPT: Final = """
local requests, at = {}, 0
init = function(args)
  for key in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, {["Authorization"] = "Bearer " .. key})
  end
  math.randomseed(os.time())
  at = math.random(#requests)
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"""


def measure(count: int, runs: int) -> str:
    """The table.

    Args:
        count: Keys, each of a user of its own.
        runs: Rounds.

    Raises:
        Unavailable: wrk is missing, or requests failed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise Unavailable("wrk is missing; it is in Debian's package of this name.")
    with tempfile.TemporaryDirectory(prefix="smartlite-keys-") as name:
        folder = Path(name)
        config = write_configuration(folder / "serve_config.yaml", fake_configuration())
        with start_platform(config, folder / "data", "required", 24_000) as platform:
            texts = asyncio.run(add_keys(Settings(data_dir=folder / "data").sql_url, count))
            load = _Load(program, platform, folder)
            lists = {"one key": load.listed("one", texts[:1]), f"{count:,} keys": load.listed("many", texts)}
            first_cost_s = load.warm_up(lists[f"{count:,} keys"], count)
            return markdown_table([*_compared(load, lists, runs), first_cost_s])


async def add_keys(sql_url: str, count: int) -> list[str]:
    """Make keys, each of a user of its own, straight in the database.

    Returns:
        Their texts.
    """
    database = Database(sql_url)
    texts: list[str] = []
    try:
        while len(texts) < count:
            async with database.writing() as session:
                for _ in range(min(_AT_ONCE, count - len(texts))):
                    made, now = new_key(), utc_now()
                    user = User(new_id("user"), f"{made.public_id}@example.com", "Somebody", True, now)
                    await users.add(session, user, {"user"})
                    key = ApiKey(new_id("key"), user.id, "key", made.public_id, made.secret_hash, None, now, None)
                    await api_keys.add(session, key)
                    texts.append(made.text)
    finally:
        await database.close()
    return texts


class _Load:
    """wrk on a platform, with the keys of a file in turn."""

    def __init__(self, program: str, platform: RunningPlatform, folder: Path) -> None:
        self._program = program
        self._platform = platform
        self._folder = folder
        self._script = folder / "keys.lua"
        self._script.write_text(_SCRIPT, encoding="ascii")

    def listed(self, name: str, texts: Sequence[str]) -> Path:
        """A file of keys."""
        path = self._folder / f"{name}.txt"
        path.write_text("\n".join(texts) + "\n", encoding="ascii")
        return path

    def run(self, keys: Path, duration_s: int) -> tuple[int, float, float]:
        """Requests, requests a second, and seconds of processor time per 1,000 of them."""
        with self._platform.processes.counting_cpu() as spent:
            command = (self._program, "-t1", f"-c{_CONNECTIONS}", f"-d{duration_s}s", "--latency", "-s", self._script)
            asked = (*command, f"{self._platform.url}/v1/models", "--", keys)
            text = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=duration_s + 30).stdout
            time.sleep(1.0)  # what is written behind counts too
        found = parse_wrk(text)
        if found.failed:
            raise Unavailable(f"{found.failed} requests failed.")
        return found.requests, found.rate, 1000 * spent[0] / found.requests

    def warm_up(self, keys: Path, count: int) -> Row:
        """Use every key on every replica; what the first requests cost, most of which are of keys that nobody knows."""
        costs: list[float] = []
        done = 0
        for _ in range(_MAX_WARM_UPS):
            requests, _, cost_s = self.run(keys, _WARM_UP_S)
            costs.append(cost_s)
            done += requests
            if done >= _WARM_PASSES * INGRESS_REPLICAS * count:
                break
        time.sleep(_SETTLE_S)
        return value_row("Processor time per 1,000 requests, keys used for the first time", Sample((costs[0],), "s"))


def _compared(load: _Load, lists: dict[str, Path], runs: int) -> list[Row]:
    found: dict[str, list[tuple[int, float, float]]] = {name: [] for name in lists}
    for number in range(runs + 1):
        for name in sorted(lists, reverse=bool(number % 2)):
            figures = load.run(lists[name], _DURATION_S)
            found[name] += [figures] if number else []  # the first round warms up
    (_, one), (many, more) = found.items()
    costs = [Sample(tuple(cost for _, _, cost in each), "s") for each in (one, more)]
    rates = [Sample(tuple(rate for _, rate, _ in each), "requests/s") for each in (one, more)]
    return [
        ratio_row(f"Processor time of all processes per 1,000 requests, {many} held against one", *costs, _COST_GOAL),
        ratio_row(f"GET /v1/models, {many} held against one", *rates, _RATE_GOAL),
    ]
