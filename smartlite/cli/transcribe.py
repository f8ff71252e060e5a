"""``smartlite transcribe``: the text of a recording. Must not know engines or how a recording is decoded."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from smartlite.cli.display import Display, for_output
from smartlite.cli.gateway import Gateway
from smartlite.cli.output import is_stdout, open_output
from smartlite.cli.recording import Form, RecordingArgument, open_recording
from smartlite.cli.session import TIMEOUT_S, JsonOption, TimeoutOption, UrlOption, print_json, session
from smartlite.errors import Unavailable

TextFormat = Literal["text", "json", "verbose_json", "srt", "vtt"]


def transcribe(
    ctx: typer.Context,
    file: RecordingArgument,
    model: Annotated[str | None, typer.Option(help="Speech recognition model; the first served when absent.")] = None,
    language: Annotated[str | None, typer.Option(help="What is spoken, such as en; detected when absent.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Text before the recording: names, spelling, style.")] = None,
    text_format: Annotated[
        TextFormat | None, typer.Option("--format", help="Form of the answer; text when absent, json with --json.")
    ] = None,
    translate: Annotated[bool, typer.Option("--translate", help="Translate into English.")] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; standard output when absent.")] = Path(
        "-"
    ),
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Write what is said in a recording."""
    if translate and language is not None:
        raise typer.BadParameter("a translation finds the language by itself", param_hint="--language")
    wanted: TextFormat = text_format or ("json" if as_json else "text")
    with session(ctx, url, timeout, as_json) as (gateway, display):
        fields = {
            "model": model or gateway.default_model("asr").id,
            "response_format": wanted,
            **({"language": language} if language else {}),
            **({"prompt": prompt} if prompt else {}),
        }
        follows = wanted == "text" and not translate
        shows = follows and is_stdout(output) and not as_json
        with open_recording(file, display, "listening") as form:
            if follows:
                text = _follow(gateway, display, form, fields, shows=shows)
            else:
                route = "translations" if translate else "transcriptions"
                text = _fetch(gateway, f"/v1/audio/{route}", form, fields)
        display.rest()
        if not is_stdout(output):
            with open_output(output) as target:
                target.write(_ended(text).encode())
            display.line(f"wrote {output}")
    if as_json:
        _print_result(text, wanted, output)
    elif is_stdout(output):
        sys.stdout.write("\n" if shows else for_output(_ended(text), sys.stdout))


def _follow(gateway: Gateway, display: Display, form: Form, fields: dict[str, str], *, shows: bool) -> str:
    """Take the text as it is recognised; a long recording shows its first words soon."""
    text = ""
    whole: str | None = None
    asked = {**fields, "stream": "true"}
    with gateway.stream("POST", "/v1/audio/transcriptions", data=asked, files={"file": form}) as response:
        for event in gateway.events(response):
            if event.get("type") == "transcript.text.delta":
                text += str(event["delta"])
                if shows:
                    display.rest()
                    sys.stdout.write(for_output(str(event["delta"]), sys.stdout))
                    sys.stdout.flush()
                else:
                    display.work(f"listening: {len(text.split())} words")
            elif event.get("type") == "transcript.text.done":
                whole = str(event["text"])
    if whole is None:
        sys.stdout.write("\n" if shows and text else "")
        raise Unavailable("The transcript ended before its end. Try again.")
    return whole


def _fetch(gateway: Gateway, path: str, form: Form, fields: dict[str, str]) -> str:
    with gateway.stream("POST", path, data=fields, files={"file": form}) as response:
        return response.read().decode("utf-8", "replace")


def _print_result(text: str, wanted: TextFormat, output: Path) -> None:
    result: dict[str, Any] = {}
    if wanted in ("json", "verbose_json"):
        result |= json.loads(text)
    else:
        result |= {"format": wanted, "text": text.rstrip("\n") if wanted == "text" else text}
    if not is_stdout(output):
        result |= {"output": str(output)}
    print_json(result)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
