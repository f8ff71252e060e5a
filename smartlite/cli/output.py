"""Where a command writes its result: a file that appears whole or not at all, or standard output. Must not know audio
but for the one thing that only the end of a file tells: the true sizes in a WAV header.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from smartlite.domain.audio import AUDIO_FORMATS, AudioFormat

_FORMATS_BY_SUFFIX: Final[dict[str, AudioFormat]] = {
    **{f".{name}": name for name in AUDIO_FORMATS},
    ".ogg": "opus",
    ".oga": "opus",
    ".raw": "pcm",
}
AudioOutput = Annotated[
    Path, typer.Option("--output", "-o", help="Audio file to write; - writes to standard output, for pipes.")
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="mp3, opus, aac, flac, wav or pcm; the file name's ending says it when absent."),
]


def audio_format(path: Path, asked: str | None) -> AudioFormat:
    """The format of an audio file, by what was asked for or by its name.

    Raises:
        BadParameter: Neither says one that the platform writes.
    """
    if asked is None and str(path) == "-":
        return "wav"
    found = _FORMATS_BY_SUFFIX.get(f".{asked}" if asked else path.suffix.lower())
    if found is None or (asked and asked not in AUDIO_FORMATS):
        allowed = ", ".join(AUDIO_FORMATS)
        if asked:
            raise typer.BadParameter(f"'{asked}' is none of {allowed}", param_hint="--format")
        raise typer.BadParameter(
            f"the ending of '{path.name}' names no format; use one of {allowed}, or --format", param_hint="--output"
        )
    return found


def is_stdout(path: Path) -> bool:
    """Whether this means standard output."""
    return str(path) == "-"


def check_audio_output(path: Path, as_json: bool) -> None:
    """Refuse what can only go wrong, before anything is asked of the platform.

    Raises:
        BadParameter: Audio would go to a terminal or into the JSON of ``--json``, or the folder does not exist.
    """
    if is_stdout(path):
        if as_json:
            raise typer.BadParameter("'-' and --json both want standard output", param_hint="--output")
        if sys.stdout.isatty():
            raise typer.BadParameter(
                "audio is not written to a terminal; pipe it, or name a file", param_hint="--output"
            )
    elif path.is_dir():
        raise typer.BadParameter(f"'{path}' is a folder", param_hint="--output")
    elif not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder '{path.absolute().parent}' does not exist", param_hint="--output")


@contextmanager
def open_output(path: Path, audio_format: AudioFormat | None = None) -> Iterator[BinaryIO]:
    """Write a result; a file gets its name only at the end, so what bears the name is whole.

    A device or pipe is written to as it is. The old file, if there is one, stays until the new one is whole.

    Args:
        path: A file, or ``-``.
        audio_format: Of what is written; the header of a streamed WAV is mended at the end.

    Raises:
        BadParameter: The file cannot be written.
    """
    if is_stdout(path):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = path.resolve()
    if target.exists() and not target.is_file():
        with _opened(target, "wb") as file:
            yield file
        return
    partial = target.with_name(f".{target.name}.part-{os.getpid()}")
    with _opened(partial, "w+b") as file:
        try:
            yield file
            if audio_format == "wav":
                state_true_sizes(file)
            file.close()
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def state_true_sizes(file: BinaryIO) -> None:
    """Write the sizes into the header of a WAV that was streamed, when nobody knew them (RIFF, WAVE form).

    Does nothing to a file that is no WAV, and leaves the position at its end.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        start = 12
        while start + 8 <= end:
            file.seek(start)
            chunk = file.read(8)
            size_bytes = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                file.seek(4)
                file.write(_uint32(end - 8))
                file.seek(start + 4)
                file.write(_uint32(end - start - 8))
                break
            start += 8 + size_bytes + size_bytes % 2
    file.seek(0, os.SEEK_END)


def _uint32(value: int) -> bytes:
    return min(value, 0xFFFFFFFF).to_bytes(4, "little")


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        return path.open(mode)  # type: ignore[return-value]  # every mode given here is binary
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--output") from error
