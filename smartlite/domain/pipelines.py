"""Pipelines: documents that say which steps there are, and runs of them. Must not know how either is kept or run.

A document is what people write (YAML, JSON); the field names here are its own. Values that steps take and give are
JSON; audio and other bytes are a ``MediaRef``, which in JSON is ``{"$media": {...}}``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from smartlite.domain.metering import MeteredUsage

JSON = Any
"""What JSON can hold: dict, list, str, int, float, bool, None."""
ValueType = Literal["string", "number", "integer", "boolean", "object", "array", "audio", "file"]
"""Of an input; ``audio`` and ``file`` are media."""
OnError = Literal["fail", "continue"]
"""Of a step that failed for good: the run fails, or goes on with ``null`` as its output."""
MAX_STEPS: Final = 200
MAX_DOCUMENT_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class InputSpec:
    """An input of a pipeline."""

    type: ValueType
    description: str = ""
    required: bool = True
    default: JSON = None
    """Taken where it is not required and absent."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried."""

    attempts: int = 1
    """In all; 1 to 10."""
    backoff_s: float = 1.0
    """Before the second attempt; doubled before each further one, at most 60 s, with jitter."""
    errors: tuple[str, ...] = ()
    """Codes of errors that are tried again; empty: every error that is not final (see ``is_final``)."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What is tried in a step's place where all its attempts failed."""

    uses: str | None = None
    """Another kind of step; None: the same."""
    with_: Mapping[str, JSON] = field(default_factory=dict)
    """Takes the place of the step's own fields of these names."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a document."""

    id: str
    uses: str
    """Such as ``asr.transcribe``."""
    with_: Mapping[str, JSON] = field(default_factory=dict)
    """Field to value; strings may hold expressions (``${{ ... }}``)."""
    when: str | None = None
    """An expression; the step is skipped where it is false or null."""
    for_each: str | None = None
    """An expression that gives a list; the step runs for each of its items, as ``item`` and ``index``, and gives a
    list."""
    parallel: int = 4
    """So many items at the same time."""
    retry: Retry = Retry()
    timeout_s: float | None = None
    """Of one attempt."""
    fallback: tuple[Fallback, ...] = ()
    """Tried in order."""
    on_error: OnError = "fail"
    needs: tuple[str, ...] = ()
    """Steps that have to end before, though nothing of them is referred to."""
    cache_ttl_s: float | None = None
    """So long its output is taken again for the same work; None: never."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A step reads a text while another one still writes it."""

    source: str
    """The step that writes."""
    field: str
    """Of the step that reads."""
    output: str
    """Name of the text in what the source gives at its end."""
    is_condition: bool = False
    """Whether the step's ``when`` is this text: true as soon as there is some."""


@dataclass(frozen=True, slots=True)
class Document:
    """What somebody wrote, checked."""

    name: str
    """``[a-z][a-z0-9-]{0,62}``"""
    steps: tuple[Step, ...]
    description: str = ""
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    outputs: Mapping[str, JSON] = field(default_factory=dict)
    """Name to value with expressions; empty: the outputs of the steps that nothing else refers to, by step."""
    depends: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Step to the steps that it waits for: ``needs`` and whatever its expressions refer to."""
    streams: Mapping[str, Stream] = field(default_factory=dict)
    """Step to the text that it reads while it is written."""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Path, such as ``steps[2].with.model``, to its line in the text, from 1; for messages."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A name for versions of a document."""

    id: str
    """``pl_...``"""
    name: str
    """One for each owner."""
    owner_id: str
    organization_id: str | None
    latest: int
    """The version that is meant where none is named; may be moved back."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """A document that never changes."""

    pipeline_id: str
    version: int
    """From 1 on."""
    source: str
    """As it was written."""
    sha256: str
    """Of the source, in hexadecimal."""
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class MediaRef:
    """Bytes in the object store."""

    key: str
    """In the tenant's part of the store."""
    content_type: str
    size_bytes: int
    duration_s: float | None = None
    """Of audio."""


class RunState(StrEnum):
    """Of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    """It has its outputs, though a step failed whose ``on_error`` is ``continue``."""
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset(RunState) - {RunState.QUEUED, RunState.RUNNING}
"""States that a run stays in."""


class StepState(StrEnum):
    """Of a step, or of one item of a step."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a step, or a run, failed."""

    code: str
    """Of an error of the platform, such as ``model_not_found``."""
    message: str
    step: str | None = None
    is_final: bool = True
    """Whether trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one version."""

    id: str
    """``run_...``"""
    pipeline_id: str
    pipeline_name: str
    version: int
    user_id: str
    organization_id: str | None
    inputs: Mapping[str, JSON]
    state: RunState
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outputs: Mapping[str, JSON] | None = None
    error: RunError | None = None
    cancel_requested: bool = False
    replay_of: str | None = None
    """The run whose outputs it began with."""
    priority: int = 0
    """Of those that wait, the higher one goes first."""
    key_id: str | None = None
    """The API key that it was asked for with; None: not kept."""
    scopes: frozenset[str] | None = None
    """What that credential granted; None: not kept."""


@dataclass(frozen=True, slots=True)
class StepRun:
    """What became of one step of a run, or of one item of it."""

    run_id: str
    step_id: str
    item: int
    """Of ``for_each``; -1 for the step as a whole."""
    state: StepState
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: JSON = None
    error: RunError | None = None
    output_ref: MediaRef | None = None
    """Where the output is as JSON, if it is larger than what is kept inline."""
    usage: tuple[MeteredUsage, ...] = ()
    """Of models, by all its attempts; not what steps within it used."""
    is_cached: bool = False
    """Whether the output was taken from what the same work gave before."""


@dataclass(frozen=True, slots=True)
class StepAttempt:
    """One attempt of a step, or of one item of it."""

    step_id: str
    item: int
    number: int
    """From 1 on."""
    started_at: datetime
    finished_at: datetime | None = None
    """None while it goes on, and where its worker was lost."""
    error: RunError | None = None
    first_text_at: datetime | None = None
    """When it told the first piece of a text."""
    first_audio_at: datetime | None = None
    """When it had made the first audio."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a run that has no number yet."""

    type: str
    data: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Something that happened in a run; numbered without a gap."""

    run_id: str
    sequence: int
    """From 1 on."""
    at: datetime
    type: str
    """Such as ``run.started``, ``step.delta``, ``step.succeeded``."""
    data: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineQuery:
    """Which runs are wanted."""

    pipeline_id: str | None = None
    user_id: str | None = None
    organization_id: str | None = None
    states: Sequence[RunState] = ()
    since: datetime | None = None
    until: datetime | None = None
