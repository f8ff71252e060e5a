"""The numbers of ``serve_config.yaml`` that are tried, and a configuration with others. Must not know what they do.

A knob is named by its path, in which a list's entry is chosen by its name or its index:
``deployments.ingress.num_replicas``, ``args.llm.models.0.options.threads``.
"""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import yaml

from smartlite.errors import InvalidRequest

Value = int | float | str | None
Setting = tuple[tuple[str, Value], ...]
"""Paths and values that differ from the configuration that was given."""
_MAX_VALUES: Final = 16


@dataclass(frozen=True, slots=True)
class Knob:
    """A number and what is tried for it."""

    path: str
    values: tuple[Value, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """Of ``path=value,value``.

        Raises:
            InvalidRequest: It is written otherwise, or has too many values.
        """
        path, is_there, listed = text.partition("=")
        values = tuple(yaml.safe_load(word) for word in listed.split(",") if word.strip())
        if not is_there or not path or not values or len(values) > _MAX_VALUES:
            raise InvalidRequest(f"'{text}' must be like args.llm.models.0.options.threads=1,2 (at most 16).", "knob")
        if not all(isinstance(value, int | float | str | None) for value in values):
            raise InvalidRequest(f"'{text}': values must be numbers or words.", "knob")
        return cls(path.strip(), values)


def default_knobs(what: str, cores: int | None = None) -> list[Knob]:
    """What is worth a try on a machine with so many cores: replicas, threads, batches, waits, concurrency."""
    cores = cores or len(os.sched_getaffinity(0))
    threads = tuple(sorted({1, max(1, cores // 2), cores}))
    if what == "gateway":
        return [Knob("deployments.ingress.num_replicas", tuple(sorted({2, max(2, cores // 2), max(3, cores)})))]
    knobs = [Knob(f"args.{what}.models.0.options.threads", threads)]
    if what == "llm":
        knobs += [
            Knob("args.llm.models.0.options.parallel", (2, 4, 16)),
            Knob("args.llm.models.0.options.batch_threads", threads),
            Knob("args.llm.models.0.options.batch_tokens", (24, 96)),
            Knob("args.llm.frame_s", (0, 0.03, 0.1)),
        ]
    replicas = Knob(f"deployments.{what}.num_replicas", (1, 2) if cores < 4 else (1, 2, cores // 2))
    return [*knobs, Knob(f"deployments.{what}.max_ongoing_requests", (4, 8, 16)), replicas]


def with_setting(document: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    """A configuration in which these paths have these values; a number of replicas takes the place of autoscaling.

    Raises:
        InvalidRequest: A path leads nowhere.
    """
    changed = copy.deepcopy(dict(document))
    for path, value in setting:
        words = path.split(".")
        here = _walk(changed["applications"][0], words[:-1], path)
        if not isinstance(here, dict):
            raise InvalidRequest(f"'{path}' leads to no mapping of the first application.", "knob")
        here[words[-1]] = value
        if words[-1] == "num_replicas":
            here.pop("autoscaling_config", None)
    return changed


def value_at(document: Mapping[str, Any], path: str) -> Value:
    """What the configuration has there; None where it has nothing.

    Raises:
        InvalidRequest: The path leads nowhere.
    """
    words = path.split(".")
    here = _walk(copy.deepcopy(document["applications"][0]), words[:-1], path)
    found: Value = here.get(words[-1]) if isinstance(here, dict) else None
    return found


def describe(setting: Setting) -> str:
    """Short, for a table and a plot."""
    return ", ".join(f"{_short(path)}={value}" for path, value in setting) or "as configured"


def _short(path: str) -> str:
    words = [word for word in path.split(".") if word not in ("args", "deployments", "models", "options", "0")]
    return ".".join(words)


def _walk(here: Any, words: Sequence[str], path: str) -> Any:
    for word in words:
        if isinstance(here, dict):
            here = here.setdefault(word, {}) if word == "options" else here.get(word)
        elif isinstance(here, list) and word.isdecimal() and int(word) < len(here):
            here = here[int(word)]
        elif isinstance(here, list):
            here = next((entry for entry in here if isinstance(entry, dict) and entry.get("name") == word), None)
        else:
            here = None
        if here is None:
            raise InvalidRequest(f"'{path}': there is no '{word}' in the first application.", "knob")
    return here
