"""``smartlite speak``: the file is what the platform sent, or is not there."""

import json
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import InProcess, Run


def test_the_speech_is_written_with_the_first_model_and_voice(run: Run, tmp_path: Path) -> None:
    result = run("speak", "One sentence.", "-o", str(tmp_path / "a.pcm"), "--json")
    told = json.loads(result.stdout)
    assert (told["model"], told["voice"], told["format"]) == ("fake-tts", "fake", "pcm")
    assert told["size_bytes"] == (tmp_path / "a.pcm").stat().st_size > 10_000


def test_speech_can_be_piped_in_and_out(run: Run) -> None:
    result = run("speak", "-", "-o", "-", "--format", "pcm", stdin="Grüße.".encode())
    assert result.exit_code == 0
    assert len(result.stdout_bytes) > 10_000


def test_faster_speech_is_shorter(run: Run, tmp_path: Path) -> None:
    sizes = [
        json.loads(run("speak", "One sentence.", "-o", str(tmp_path / "a.pcm"), "--speed", speed, "--json").stdout)[
            "size_bytes"
        ]
        for speed in ("1", "2")
    ]
    assert sizes[1] < 0.6 * sizes[0]


def test_an_unknown_voice_leaves_no_file(run: Run, tmp_path: Path) -> None:
    result = run("speak", "One sentence.", "-o", str(tmp_path / "a.mp3"), "--voice", "nobody")
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "alloy" in result.stderr


def test_a_stream_that_breaks_leaves_no_file(run: Run, tmp_path: Path, transport: InProcess) -> None:
    class Breaking(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield b"half"
            raise httpx.RemoteProtocolError("peer closed connection")

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/audio/speech":
            return httpx.Response(200, stream=Breaking())
        return transport.handle_request(request)

    result = run("speak", "One.", "-o", str(tmp_path / "a.mp3"), transport=httpx.MockTransport(answer))
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "broke" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["Text.", "-o", "a.txt"],
        ["Text.", "-o", "no-such-folder/a.wav"],
        ["Text.", "-o", "-", "--json"],
        ["Text.", "-o", "a.wav", "--speed", "9"],
        ["Text."],
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run("speak", *arguments).exit_code == 2
