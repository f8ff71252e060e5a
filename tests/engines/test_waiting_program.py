"""A program whose next process waits: what it reads and writes, its end, and what becomes of one that died."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from smartlite.engines.waiting_program import WaitingProgram
from smartlite.errors import EngineFailed

ECHO = (sys.executable, "-c", "import sys, os; print(os.getpid(), sys.stdin.read())")
SLEEPER = (sys.executable, "-c", "import sys, time; sys.stdin.read(); time.sleep(60)")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def echo(executor: ThreadPoolExecutor) -> Iterator[WaitingProgram]:
    program = WaitingProgram(ECHO, executor)
    yield program
    program.close()


async def waiting_pid(program: WaitingProgram) -> int:
    """Of the process that is started after a run."""
    async with asyncio.timeout(20):
        await asyncio.to_thread(program._executor.submit(program._start).result)
    assert program._waiting is not None
    return program._waiting.pid


async def test_a_run_takes_the_process_that_waits(echo: WaitingProgram) -> None:
    assert (await echo.run(b"one", 20)).split()[1:] == [b"one"]
    pid = await waiting_pid(echo)
    assert (await echo.run(b"two", 20)).split() == [str(pid).encode(), b"two"]
    assert await waiting_pid(echo) != pid


async def test_every_run_has_a_process_of_its_own(echo: WaitingProgram) -> None:
    said = await asyncio.gather(*(echo.run(str(number).encode(), 20) for number in range(4)))
    assert [each.split()[1] for each in said] == [b"0", b"1", b"2", b"3"]
    assert len({each.split()[0] for each in said}) == 4


async def test_a_process_that_died_while_it_waited_is_replaced(echo: WaitingProgram) -> None:
    await echo.run(b"one", 20)
    pid = await waiting_pid(echo)
    assert echo._waiting is not None
    echo._waiting.kill()
    echo._waiting.wait()
    assert (await echo.run(b"two", 20)).split()[1] == b"two"
    assert await waiting_pid(echo) != pid


async def test_closing_ends_the_process_that_waits_and_starts_no_other(echo: WaitingProgram) -> None:
    await echo.run(b"one", 20)
    await waiting_pid(echo)
    process = echo._waiting
    assert process is not None
    echo.close()
    assert process.returncode is not None
    assert (await echo.run(b"two", 20)).split()[1] == b"two"
    assert echo._waiting is None


async def test_cancelling_ends_the_run_at_once(executor: ThreadPoolExecutor) -> None:
    program = WaitingProgram(SLEEPER, executor)
    running = asyncio.create_task(program.run(b"", 50))
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    program.close()
    done = threading.Event()
    executor.submit(done.set)
    assert await asyncio.to_thread(done.wait, 20)


async def test_a_program_that_is_not_there_is_told(executor: ThreadPoolExecutor) -> None:
    program = WaitingProgram(("no-such-program",), executor)
    with pytest.raises(EngineFailed, match="no-such-program could not be started"):
        await program.run(b"", 5)
    program.close()
