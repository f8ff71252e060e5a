"""``smartlite ask``: a spoken question in, a spoken answer out, with what is heard and answered told as it happens.

Must not know how a turn runs.
"""

import base64
import time
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from smartlite.cli.display import Display
from smartlite.cli.output import AudioOutput, FormatOption, audio_format, check_audio_output, is_stdout, open_output
from smartlite.cli.recording import RecordingArgument, open_recording
from smartlite.cli.session import TIMEOUT_S, JsonOption, TimeoutOption, UrlOption, print_json, session
from smartlite.errors import Unavailable


def ask(
    ctx: typer.Context,
    question: RecordingArgument,
    output: AudioOutput,
    voice: Annotated[str | None, typer.Option(help="Voice of the answer; the model's first when absent.")] = None,
    instructions: Annotated[str | None, typer.Option(help="What the assistant is told before the question.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the question, such as en; detected when absent.")] = None,
    asr_model: Annotated[str | None, typer.Option(help="Speech recognition model.")] = None,
    llm_model: Annotated[str | None, typer.Option(help="Language model.")] = None,
    tts_model: Annotated[str | None, typer.Option(help="Speech synthesis model.")] = None,
    file_format: FormatOption = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Ask aloud, be answered aloud."""
    written_as = audio_format(output, file_format)
    check_audio_output(output, as_json)
    chosen = {
        "voice": voice,
        "instructions": instructions,
        "language": language,
        "asr_model": asr_model,
        "llm_model": llm_model,
        "tts_model": tts_model,
    }
    fields = {"response_format": written_as, "stream": "true"}
    fields |= {name: value for name, value in chosen.items() if value is not None}
    with session(ctx, url, timeout, as_json) as (gateway, display):
        turn = _Turn(display)
        with open_recording(question, display, "listening") as form:
            request = {"data": fields, "files": {"file": form}}
            with (
                gateway.stream("POST", "/v1/voice/turns", **request) as response,
                open_output(output, written_as) as target,
            ):
                for event in gateway.events(response):
                    turn.take(event, target)
                result = turn.finish()
        display.rest()
        turn.tell_end(output)
    if as_json:
        print_json({**result, "output": str(output)})


class _Turn:
    """Follows the events of one turn; times are seconds since it was made."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._began_s = time.monotonic()
        self._first_audio_s: float | None = None
        self._transcript: dict[str, Any] = {}
        self._reply = ""
        self._done: dict[str, Any] | None = None

    def take(self, event: dict[str, Any], target: BinaryIO) -> None:
        """Show an event, and write its audio."""
        match event.get("type"):
            case "turn.transcript.done":
                self._transcript = {name: event[name] for name in ("text", "language", "duration_s")}
                self._display.line(f"heard    {event['text']}")
                self._display.work("thinking")
            case "turn.reply.delta":
                self._reply += str(event["delta"])
                self._display.work(f"answering: {len(self._reply.split())} words")
            case "turn.audio.delta":
                if self._first_audio_s is None:
                    self._first_audio_s = time.monotonic() - self._began_s
                    self._display.line(f"speaks   first audio after {self._first_audio_s:.2f} s")
                target.write(base64.b64decode(event["audio"]))
            case "turn.done":
                self._done = event
            case _:
                pass  # an event of a later version

    def finish(self) -> dict[str, Any]:
        """What a program is told.

        Raises:
            Unavailable: 503, the stream ended before the turn did.
        """
        if self._done is None:
            raise Unavailable("The answer ended before its end. Try again.")
        first_audio_s = None if self._first_audio_s is None else round(self._first_audio_s, 3)
        done = {name: self._done[name] for name in ("id", "reply", "audio", "timings", "usage")}
        return {**done, "transcript": self._transcript, "first_audio_s": first_audio_s}

    def tell_end(self, output: Path) -> None:
        """Show the whole answer and where it is."""
        assert self._done is not None  # noqa: S101 - finish() was called
        self._display.line(f"answers  {self._done['reply']['text']}")
        where = "" if is_stdout(output) else f"wrote {output}: "
        duration_s = float(self._done["audio"]["duration_s"])
        self._display.line(f"{where}{duration_s:.1f} s of speech after {time.monotonic() - self._began_s:.2f} s")
