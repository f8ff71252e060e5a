"""``smartlite ask``: a voice turn whose answer is a whole file, or no file."""

import json
from pathlib import Path

import httpx

from tests.cli.conftest import Run


def test_a_turn_is_told_as_it_happens_and_written(run: Run, question: Path, tmp_path: Path) -> None:
    result = run("ask", str(question), "-o", str(tmp_path / "answer.pcm"))
    assert result.exit_code == 0
    lines = [line.split()[0] for line in result.stderr.splitlines()]
    assert lines == ["heard", "speaks", "answers", "wrote"]
    assert (tmp_path / "answer.pcm").stat().st_size > 10_000


def test_a_program_gets_the_whole_turn(run: Run, question: Path, tmp_path: Path) -> None:
    told = json.loads(run("ask", str(question), "-o", str(tmp_path / "answer.pcm"), "--json").stdout)
    assert told["transcript"]["duration_s"] == 2.0
    assert told["reply"]["text"]
    assert told["output"] == str(tmp_path / "answer.pcm")
    seconds = (tmp_path / "answer.pcm").stat().st_size / 2 / 24_000
    assert abs(told["audio"]["duration_s"] - seconds) < 0.01
    assert {"timings", "usage", "first_audio_s", "id"} <= told.keys()


def test_the_answer_may_go_into_a_pipe(run: Run, speech_wav: bytes) -> None:
    result = run("ask", "-", "-o", "-", "--format", "pcm", stdin=speech_wav)
    assert result.exit_code == 0
    assert len(result.stdout_bytes) > 10_000
    assert b"heard" not in result.stdout_bytes


def test_a_wrong_recording_leaves_no_answer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    result = run("ask", str(tmp_path / "empty.wav"), "-o", str(tmp_path / "answer.wav"))
    assert result.exit_code == 1
    assert "empty" in result.stderr
    assert not (tmp_path / "answer.wav").exists()


def test_a_turn_that_fails_on_the_way_leaves_no_answer(run: Run, question: Path, tmp_path: Path) -> None:
    events = [
        {"type": "turn.transcript.done", "text": "Hi \x1b[31m", "language": "en", "duration_s": 1.0},
        {"type": "turn.audio.delta", "audio": "AAAA"},
        {"type": "error", "error": {"message": "The replica ended.", "param": None, "code": "replica_lost"}},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    failing = httpx.MockTransport(lambda _: httpx.Response(200, text=body))
    result = run("ask", str(question), "-o", str(tmp_path / "answer.mp3"), transport=failing)
    assert result.exit_code == 1
    assert "The replica ended." in result.stderr
    assert "\x1b" not in result.stderr  # what was heard cannot steer the terminal
    assert list(tmp_path.iterdir()) == [question]
