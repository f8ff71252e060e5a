"""The wire format of ``/v1/files``, as OpenAI has it. Must not know routes or how anything is kept."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.files import MAX_EXPIRY_S, MIN_EXPIRY_S, StoredFile

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]


class ExpiresAfter(BaseModel):
    """When a file goes."""

    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=MIN_EXPIRY_S, le=MAX_EXPIRY_S)] = Field(description="1 hour to 30 days.")


class FileForm(BaseModel):
    """The fields of the form of `POST /v1/files`, beside its file."""

    purpose: Purpose = Field(
        description="What it is for: `batch` for the input of a batch; recordings for its lines are `user_data`.",
        examples=["batch"],
    )
    expires_after: ExpiresAfter | None = Field(
        None, description="By default a file for a batch goes after 30 days, and others stay."
    )


class FileObject(BaseModel):
    """A file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "file_0199f7c0d1a27000a1b2c3d4e5f60718",
                "object": "file",
                "bytes": 12345,
                "created_at": 1782907200,
                "expires_at": 1785499200,
                "filename": "requests.jsonl",
                "purpose": "batch",
                "status": "processed",
                "status_details": None,
            }
        }
    )

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int = Field(description="Unix time in seconds.")
    expires_at: int | None = Field(description="Likewise; null: it stays.")
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    status_details: str | None = None

    @classmethod
    def of(cls, file: StoredFile) -> Self:
        """From what is known of it."""
        return cls(
            id=file.id,
            bytes=file.size_bytes,
            created_at=int(file.created_at.timestamp()),
            expires_at=None if file.expires_at is None else int(file.expires_at.timestamp()),
            filename=file.filename,
            purpose=str(file.purpose),
        )


class FileList(BaseModel):
    """A part of the files."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None = Field(description="What to send as `after` for what follows.")
    has_more: bool


class FileDeleted(BaseModel):
    """What is left of a file."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True
