"""A result appears whole or not at all, and a WAV that was streamed gets its true sizes."""

import io
import wave
from pathlib import Path

import pytest
import typer

from benchmarks.clips import wav
from smartlite.cli.output import audio_format, open_output, state_true_sizes


def streamed_wav(samples: int, *, before: bytes = b"") -> bytes:
    """A WAV whose header was written before its size was known."""
    data = wav(bytes(2 * samples))
    return data[:4] + b"\xff" * 4 + data[8:36] + before + b"data" + b"\xff" * 4 + data[44:]


@pytest.mark.parametrize("before", [b"", b"LIST\x03\x00\x00\x00abc\x00"])
def test_a_streamed_wav_states_its_true_size_afterwards(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "a.wav"
    with open_output(path, "wav") as target:
        target.write(streamed_wav(1234, before=before))
    with wave.open(str(path)) as source:
        assert source.getnframes() == 1234
    assert int.from_bytes(path.read_bytes()[4:8], "little") == path.stat().st_size - 8


@pytest.mark.parametrize("data", [b"", b"RIFF", b"ID3\x04 no wav at all", b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00"])
def test_what_is_no_whole_wav_is_left_as_it_is(data: bytes) -> None:
    file = io.BytesIO(data)
    state_true_sizes(file)
    assert file.getvalue() == data


def test_a_failure_leaves_the_old_file_and_no_part_of_the_new(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"old")

    def fail() -> None:
        with open_output(path) as target:
            target.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp3"]
    assert path.read_bytes() == b"old"


def test_a_link_stays_a_link_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "link.mp3").symlink_to("real.mp3")
    with open_output(tmp_path / "link.mp3") as target:
        target.write(b"new")
    assert (tmp_path / "link.mp3").is_symlink()
    assert (tmp_path / "real.mp3").read_bytes() == b"new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    with open_output(Path("/dev/null")) as target:
        target.write(b"gone")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("a.MP3", None, "mp3"),
        ("a.ogg", None, "opus"),
        ("a", "flac", "flac"),
        ("a.wav", "pcm", "pcm"),
        ("-", None, "wav"),
    ],
)
def test_the_format_is_what_is_asked_for_or_the_files_ending(name: str, asked: str | None, expected: str) -> None:
    assert audio_format(Path(name), asked) == expected


@pytest.mark.parametrize(("name", "asked"), [("a.txt", None), ("a", None), ("a.wav", "midi"), ("a.wav", "ogg")])
def test_an_unknown_format_is_refused_with_the_ones_there_are(name: str, asked: str | None) -> None:
    with pytest.raises(typer.BadParameter, match="mp3, opus"):
        audio_format(Path(name), asked)
