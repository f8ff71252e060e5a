"""``smartlite speak``: a text as speech, written as it comes. Must not know engines or codecs."""

import time
from pathlib import Path
from typing import Annotated

import typer

from smartlite.cli.display import Display
from smartlite.cli.gateway import Gateway
from smartlite.cli.output import AudioOutput, FormatOption, audio_format, check_audio_output, is_stdout, open_output
from smartlite.cli.session import (
    TIMEOUT_S,
    JsonOption,
    TimeoutOption,
    UrlOption,
    print_json,
    read_stdin_text,
    session,
)
from smartlite.errors import ModelNotFound


def speak(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="What to say; - reads it from standard input.")],
    output: AudioOutput,
    voice: Annotated[str | None, typer.Option(help="Voice of the model; its first when absent.")] = None,
    model: Annotated[str | None, typer.Option(help="Speech synthesis model; the first served when absent.")] = None,
    speed: Annotated[float, typer.Option(min=0.25, max=4.0, help="2 is twice as fast.")] = 1.0,
    file_format: FormatOption = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Speak a text into an audio file."""
    written_as = audio_format(output, file_format)
    check_audio_output(output, as_json)
    said = read_stdin_text() if text == "-" else text
    with session(ctx, url, timeout, as_json) as (gateway, display):
        display.work("speaking")
        name, spoken_by = _choose(gateway, model, voice)
        asked = {"model": name, "voice": spoken_by, "input": said, "speed": speed, "response_format": written_as}
        began_s = time.monotonic()
        first_s, size_bytes = None, 0
        with (
            gateway.stream("POST", "/v1/audio/speech", json=asked) as response,
            open_output(output, written_as) as target,
        ):
            for chunk in response.iter_bytes():
                first_s = first_s or time.monotonic() - began_s
                target.write(chunk)
                size_bytes += len(chunk)
                display.count("speaking", size_bytes)
        took_s = time.monotonic() - began_s
        display.rest()
        _tell(display, output, first_s or took_s, took_s)
    if as_json:
        print_json(
            {
                "output": str(output),
                "format": written_as,
                "size_bytes": size_bytes,
                "model": name,
                "voice": spoken_by,
                "first_audio_s": round(first_s or took_s, 3),
                "total_s": round(took_s, 3),
            }
        )


def _choose(gateway: Gateway, model: str | None, voice: str | None) -> tuple[str, str]:
    """Fill in what was not said; a wrong name is the platform's to refuse, who can tell the right ones."""
    if model is not None and voice is not None:
        return model, voice
    served = [name for name in gateway.served() if name.task == "tts" and (model is None or name.id == model)]
    if not served:
        wanted = "no speech synthesis model" if model is None else f"no speech synthesis model '{model}'"
        raise ModelNotFound(f"The platform at {gateway.address} serves {wanted}.", "model")
    return model or served[0].id, voice or next(iter(served[0].voices), "default")


def _tell(display: Display, output: Path, first_s: float, took_s: float) -> None:
    where = "" if is_stdout(output) else f"wrote {output}, "
    display.line(f"{where}first audio after {first_s:.2f} s, all of it after {took_s:.2f} s")
