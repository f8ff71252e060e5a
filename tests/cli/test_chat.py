"""``smartlite chat``: one message, from an argument or a pipe."""

import json

import httpx
import pytest

from tests.cli.conftest import InProcess, Run


def test_the_answer_is_written(run: Run) -> None:
    result = run("chat", "Hello there.")
    assert result.exit_code == 0
    assert "Hello there" in result.stdout


def test_a_message_may_be_piped_in(run: Run) -> None:
    assert run("chat", stdin=b"Hello there.\n").stdout == run("chat", "Hello there.").stdout


def test_options_reach_the_platform(run: Run, transport: InProcess) -> None:
    bodies = []

    def listen(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            bodies.append(json.loads(request.read()))
        return transport.handle_request(request)

    options = ("--system", "Be brief.", "--max-tokens", "3", "--temperature", "0", "--model", "gpt-4o-mini")
    result = run("chat", "Hello there.", *options, "--json", transport=httpx.MockTransport(listen))
    told = json.loads(result.stdout)
    assert (told["finish_reason"], told["usage"]["completion_tokens"]) == ("length", 3)
    assert bodies[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (bodies[0]["temperature"], bodies[0]["model"]) == (0.0, "gpt-4o-mini")


def test_an_answer_without_its_end_fails(run: Run) -> None:
    chunk = {"model": "m", "choices": [{"delta": {"content": "Half"}, "finish_reason": None}]}
    short = httpx.MockTransport(lambda _: httpx.Response(200, text=f"data: {json.dumps(chunk)}\n\n"))
    result = run("chat", "Hello.", "--model", "m", transport=short)
    assert result.exit_code == 1
    assert "ended before its end" in result.stderr


def test_the_platforms_refusal_is_told_and_fails(run: Run) -> None:
    result = run("chat", "Hello.", "--model", "no-such")
    assert result.exit_code == 1
    assert "no-such" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [(["Hi.", "--temperature", "7"], b""), (["Hi.", "--max-tokens", "0"], b""), ([], b"\xff\xfe\xff")],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str], stdin: bytes) -> None:
    assert run("chat", *arguments, stdin=stdin).exit_code == 2
