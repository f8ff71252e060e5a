"""Wire format of prompts and their versions. Must not know routes or how anything is kept."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from smartlite.domain.llm import Message
from smartlite.domain.prompts import (
    MAX_EXAMPLES,
    MAX_VARIABLES,
    NAME_PATTERN,
    VARIABLE_PATTERN,
    Example,
    Prompt,
    PromptTemplate,
    PromptVersion,
    Variable,
    VariableType,
)
from smartlite.jobs.prompts import template_of
from smartlite.pipeline.spec.templates import MAX_TEMPLATE_CHARACTERS

_NEXT: Final = "What to send as `after` for what follows; null at the end."
_Text = Annotated[str, Field(max_length=MAX_TEMPLATE_CHARACTERS, description="A Jinja template.")]
_Description = Annotated[str, Field(max_length=1024)]
PromptName = Annotated[str, Field(pattern=NAME_PATTERN, description="Lower-case letters, digits and hyphens.")]
VariableName = Annotated[str, StringConstraints(pattern=VARIABLE_PATTERN)]


class VariableBody(BaseModel):
    """A value that whoever uses the prompt gives."""

    model_config = ConfigDict(extra="forbid")

    type: VariableType
    required: bool = True
    default: JsonValue = Field(None, description="Taken where it is not required and absent.")
    description: _Description = ""


class ExampleBody(BaseModel):
    """A turn that shows the model how to answer."""

    model_config = ConfigDict(extra="forbid")

    user: _Text
    assistant: _Text


class TemplateBody(BaseModel):
    """What a prompt says; every text is a template."""

    model_config = ConfigDict(extra="forbid")

    description: _Description = ""
    variables: dict[VariableName, VariableBody] = Field(default_factory=dict, max_length=MAX_VARIABLES)
    system: _Text | None = None
    examples: list[ExampleBody] = Field(default_factory=list, max_length=MAX_EXAMPLES)
    user: _Text | None = None
    assistant: _Text | None = Field(None, description="What the assistant is taken to have said last.")

    def template(self) -> PromptTemplate:
        """As the domain has it."""
        return PromptTemplate(
            self.description,
            {name: Variable(**each.model_dump()) for name, each in self.variables.items()},
            self.system,
            tuple(Example(each.user, each.assistant) for each in self.examples),
            self.user,
            self.assistant,
        )


class NewPrompt(TemplateBody):
    """Body of `POST /v1/prompts`."""

    name: PromptName


class NewPromptVersion(TemplateBody):
    """Body of `PUT /v1/prompts/{prompt}`."""

    name: PromptName | None = Field(None, description="May be left out, and not be another one.")


class LatestPromptVersion(BaseModel):
    """Body of `POST /v1/prompts/{prompt}/latest`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 1}})

    version: Annotated[int, Field(ge=1, le=999_999_999)]


class RenderRequest(BaseModel):
    """Body of `POST /v1/prompts/{prompt}/render`."""

    model_config = ConfigDict(extra="forbid")

    variables: dict[str, JsonValue] = Field(default_factory=dict, description="Values by name.")
    version: Annotated[int, Field(ge=1, le=999_999_999, description="The latest when absent.")] | None = None


class PromptObject(BaseModel):
    """A name for versions of a template."""

    id: str
    object: Literal["prompt"] = "prompt"
    name: str
    owner_id: str | None
    organization_id: str | None
    latest: int = Field(description="The version that is meant where none is named.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, prompt: Prompt) -> Self:
        """From the row."""
        return cls(
            id=prompt.id,
            name=prompt.name,
            owner_id=prompt.owner_id or None,
            organization_id=prompt.organization_id,
            latest=prompt.latest,
            created_at=prompt.created_at,
            updated_at=prompt.updated_at,
        )


class PromptList(BaseModel):
    """A part of the prompts."""

    object: Literal["list"] = "list"
    data: list[PromptObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class TemplatePart(BaseModel):
    """What a version says."""

    description: str
    variables: dict[str, VariableBody]
    system: str | None
    examples: list[ExampleBody]
    user: str | None
    assistant: str | None


class PromptDetail(PromptObject):
    """A prompt with what its latest version says."""

    template: TemplatePart

    @classmethod
    def with_version(cls, prompt: Prompt, version: PromptVersion) -> Self:
        """From the rows."""
        return cls(**PromptObject.of(prompt).model_dump(), template=_part(version))


class PromptVersionObject(BaseModel):
    """A version, without its template."""

    object: Literal["prompt.version"] = "prompt.version"
    prompt_id: str
    prompt: str
    version: int
    is_latest: bool
    sha256: str
    created_at: datetime
    created_by: str | None

    @classmethod
    def of(cls, prompt: Prompt, version: PromptVersion) -> Self:
        """From the rows."""
        return cls(
            prompt_id=prompt.id,
            prompt=prompt.name,
            version=version.version,
            is_latest=version.version == prompt.latest,
            sha256=version.sha256,
            created_at=version.created_at,
            created_by=version.created_by or None,
        )


class PromptVersionDetail(PromptVersionObject):
    """A version with its template."""

    template: TemplatePart

    @classmethod
    def with_template(cls, prompt: Prompt, version: PromptVersion) -> Self:
        """From the rows."""
        return cls(**PromptVersionObject.of(prompt, version).model_dump(), template=_part(version))


class PromptVersionList(BaseModel):
    """A part of the versions."""

    object: Literal["list"] = "list"
    data: list[PromptVersionObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class PromptDiff(BaseModel):
    """What is different between two versions."""

    object: Literal["prompt.diff"] = "prompt.diff"
    prompt_id: str
    from_version: int
    to_version: int
    text: str = Field(description="A unified diff of the templates as JSON; empty where they are equal.")


class RenderedMessage(BaseModel):
    """A message of a filled prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class RenderedPrompt(BaseModel):
    """A prompt with its variables in it."""

    object: Literal["prompt.rendered"] = "prompt.rendered"
    prompt_id: str
    version: int
    messages: list[RenderedMessage]

    @classmethod
    def of(cls, version: PromptVersion, messages: tuple[Message, ...]) -> Self:
        """From what was filled."""
        told: list[Any] = [{"role": each.role, "content": each.content} for each in messages]
        return cls(prompt_id=version.prompt_id, version=version.version, messages=told)


def _part(version: PromptVersion) -> TemplatePart:
    return TemplatePart.model_validate(asdict(template_of(version)))
