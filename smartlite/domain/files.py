"""Files that users keep: what they are for, and until when. Must not know where their bytes are."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

MIN_EXPIRY_S: Final = 3600
MAX_EXPIRY_S: Final = 30 * 24 * 3600
"""OpenAI's bounds of ``expires_after.seconds``."""
BATCH_EXPIRY_S: Final = MAX_EXPIRY_S
"""Of a file for a batch, where nothing else is said; other files are kept until somebody deletes them."""


class FilePurpose(StrEnum):
    """What a file is for, in OpenAI's words."""

    ASSISTANTS = "assistants"
    BATCH = "batch"
    BATCH_OUTPUT = "batch_output"
    """The platform's own answers; nobody uploads one."""
    FINE_TUNE = "fine-tune"
    VISION = "vision"
    USER_DATA = "user_data"
    EVALS = "evals"


UPLOADED: Final = tuple(purpose for purpose in FilePurpose if purpose is not FilePurpose.BATCH_OUTPUT)
"""What somebody may say of a file of theirs."""


class FileState(StrEnum):
    """Of the bytes."""

    UPLOADING = "uploading"
    READY = "ready"
    DELETED = "deleted"
    """Nobody sees it any more; its bytes may still be there."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file."""

    id: str
    """``file_...``"""
    owner_id: str
    """Empty where nobody has to say who they are."""
    organization_id: str | None
    filename: str
    content_type: str
    """As its sender says; empty where it is not said."""
    purpose: FilePurpose
    size_bytes: int
    part_bytes: int
    """It is kept in parts of so many bytes, the last one shorter."""
    created_at: datetime
    expires_at: datetime | None = None
    """None: it stays."""


@dataclass(frozen=True, slots=True)
class FileQuery:
    """Which files are wanted."""

    owner_id: str | None = None
    organization_id: str | None = None
    purpose: str | None = None
    oldest_first: bool = False
