"""Wire format of pipelines and their versions. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.pipelines import Document, Pipeline, PipelineVersion, ValueType
from smartlite.jobs.pipelines import is_built_in

_NEXT = "What to send as `after` for what follows; null at the end."


class PipelineObject(BaseModel):
    """A name for versions of a document."""

    id: str
    object: Literal["pipeline"] = "pipeline"
    name: str
    is_built_in: bool = Field(description="Whether it ships with the platform: everybody's, and never changed.")
    owner_id: str | None
    organization_id: str | None
    latest: int = Field(description="The version that is meant where none is named.")
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, pipeline: Pipeline) -> Self:
        """From the row, or from what ships."""
        ships = is_built_in(pipeline.id)
        return cls(
            id=pipeline.id,
            name=pipeline.name,
            is_built_in=ships,
            owner_id=pipeline.owner_id or None,
            organization_id=pipeline.organization_id,
            latest=pipeline.latest,
            created_at=None if ships else pipeline.created_at,
            updated_at=None if ships else pipeline.updated_at,
        )


class PipelineList(BaseModel):
    """A part of the pipelines."""

    object: Literal["list"] = "list"
    data: list[PipelineObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class InputObject(BaseModel):
    """An input of a pipeline."""

    type: ValueType
    description: str
    required: bool
    default: Any = None


class StepOutline(BaseModel):
    """A step of a document."""

    id: str
    uses: str
    waits_for: list[str]


class PipelineDetail(PipelineObject):
    """A pipeline with what its latest version takes and does."""

    description: str
    inputs: dict[str, InputObject]
    steps: list[StepOutline]
    outputs: list[str]

    @classmethod
    def with_document(cls, pipeline: Pipeline, document: Document) -> Self:
        """From the row, and what its latest version says."""
        return cls(
            **PipelineObject.of(pipeline).model_dump(),
            description=document.description,
            inputs={
                name: InputObject(
                    type=spec.type, description=spec.description, required=spec.required, default=spec.default
                )
                for name, spec in document.inputs.items()
            },
            steps=[
                StepOutline(id=step.id, uses=step.uses, waits_for=sorted(document.depends.get(step.id, ())))
                for step in document.steps
            ],
            outputs=list(document.outputs),
        )


class VersionObject(BaseModel):
    """A version, without its document."""

    object: Literal["pipeline.version"] = "pipeline.version"
    pipeline_id: str
    pipeline: str
    version: int
    is_latest: bool
    sha256: str = Field(description="Of the document's text.")
    created_at: datetime | None
    created_by: str | None

    @classmethod
    def of(cls, pipeline: Pipeline, version: PipelineVersion) -> Self:
        """From the row."""
        return cls(
            pipeline_id=pipeline.id,
            pipeline=pipeline.name,
            version=version.version,
            is_latest=version.version == pipeline.latest,
            sha256=version.sha256,
            created_at=None if is_built_in(pipeline.id) else version.created_at,
            created_by=version.created_by or None,
        )


class VersionDetail(VersionObject):
    """A version with its document."""

    source: str = Field(description="As it was written.")

    @classmethod
    def with_source(cls, pipeline: Pipeline, version: PipelineVersion) -> Self:
        """From the row."""
        return cls(**VersionObject.of(pipeline, version).model_dump(), source=version.source)


class VersionList(BaseModel):
    """A part of the versions."""

    object: Literal["list"] = "list"
    data: list[VersionObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class NewLatest(BaseModel):
    """Body of `POST /v1/pipelines/{pipeline}/latest`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 1}, "required": ["version"]})

    version: Annotated[int, Field(ge=1, le=999_999_999)]


class ChangedNames(BaseModel):
    """What became of steps, inputs or outputs."""

    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]] = Field(description="Name to the fields of it that are different.")


class DiffObject(BaseModel):
    """What is different between two versions."""

    model_config = ConfigDict(populate_by_name=True)

    object: Literal["pipeline.diff"] = "pipeline.diff"
    pipeline_id: str
    from_version: int
    to_version: int
    text: str = Field(description="A unified diff; empty where the texts are equal.")
    description_changed: bool
    steps: ChangedNames
    inputs: ChangedNames
    outputs: ChangedNames
