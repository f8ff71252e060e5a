"""``smartlite bench``: what is refused before anything is started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smartlite.cli.bench import without_key
from smartlite.cli.main import app
from smartlite.errors import InvalidRequest


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", *arguments])


@pytest.mark.parametrize("what", ["gateway", "asr", "tts", "llm", "voice", "pipelines", "all", "tune", "capacity"])
def test_every_word_explains_itself(what: str) -> None:
    assert bench(what, "--help").exit_code == 0


def test_other_servers_have_no_voice_turns(tmp_path: Path) -> None:
    result = bench("voice", "--against", "http://127.0.0.1:1", "-o", str(tmp_path))

    assert isinstance(result.exception, InvalidRequest)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--arrivals", "weekly"], ["--runs", "0"], ["--against", "ftp://x"]])
def test_a_wrong_option_is_wrong_usage(options: list[str], tmp_path: Path) -> None:
    assert bench("gateway", *options, "-o", str(tmp_path)).exit_code == 2


def test_an_unknown_knob_is_refused_before_anything_starts(tmp_path: Path) -> None:
    result = bench("tune", "llm", "--knob", "args.llm.models.7.options.threads=1", "-o", str(tmp_path))

    assert isinstance(result.exception, InvalidRequest)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--against-key", "s", "x"], ["--against-key=s", "x"]])
def test_the_key_of_another_server_is_not_written_into_results(words: list[str]) -> None:
    assert without_key(["bench", *words]) == ["bench", "x"]


@pytest.mark.enable_socket
def test_a_platform_is_not_started_in_place_of_one_on_another_machine(tmp_path: Path) -> None:
    result = bench("voice", "--url", "http://192.0.2.1.invalid:8000", "-o", str(tmp_path))

    assert isinstance(result.exception, InvalidRequest)
    assert "another" in str(result.exception) or "only one of this machine" in str(result.exception)
