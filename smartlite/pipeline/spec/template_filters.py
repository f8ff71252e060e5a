"""The filters of templates, each at the price of what it looks at. Must not know Jinja's own: those are not there."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from jinja2.exceptions import UndefinedError
from jinja2.runtime import Undefined

from smartlite.domain.languages import LANGUAGE_NAMES
from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.budget import Budget
from smartlite.pipeline.spec.template_grammar import EACH, LARGEST, WALK

MAX_TEXT: Final = 256 * 1024
"""Characters of anything that a template makes."""
MAX_ITEMS: Final = 100_000
_MAX_INDENT: Final = 32


class Filters:
    """The filters of one rendering, which share its budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def named(self) -> dict[str, Callable[..., Any]]:
        """Every filter by the name that templates call it."""
        simple: Mapping[str, Callable[..., Any]] = {
            "upper": lambda value: self._string(value).upper(),
            "lower": lambda value: self._string(value).lower(),
            "title": lambda value: self._string(value).title(),
            "capitalize": lambda value: self._string(value).capitalize(),
            "trim": lambda value: self._string(value).strip(),
            "wordcount": lambda value: len(self._string(value).split()),
            "lines": lambda value: self._string(value).splitlines(),
            "length": lambda value: len(_sized(value)),
            "first": lambda value: next(iter(_sized(value)), None),
            "last": lambda value: _listed(value)[-1] if len(_sized(value)) else None,
            "reverse": lambda value: self._items(value)[::-1],
            "items": lambda value: [[key, item] for key, item in _mapping(value).items()],
            "abs": lambda value: abs(_number(value)),
            "int": lambda value: int(_number(value)),
            "round": lambda value, digits=0: round(_number(value), int(digits)) if digits else round(_number(value)),
            "language_name": lambda value: LANGUAGE_NAMES.get(str(value).partition("-")[0].lower(), str(value)).title(),
            "srt_time": lambda value: _clock(value, ","),
            "vtt_time": lambda value: _clock(value, "."),
        }
        return {
            **simple,
            EACH: self._each,
            WALK: self._walk,
            "string": self.text,
            "tojson": self.json,
            "default": _default,
            "replace": self._replace,
            "join": self._join,
            "truncate": self._truncate,
            "indent": self._indent,
            "sum": self._sum,
            "min": lambda value: min(self._scalars(value), default=None),
            "max": lambda value: max(self._scalars(value), default=None),
            "sort": lambda value: sorted(self._scalars(value)),
            "unique": lambda value: list(dict.fromkeys(self._scalars(value))),
            "map": self._map,
        }

    def text(self, value: Any) -> str:
        """A value as it is written: strings as they are, null as nothing, everything else as JSON."""
        _defined(value)
        if isinstance(value, str):
            return self._short(value)
        return "" if value is None else self.json(value)

    def json(self, value: Any) -> str:
        """A value as JSON."""
        self._walk(value)
        try:
            return self._short(json.dumps(value, ensure_ascii=False, allow_nan=False))
        except (TypeError, ValueError):
            raise PipelineInvalid("A template writes out something that is no value.") from None

    def _short(self, text: str) -> str:
        self._budget.copy(text)
        if len(text) > MAX_TEXT:
            raise PipelineInvalid(f"A template makes a text of more than {MAX_TEXT} characters.")
        return text

    def _string(self, value: Any) -> str:
        return self.text(value)

    def _walk(self, value: Any) -> Any:
        self._budget.walk(_defined(value))
        return value

    def _items(self, value: Any) -> list[Any]:
        found = _sized(value)
        self._budget.copy(found)
        if len(found) > MAX_ITEMS:
            raise PipelineInvalid(f"A template goes through more than {MAX_ITEMS} items.")
        self._budget.spend(len(found))
        return list(found)

    def _each(self, value: Any, size: int) -> list[Any]:
        """The items of a loop whose body has so many parts, paid for before the first."""
        items = self._items(value)
        self._budget.spend(len(items) * size)
        return items

    def _scalars(self, value: Any) -> list[Any]:
        items = self._items(value)
        self._walk(items)
        if any(isinstance(item, dict | list) for item in items):
            raise PipelineInvalid("A template sorts or compares lists or objects.")
        return items

    def _replace(self, value: Any, old: str, new: str) -> str:
        text, old, new = self._string(value), self._string(old), self._string(new)
        count = text.count(old)
        if len(text) + count * max(len(new) - len(old), 0) > MAX_TEXT:
            raise PipelineInvalid(f"A template makes a text of more than {MAX_TEXT} characters.")
        return text.replace(old, new)

    def _join(self, value: Any, separator: str = "") -> str:
        parts: list[str] = []
        size = 0
        between = self._string(separator)
        for item in self._items(value):
            parts.append(self.text(item))
            size += len(parts[-1]) + len(between)
            if size > MAX_TEXT + len(between):
                raise PipelineInvalid(f"A template makes a text of more than {MAX_TEXT} characters.")
        return between.join(parts)

    def _truncate(self, value: Any, length: int = 255, end: str = "...") -> str:
        text = self._string(value)
        return text if len(text) <= length else text[: max(int(length), 0)] + self._string(end)

    def _indent(self, value: Any, width: int = 4) -> str:
        space = " " * max(0, min(int(width), _MAX_INDENT))
        lines = self._string(value).split("\n")
        self._budget.spend(len(lines))
        return self._short(f"\n{space}".join(lines))

    def _sum(self, value: Any) -> float:
        return sum(_number(item) for item in self._items(value))

    def _map(self, value: Any, attribute: str) -> list[Any]:
        items = self._items(value)
        return [item.get(attribute) if isinstance(item, dict) else None for item in items]


def _defined(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises UndefinedError, with the name
    return value


def _default(value: Any, instead: JSON = "", even_if_empty: bool = False) -> Any:
    return instead if isinstance(value, Undefined) or value is None or (even_if_empty and not value) else value


def _sized(value: Any) -> Sequence[Any] | Mapping[str, Any]:
    if isinstance(_defined(value), str | list | tuple | dict | range):
        found: Sequence[Any] | Mapping[str, Any] = value
        return found
    raise UndefinedError("a template goes through a value that is neither text, list nor object")


def _listed(value: Any) -> Sequence[Any]:
    found = _sized(value)
    return list(found) if isinstance(found, Mapping) else found


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(_defined(value), dict):
        found: Mapping[str, Any] = value
        return found
    raise UndefinedError("'items' is for objects")


def _number(value: Any) -> float:
    number = float(value) if isinstance(_defined(value), str) and len(value) <= 64 else value
    if isinstance(number, int | float) and abs(number) < LARGEST:
        return number
    raise UndefinedError("a template counts with a value that is no number, or too large")


def _clock(value: Any, point: str) -> str:
    """Seconds as captions write them: ``00:01:02,345``."""
    milliseconds = max(round(_number(value) * 1000), 0)
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def pieces_of(values: Iterator[str]) -> Iterator[str]:
    """The pieces of a rendering, as long as they stay short together."""
    size = 0
    for piece in values:
        size += len(piece)
        if size > MAX_TEXT:
            raise PipelineInvalid(f"The template's text is longer than {MAX_TEXT} characters.")
        yield piece
