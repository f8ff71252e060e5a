import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smartlite.engines.phonemes import EspeakNG
from smartlite.errors import ConfigurationError, EngineFailed

pytestmark = pytest.mark.integration


@pytest.fixture
def espeak():
    program = EspeakNG("en-us")
    program.start()
    yield program
    program.close()


def script(folder: Path, body: str) -> str:
    path = folder / "espeak"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


async def test_clauses_come_back_in_order_from_one_call(espeak: EspeakNG) -> None:
    assert await espeak.phonemize(["hello", "world"]) == ["həlˈoʊ", "wˈɜːld"]


async def test_a_clause_without_phonemes_keeps_its_place(espeak: EspeakNG) -> None:
    assert await espeak.phonemize(["hello", "...", "world"]) == ["həlˈoʊ", "", "wˈɜːld"]


async def test_no_clause_needs_no_call() -> None:
    assert await EspeakNG("en-us", program="no-such-program").phonemize([]) == []


async def test_text_that_looks_like_options_or_markup_is_read_as_text(espeak: EspeakNG, tmp_path: Path) -> None:
    wave = tmp_path / "x.wav"
    texts = [f"-w {wave}", "--help", '<audio src="file"/> hi', "-f passwd"]

    phonemes = await espeak.phonemize(texts)

    assert not wave.exists()
    assert all(phonemes)
    assert "hˈɛlp" in phonemes[1]


async def test_phonemes_are_decomposed_and_language_switches_are_gone() -> None:
    german = EspeakNG("de")
    german.start()
    [phonemes] = await german.phonemize(["der Computer Service sagt hello, ich"])
    german.close()

    assert "(" not in phonemes
    assert "ç" not in phonemes
    assert "c\u0327" in phonemes


@pytest.mark.parametrize("text", ["\ud800", "🎉", "مرحبا بالعالم", "你好", "x" * 5000, "a\nb\n\nc", "\x00"])
async def test_strange_text_is_survived(espeak: EspeakNG, text: str) -> None:
    assert len(await espeak.phonemize([text, "after"])) == 2


async def test_many_long_clauses_come_back_whole(espeak: EspeakNG) -> None:
    phonemes = await espeak.phonemize(
        [f"clause number {number} " + "and some more words " * 10 for number in range(20)]
    )

    assert len(phonemes) == 20
    assert all(each.startswith("klˈɔːz") for each in phonemes)


def test_a_missing_program_is_told_with_the_command_that_installs_it() -> None:
    with pytest.raises(ConfigurationError, match="apt-get install espeak-ng"):
        EspeakNG("en-us", program="no-such-program").start()


@pytest.mark.parametrize("voice", ["xx-nobody", "--help", "../../etc", ""])
def test_an_unknown_voice_is_a_configuration_error(voice: str) -> None:
    with pytest.raises(ConfigurationError, match="voice"):
        EspeakNG(voice).start()


async def test_a_program_that_hangs_is_killed_at_the_limit(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    espeak = EspeakNG("en-us", timeout_s=0.3, program=script(tmp_path, f"echo $$ > {pid}; exec sleep 60"))

    with pytest.raises(EngineFailed, match=r"within 0\.3 s"):
        await espeak.phonemize(["hello"])

    assert not is_running(int(pid.read_text()))
    espeak.close()


async def test_a_cancelled_call_kills_the_program(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    espeak = EspeakNG("en-us", timeout_s=50, program=script(tmp_path, f"echo $$ > {pid}; exec sleep 60"))
    call = asyncio.create_task(espeak.phonemize(["hello"]))
    await until(lambda: pid.exists() and bool(pid.read_text()))

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await until(lambda: not is_running(int(pid.read_text())))
    espeak.close()


async def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    espeak = EspeakNG("en-us", program=script(tmp_path, "echo broken data >&2; exit 3"))

    with pytest.raises(EngineFailed, match="broken data"):
        await espeak.phonemize(["hello"])
    espeak.close()


async def test_output_without_separators_makes_the_clauses_go_one_by_one(tmp_path: Path) -> None:
    espeak = EspeakNG("en-us", program=script(tmp_path, "exec cat"))

    assert await espeak.phonemize(["one", "two"]) == ["one", "two"]
    espeak.close()


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(1000):
        if happened():
            return
        await asyncio.sleep(0.01)
    pytest.fail("It did not happen within 10 s.")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
