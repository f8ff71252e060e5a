"""The one process of a machine that brings its journals into the database. Must not know who writes them.

By itself, since what it does would take a tenth of an ingress replica's time between two answers; and with a lower
priority, since nobody waits for it. Whoever writes a journal sees to it that it runs: ``python -m
smartlite.metering.drain_process`` is begun by the first, and by another one once that has ended.
"""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from smartlite.config import load_settings
from smartlite.logging import configure_logging
from smartlite.metering.drain import Drain
from smartlite.metering.machine_load import MachineLoad
from smartlite.storage.database import Database
from smartlite.storage.journal import locked

_LOOK_EVERY_S: Final = 2.0
_NICENESS: Final = 5
_BUSY: Final = 0.8
"""Share of all processors' time in the last second. The history waits then: a record costs a seventh of a request."""
_LOCK: Final = "drain.lock"
_logger = logging.getLogger(__name__)


async def keep_one_running(folder: Path, before: Sequence[str] = ()) -> None:
    """Have the process run, whoever began it, until cancelled.

    Args:
        folder: The journals of this machine.
        before: The beginning of the command: a program that becomes it, such as a tether.
    """
    while True:
        try:
            lock = await asyncio.to_thread(_take_lock, folder)
            if lock is not None:
                try:
                    code = await _run(lock, before)
                finally:
                    with suppress(OSError):
                        os.close(lock)
                _logger.warning("what brings journals into the database has ended", extra={"status": code})
        except OSError as error:
            _logger.warning("journals are not brought into the database", extra={"reason": repr(error)})
        await asyncio.sleep(_LOOK_EVERY_S)


async def _run(lock: int, before: Sequence[str]) -> int:
    """The process holds the lock too, and so for as long as it lives, whatever becomes of this one."""
    command = (*before, sys.executable, "-m", __name__)
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, pass_fds=(lock,))
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _take_lock(folder: Path) -> int | None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if locked(fd):
        return fd
    os.close(fd)
    return None


async def _drain_for_ever() -> None:
    settings = load_settings()
    configure_logging(settings.log_level)
    os.nice(_NICENESS)
    # Batches are made and dropped whole: looked through less often, a record takes 17 us and not 21.
    gc.set_threshold(100_000, 50, 50)
    database = Database(settings.sql_url)
    try:
        load = MachineLoad()
        await Drain(
            database, settings.journal_dir, lambda: load.look() >= _BUSY, settings.history_max_lag_s
        ).run_for_ever()
    finally:
        await database.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_drain_for_ever())
