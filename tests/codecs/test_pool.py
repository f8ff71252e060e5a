"""The audio gate out of process: real decoder processes that die, hang and are called off."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.pool import DecoderPool
from smartlite.domain.audio import AudioChunk, EncodedAudio
from smartlite.errors import AudioInvalid, AudioTooLong, Overloaded, SmartLiteError, Unavailable, Unprocessable
from tests.codecs import hostile

pytestmark = pytest.mark.integration

RECORDING = EncodedAudio(hostile.HARMLESS["a WAV"][0], "speech.wav")


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    async with DecoderPool(max_waiting=1, timeout_s=20) as pool:
        yield pool


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def open_files(pid: int) -> list[str]:
    return sorted(path.name for path in Path(f"/proc/{pid}/fd").iterdir())


def working_directory(pid: int) -> str:
    return str(Path(f"/proc/{pid}/cwd").readlink())


def wait_for_end(pid: int) -> None:
    for _ in range(100):
        if not exists(pid) or "State:\tZ" in proc(pid, "status"):
            return
        time.sleep(0.1)
    pytest.fail("The process did not end within 10 s.")


def stop(pool: DecoderPool) -> int:
    """Make the only decoder hang until it is continued or killed."""
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    return pid


async def test_a_recording_comes_back_as_samples(pool: DecoderPool) -> None:
    chunk = await pool.decode(RECORDING)
    assert isinstance(chunk, AudioChunk)
    assert chunk.samples.dtype == np.float32
    assert (chunk.samples.shape, chunk.sample_rate_hz, chunk.duration_s) == ((16_000,), 16_000, 1.0)
    assert np.abs(chunk.samples).max() == pytest.approx(0.3, abs=0.001)


async def test_many_messages_make_one_recording(pool: DecoderPool) -> None:
    count = 16_000 * 60
    pcm = (hostile.make_tone(16_000, count) * 32767).astype("<i2")
    chunk = await pool.decode(EncodedAudio(hostile.make_wav(pcm.tobytes())))
    np.testing.assert_array_equal(chunk.samples, pcm.astype(np.float32) / 32768)


async def test_every_hostile_file_gets_its_own_error_and_ends_no_process(pool: DecoderPool) -> None:
    before = pool.pids
    for name, (data, expected) in hostile.HOSTILE.items():
        with pytest.raises(SmartLiteError) as caught:
            await pool.decode(EncodedAudio(data, "x.wav"))
        assert type(caught.value) is expected, name
    assert pool.pids == before
    assert (await pool.decode(RECORDING)).duration_s == 1.0


async def test_a_process_that_dies_fails_its_own_file_only(pool: DecoderPool) -> None:
    pid = stop(pool)
    job = asyncio.create_task(pool.decode(RECORDING))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(AudioInvalid):
        await job
    assert (await pool.decode(RECORDING)).duration_s == 1.0
    assert pool.pids != (pid,)


async def test_a_process_that_died_while_idle_is_replaced_unseen(pool: DecoderPool) -> None:
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(wait_for_end, pid)
    assert (await pool.decode(RECORDING)).duration_s == 1.0


async def test_a_file_that_takes_too_long_is_refused_and_its_process_replaced() -> None:
    async with DecoderPool(timeout_s=1.5) as pool:
        pid = stop(pool)
        with pytest.raises(Unprocessable, match=r"longer than 1\.5 s"):
            await pool.decode(RECORDING)
        await pool.start()
        assert pool.pids != (pid,)


async def test_a_request_that_is_called_off_ends_its_process_and_no_other_request(pool: DecoderPool) -> None:
    pid = stop(pool)
    job = asyncio.create_task(pool.decode(RECORDING))
    waiting = asyncio.create_task(pool.decode(RECORDING))
    await asyncio.sleep(0.05)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert (await waiting).duration_s == 1.0
    assert pool.pids != (pid,)


async def test_a_request_that_is_called_off_while_it_waits_leaves_the_process_alone(pool: DecoderPool) -> None:
    pid = stop(pool)
    job = asyncio.create_task(pool.decode(RECORDING))
    waiting = asyncio.create_task(pool.decode(RECORDING))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    os.kill(pid, signal.SIGCONT)
    assert (await job).duration_s == 1.0
    assert pool.pids == (pid,)


async def test_more_requests_than_may_wait_are_turned_away(pool: DecoderPool) -> None:
    pid = stop(pool)
    jobs = [asyncio.create_task(pool.decode(RECORDING)) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(Overloaded):
        await pool.decode(RECORDING)
    os.kill(pid, signal.SIGCONT)
    assert [chunk.duration_s for chunk in await asyncio.gather(*jobs)] == [1.0, 1.0]


async def test_a_busy_decoder_does_not_hold_up_a_health_check(pool: DecoderPool) -> None:
    pid = stop(pool)
    job = asyncio.create_task(pool.decode(RECORDING))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(pool.start(), 5)
    os.kill(pid, signal.SIGCONT)
    await job


async def test_two_processes_work_side_by_side() -> None:
    async with DecoderPool(workers=2) as pool:
        first, second = pool.pids
        assert first != second
        chunks = await asyncio.gather(*(pool.decode(RECORDING) for _ in range(6)))
        assert [chunk.duration_s for chunk in chunks] == [1.0] * 6


async def test_the_limits_of_the_pool_hold_in_the_process() -> None:
    async with DecoderPool(AudioLimits(max_duration_s=0.5)) as pool:
        with pytest.raises(AudioTooLong):
            await pool.decode(RECORDING)


async def test_the_process_is_locked_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_TEST_SECRET", "do-not-tell")
    async with DecoderPool() as pool:
        await pool.decode(RECORDING)
        (pid,) = pool.pids
        limits = {line[:26].strip(): line[26:].split()[1] for line in proc(pid, "limits").splitlines()[1:]}
        assert limits["Max open files"] == "3"
        assert limits["Max file size"] == "0"
        assert limits["Max core file size"] == "0"
        assert int(limits["Max address space"]) < 600 * 1024 * 1024
        assert open_files(pid) == ["0", "1", "2"]
        assert "do-not-tell" not in proc(pid, "environ")
        assert working_directory(pid).endswith("(deleted)")
        assert "NoNewPrivs:\t1" in proc(pid, "status")
        soft_cpu_s = next(line for line in proc(pid, "limits").splitlines() if "cpu time" in line)[26:].split()[0]
        assert int(soft_cpu_s) < 40


async def test_nothing_runs_after_close() -> None:
    pool = DecoderPool(workers=2)
    await pool.start()
    pids = pool.pids
    await pool.close()
    await pool.close()
    assert not any(exists(pid) for pid in pids)


async def test_closing_ends_a_file_with_503_and_takes_no_other() -> None:
    pool = DecoderPool()
    await pool.start()
    stop(pool)
    job = asyncio.create_task(pool.decode(RECORDING))
    await asyncio.sleep(0.05)
    await pool.close()
    with pytest.raises(Unavailable):
        await job
    with pytest.raises(Unavailable):
        await pool.decode(RECORDING)
    await pool.start()
    assert pool.pids == ()


def test_the_process_ends_with_a_parent_that_is_killed() -> None:
    # Stopped, it cannot see that its pipe was closed: only the kernel's parent-death signal ends it.
    script = (
        "import asyncio, os, signal\n"
        "from smartlite.codecs.pool import DecoderPool\n"
        "async def main():\n"
        "    pool = DecoderPool()\n"
        "    await pool.start()\n"
        "    os.kill(pool.pids[0], signal.SIGSTOP)\n"
        "    print(pool.pids[0], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    wait_for_end(int(parent.stdout))
