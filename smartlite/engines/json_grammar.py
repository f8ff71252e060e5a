"""Grammars of llguidance that keep an answer to a JSON Schema, and a check that it was kept. Must not know models.

llama.cpp has llguidance built in, and transformers takes its masks; so both take the same schemas. A schema that it
cannot compile is refused here, since llama.cpp then goes on without any grammar and says so only in its log.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from smartlite.errors import ConfigurationError, InvalidRequest

_LAYOUT: Final = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""A small model that may write spaces between two values writes them until its tokens run out."""
_MAX_REASON_CHARACTERS: Final = 300
_MAX_INSTANCE_BYTES: Final = 2048
_QUOTE: Final = ord('"')
_FIRST_IN_STRING: Final = b'"a0'
_FIRST_OUTSIDE: Final = b"}],01"
"""Bytes that end a value soon, then plain ones; others in the order of their numbers."""


def json_rule(schema: Mapping[str, object]) -> str:
    """The right side of a Lark rule that is a value of the schema, on one line.

    Raises:
        ValueError: The schema is no JSON (NaN, cycles), or nested too deep.
    """
    try:
        # ensure_ascii also keeps lone surrogates, which UTF-8 cannot say, out of the grammar's text.
        return "%json " + json.dumps({**schema, "x-guidance": _LAYOUT}, allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def json_grammar(schema: Mapping[str, object], param: str) -> str:
    """The Lark grammar of an answer that is one value of the schema.

    Raises:
        InvalidRequest: 400, naming ``param``: the schema is wrong, nothing can keep to it, or it has keywords that
            cannot be kept to token by token.
    """
    try:
        grammar = f"start: {json_rule(schema)}"
    except ValueError as error:
        raise InvalidRequest(f"The JSON Schema cannot be used: {error}.", param) from error
    GrammarCheck(grammar, param)
    return grammar


class GrammarCheck:
    """Follows an answer as it is written, byte by byte."""

    def __init__(self, grammar: str, param: str) -> None:
        """Compile the grammar; blocks, for a second at most where its schemas are as large as they may be.

        Raises:
            InvalidRequest: 400, it cannot be compiled, or no answer can keep to it.
        """
        library = _library()
        self._param = param
        # Never raises: an error is a state of the matcher.
        self._matcher: Any = library.LLMatcher(
            _byte_tokenizer(), library.LLMatcher.grammar_from_lark(grammar), log_level=0
        )
        if self._matcher.is_error():
            raise InvalidRequest(f"The JSON Schema cannot be used: {_reason(self._matcher.get_error())}.", param)
        if not any(self._matcher.compute_bitmask()) or self._matcher.is_error():
            raise InvalidRequest("The JSON Schema cannot be used: no value keeps to it, or it is too complex.", param)

    def take(self, text: str) -> None:
        """Go on with a piece of the answer.

        Raises:
            InvalidRequest: 400, the answer no longer keeps to the grammar: the schema was too complex for the library.
        """
        data = list(text.encode())
        if self._matcher.try_consume_tokens(data) != len(data):
            raise InvalidRequest("The JSON Schema is too complex: an answer could not be kept to it.", self._param)

    @property
    def complete(self) -> bool:
        """Whether the answer may end here."""
        return bool(self._matcher.is_accepting())


def smallest_instance(schema: Mapping[str, object], param: str) -> str:
    """Write a short value that keeps to the schema, always the same.

    Raises:
        InvalidRequest: 400, the schema cannot be used, or the value would be longer than 2,048 bytes.
    """
    check = GrammarCheck(json_grammar(schema, param), param)
    matcher = check._matcher
    written = bytearray()
    in_string = False
    while len(written) < _MAX_INSTANCE_BYTES and not matcher.is_stopped():
        mask = int.from_bytes(matcher.compute_bitmask(), "little")
        allowed = [byte for byte in range(256) if mask >> byte & 1]
        if not allowed or check.complete:
            break
        wanted = _FIRST_IN_STRING if in_string else _FIRST_OUTSIDE
        byte = next((byte for byte in wanted if byte in allowed), allowed[0])
        matcher.consume_token(byte)
        # A string that has to have a backslash or a quote in it is not among what is asked of fakes.
        in_string ^= byte == _QUOTE
        written.append(byte)
    if not check.complete:
        raise InvalidRequest("The JSON Schema asks for more than this model writes.", param)
    return written.decode()


def _reason(error: str) -> str:
    """What the library says, without the place in our grammar."""
    told = re.split(r"\s\d+ \| |\n<state>", error)[0].rpartition("JSON schema: ")[2]
    return " ".join(told.split())[:_MAX_REASON_CHARACTERS]


@cache
def _byte_tokenizer() -> Any:
    """A tokenizer whose tokens 0 to 255 are the bytes."""
    return _library().LLTokenizer("byte")


def _library() -> Any:
    try:
        import llguidance
    except ImportError as error:
        raise ConfigurationError("llguidance is not installed: pip install 'smartlite[cpu]'.", "engine") from error
    return llguidance
