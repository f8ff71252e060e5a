"""YAML, and so JSON, to JSON values and the line of each. Must not know what the text is for.

The text is read event by event, so its depth and size are bounded before anything is built of it. Scalars are those of
YAML 1.2's core schema (section 10.3.2): ``no`` and ``12:30`` are strings. What JSON has not (anchors, tags, keys that
are no scalars, several documents) is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import yaml
from yaml import events

from smartlite.domain.pipelines import JSON, MAX_DOCUMENT_BYTES
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.findings import shown

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 20_000
MAX_KEY_CHARACTERS: Final = 128
_DEEPEST_PATH: Final = 10
"""Values that are deeper have no line of their own: the one around them has it."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where PyYAML was built with it
_NULL: Final = re.compile(r"null|Null|NULL|~|")
_BOOLEAN: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,20}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]{1,400}|[0-9]{1,400}(\.[0-9]{0,400})?)([eE][-+]?[0-9]{1,4})?")
_INT64: Final = range(-(2**63), 2**63)
_SURROGATES: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class YAMLText:
    """What a text says."""

    data: JSON
    lines: Mapping[str, int]
    """Path, such as ``steps[2].with.model``, to line, from 1."""


def read_yaml(text: str) -> YAMLText:
    """Read one text.

    Raises:
        PipelineInvalid: 400, with the line: too large or deep, not YAML, or YAML that JSON has nothing for.
    """
    if len(text) > MAX_DOCUMENT_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_DOCUMENT_BYTES:
        raise PipelineInvalid(f"line 1: The document is larger than {MAX_DOCUMENT_BYTES} bytes.")
    reader = _Reader()
    try:
        parsed: Iterator[events.Event] = yaml.parse(_plain(text), Loader=_LOADER)
        return reader.read(parsed)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise PipelineInvalid(f"line {line}: Not YAML: {error.problem or error.context}.{_hint(text, line)}") from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        place = getattr(error, "position", getattr(error, "start", 0))
        line = text.count("\n", 0, place) + 1
        raise PipelineInvalid(f"line {line}: A character is not allowed, such as a control character.") from None


def _plain(text: str) -> str:
    """JSON may be indented by tabs and may write one character as two escapes; YAML may do neither."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    text = _INDENT.sub(lambda found: found[0].replace("\t", "  "), text)
    return _SURROGATES.sub(
        lambda found: found[1] + chr(0x10000 + ((int(found[2], 16) & 0x3FF) << 10) + (int(found[3], 16) & 0x3FF)), text
    )


def _hint(text: str, line: int) -> str:
    around = text.splitlines()[max(line - 2, 0) : line]
    return " Write the value that has ${{ in quotes." if any("${{" in near for near in around) else ""


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, JSON] | list[JSON]
    path: str
    key: str | None = None
    """Of a mapping: the one whose value comes next."""
    line: int = 0
    """Of the key."""


class _Reader:
    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._open: list[_Open] = []
        self._root: list[JSON] = []
        self._count = 0

    def read(self, parsed: Iterator[events.Event]) -> YAMLText:
        for event in parsed:
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, events.DocumentStartEvent) and self._root:
                raise PipelineInvalid(f"line {line}: A second document begins; there must be one.")
            if isinstance(event, events.AliasEvent):
                raise PipelineInvalid(f"line {line}: Anchors and aliases are not allowed; write the value again.")
            if isinstance(event, events.MappingEndEvent | events.SequenceEndEvent):
                self._open.pop()
            elif isinstance(event, events.NodeEvent):
                self._node(event, line)
        if not self._root:
            raise PipelineInvalid("line 1: The document is empty; it must begin with 'name:'.")
        return YAMLText(self._root[0], self._lines)

    def _node(self, event: events.NodeEvent, line: int) -> None:
        if event.anchor is not None:
            raise PipelineInvalid(f"line {line}: Anchors and aliases are not allowed; write the value again.")
        if getattr(event, "tag", None) is not None:
            raise PipelineInvalid(f"line {line}: Tags such as '!name' are not allowed.")
        self._count += 1
        if self._count > 2 * MAX_VALUES:
            raise PipelineInvalid(f"line {line}: The document holds more than {MAX_VALUES} values.")
        parent = self._open[-1] if self._open else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            parent.key, parent.line = _key(event, line, parent.value), line
        elif isinstance(event, events.ScalarEvent):
            self._place(parent, _scalar(event, line), line)
        else:
            if len(self._open) >= MAX_DEPTH:
                raise PipelineInvalid(f"line {line}: The document is nested more than {MAX_DEPTH} deep.")
            inner: dict[str, JSON] | list[JSON] = {} if isinstance(event, events.MappingStartEvent) else []
            self._open.append(_Open(inner, self._place(parent, inner, line)))

    def _place(self, parent: _Open | None, value: JSON, line: int) -> str:
        """Put a value where it belongs; return its path."""
        if parent is None:
            self._root.append(value)
            self._lines[""] = line
            return ""
        deep = len(self._open) > _DEEPEST_PATH
        if isinstance(parent.value, list):
            path = parent.path if deep else f"{parent.path}[{len(parent.value)}]"
            parent.value.append(value)
        else:
            key = parent.key or ""
            path = parent.path if deep else f"{parent.path}.{key}" if parent.path else key
            parent.value[key] = value
            line, parent.key = parent.line, None
        self._lines.setdefault(path, line)
        return path


def _key(event: events.NodeEvent, line: int, known: dict[str, JSON]) -> str:
    if not isinstance(event, events.ScalarEvent):
        raise PipelineInvalid(f"line {line}: A key must be a word. Is a ${{{{ without quotes?")
    if len(event.value) > MAX_KEY_CHARACTERS:
        raise PipelineInvalid(f"line {line}: A key is longer than {MAX_KEY_CHARACTERS} characters.")
    if event.value in known:
        raise PipelineInvalid(f"line {line}: The key '{shown(event.value)}' is there twice.")
    return _text(event.value, line)


def _scalar(event: events.ScalarEvent, line: int) -> JSON:
    text = event.value
    if not event.implicit[0]:
        return _text(text, line)
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        if int(text) not in _INT64:
            raise PipelineInvalid(f"line {line}: The integer {text} does not fit into 64 bits.")
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if abs(number) == float("inf"):
            raise PipelineInvalid(f"line {line}: The number {shown(text)} is too large.")
        return number
    return _text(text, line)


def _text(text: str, line: int) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PipelineInvalid(f"line {line}: A string holds U+0000 or half of a character.")
    return text
