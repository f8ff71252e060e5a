"""``smartlite chat``: one question, or a conversation on a terminal. Must not know engines or templates."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from smartlite.cli.display import Display, for_output
from smartlite.cli.failures import EXIT_USAGE, tell
from smartlite.cli.gateway import Gateway
from smartlite.cli.session import (
    TIMEOUT_S,
    JsonOption,
    TimeoutOption,
    UrlOption,
    print_json,
    read_stdin_text,
    session,
)
from smartlite.errors import SmartLiteError, Unavailable

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    model: str
    finish_reason: str
    usage: dict[str, Any]


def chat(
    ctx: typer.Context,
    message: Annotated[
        str | None, typer.Argument(help="What to say; without it: standard input, or a conversation on a terminal.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Language model; the first served when absent.")] = None,
    system: Annotated[str | None, typer.Option(help="What the assistant is told before everything else.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, max=2.0, help="0 is the most likely answer.")] = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Talk to a language model in writing."""
    converses = message is None and sys.stdin.isatty()
    if converses and as_json:
        typer.echo("smartlite: --json answers one message; give it as an argument or pipe it in", err=True)
        raise typer.Exit(EXIT_USAGE)
    said = None if converses else (read_stdin_text() if message in (None, "-") else message)
    with session(ctx, url, timeout, as_json) as (gateway, display):
        asked: dict[str, Any] = {
            "model": model or gateway.default_model("llm").id,
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"max_completion_tokens": max_tokens} if max_tokens is not None else {}),
            **({"temperature": temperature} if temperature is not None else {}),
        }
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        if said is None:
            _converse(gateway, display, asked, messages)
            return
        messages.append({"role": "user", "content": said})
        reply = _answer(gateway, display, {**asked, "messages": messages}, _ignore if as_json else _write)
    if as_json:
        print_json(
            {
                "reply": {"text": reply.text},
                "model": reply.model,
                "finish_reason": reply.finish_reason,
                "usage": reply.usage,
            }
        )
    else:
        _write("\n")
        if reply.finish_reason == "length":
            typer.echo("smartlite: the answer was cut off at the longest allowed (--max-tokens)", err=True)


def _converse(gateway: Gateway, display: Display, asked: dict[str, Any], messages: list[Message]) -> None:
    """Answer line after line until the end of input; Ctrl-C stops an answer, or the conversation at the prompt."""
    import readline  # noqa: F401, PLC0415 - gives input() its keys and history; not wanted where nothing is typed

    typer.echo(f"{asked['model']} at {gateway.address}. Ctrl-C stops an answer, Ctrl-D ends.", err=True)
    while True:
        try:
            said = input("> ").strip()
        except EOFError:
            typer.echo()
            return
        if not said:
            continue
        turn = [*messages, {"role": "user", "content": said}]
        heard: list[str] = []

        def show(text: str, heard: list[str] = heard) -> None:
            heard.append(text)
            _write(text)

        try:
            _answer(gateway, display, {**asked, "messages": turn}, show)
        except SmartLiteError as error:
            tell(error, as_json=False)
            continue
        except KeyboardInterrupt:
            _write(" [stopped]")
        _write("\n")
        if heard:
            messages[:] = [*turn, {"role": "assistant", "content": "".join(heard)}]


def _answer(gateway: Gateway, display: Display, body: dict[str, Any], show: Callable[[str], None]) -> _Reply:
    """Stream one answer.

    Raises:
        SmartLiteError: The platform refused, or the stream ended before the answer did.
    """
    reply = _Reply("", str(body["model"]), "", {})
    display.work("thinking")
    try:
        with gateway.stream("POST", "/v1/chat/completions", json=body) as response:
            for chunk in gateway.events(response):
                reply = replace(reply, model=chunk.get("model", reply.model), usage=chunk.get("usage") or reply.usage)
                for choice in chunk.get("choices", ()):
                    if text := choice.get("delta", {}).get("content"):
                        display.rest()
                        show(text)
                        reply = replace(reply, text=reply.text + text)
                    reply = replace(reply, finish_reason=choice.get("finish_reason") or reply.finish_reason)
        if not reply.finish_reason:
            raise Unavailable("The answer ended before its end. Try again.")
    except SmartLiteError:
        show("\n" if reply.text else "")  # what is told next begins a line of its own
        raise
    finally:
        display.rest()
    return reply


def _write(text: str) -> None:
    sys.stdout.write(for_output(text, sys.stdout))
    sys.stdout.flush()


def _ignore(text: str) -> None:
    """What a program gets, it gets whole."""
