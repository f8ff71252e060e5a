"""Prompt templates: texts with typed variables, kept in versions. Must not know how they are kept or filled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from smartlite.domain.llm import Message
from smartlite.domain.pipelines import JSON

VariableType = Literal["string", "number", "integer", "boolean", "array", "object"]
MAX_VARIABLES: Final = 100
MAX_EXAMPLES: Final = 50
MAX_FILLED_CHARACTERS: Final = 256 * 1024
"""Of all messages of a prompt together."""
NAME_PATTERN: Final = r"^[a-z][a-z0-9-]{0,62}$"
"""Of a prompt."""
VARIABLE_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that whoever uses a prompt gives."""

    type: VariableType
    required: bool = True
    default: JSON = None
    """Taken where it is not required and absent."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A turn that shows the model how to answer; both are templates."""

    user: str
    assistant: str


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """What somebody wrote; every text is a template."""

    description: str = ""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    system: str | None = None
    examples: tuple[Example, ...] = ()
    user: str | None = None
    assistant: str | None = None
    """What the assistant is taken to have said last."""


@dataclass(frozen=True, slots=True)
class FilledPrompt:
    """The messages of a prompt with its variables in them."""

    frame: tuple[Message, ...]
    """What comes before a conversation: the system message, the examples."""
    turn: tuple[Message, ...]
    """What is a part of it: the user's message, the assistant's."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of them, in order."""
        return self.frame + self.turn


@dataclass(frozen=True, slots=True)
class Prompt:
    """A name for versions of a template."""

    id: str
    """``pmt_...``"""
    name: str
    """One for each owner."""
    owner_id: str
    organization_id: str | None
    latest: int
    """The version that is meant where none is named; may be moved back."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """A template that never changes."""

    prompt_id: str
    version: int
    """From 1 on."""
    source: str
    """The template as JSON; equal templates have equal texts."""
    sha256: str
    """Of the source, in hexadecimal."""
    created_at: datetime
    created_by: str
