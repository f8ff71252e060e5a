"""``smartlite transcribe``, as a person and as a program use it."""

import json
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run


def test_the_text_goes_to_standard_output(run: Run, question: Path) -> None:
    result = run("transcribe", str(question))
    assert (result.exit_code, len(result.stdout.split()), result.stdout[-1]) == (0, 4, "\n")


def test_a_translation_is_written_too(run: Run, question: Path) -> None:
    result = run("transcribe", str(question), "--translate")
    assert result.exit_code == 0
    assert result.stdout.strip()


def test_a_recording_may_be_piped_in(run: Run, question: Path, speech_wav: bytes) -> None:
    assert run("transcribe", "-", stdin=speech_wav).stdout == run("transcribe", str(question)).stdout


@pytest.mark.parametrize(("name", "sign"), [("srt", " --> "), ("vtt", "WEBVTT"), ("verbose_json", '"segments"')])
def test_every_form_of_answer_can_be_asked_for(run: Run, question: Path, name: str, sign: str) -> None:
    assert sign in run("transcribe", str(question), "--format", name).stdout


def test_a_program_gets_one_object(run: Run, question: Path, tmp_path: Path) -> None:
    plain = json.loads(run("transcribe", str(question), "--json").stdout)
    assert plain["usage"]["seconds"] == 2.0
    written = json.loads(
        run("transcribe", str(question), "--json", "--format", "srt", "-o", str(tmp_path / "a.srt")).stdout
    )
    assert written["output"] == str(tmp_path / "a.srt")
    assert written["text"] == (tmp_path / "a.srt").read_text()


def test_the_platforms_refusal_is_told_and_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("This is no recording.")
    result = run("transcribe", str(tmp_path / "text.wav"), "-o", str(tmp_path / "out.txt"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not audio" in result.stderr
    assert not (tmp_path / "out.txt").exists()


def test_a_program_is_told_the_code_and_the_parameter(run: Run, question: Path) -> None:
    result = run("transcribe", str(question), "--model", "no-such", "--json")
    error = json.loads(result.stderr)["error"]
    assert (result.exit_code, error["code"], error["param"]) == (1, "model_not_found", "model")


def test_no_platform_is_one_line_and_exit_code_1(run: Run, question: Path, nothing_there: httpx.MockTransport) -> None:
    result = run("transcribe", str(question), transport=nothing_there)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "smartlite serve" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["no-such-file.wav"], ["-", "--url", "nonsense"], ["-", "--translate", "--language", "de"], []]
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run("transcribe", *arguments).exit_code == 2
