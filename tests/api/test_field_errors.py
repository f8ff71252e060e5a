"""Pydantic's findings in OpenAI's words."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smartlite.api.field_errors import error_of_fields
from smartlite.errors import InvalidRequest, InvalidType, MissingParameter, SmartLiteError, UnsupportedParameter


class VoiceByID(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(min_length=1)]


class Body(BaseModel):
    voice: str | VoiceByID
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    format: Literal["mp3", "wav"] = "mp3"
    tags: list[dict[str, int]] = []


def error_of(data: object) -> SmartLiteError:
    try:
        Body.model_validate(data, strict=True)
    except ValidationError as error:
        return error_of_fields(error.errors(), data)
    pytest.fail("the data is valid")


@pytest.mark.parametrize(
    ("data", "error_class", "message", "param"),
    [
        ({}, MissingParameter, "Missing required parameter: 'voice'.", "voice"),
        (
            {"voice": 5},
            InvalidType,
            "Invalid type for 'voice': expected a string or an object, but got an integer.",
            "voice",
        ),
        ({"voice": {}}, MissingParameter, "Missing required parameter: 'voice.id'.", "voice.id"),
        (
            {"voice": {"id": None}},
            InvalidType,
            "Invalid type for 'voice.id': expected a string, but got null.",
            "voice.id",
        ),
        ({"voice": {"id": "a", "x": 1}}, UnsupportedParameter, "Unknown parameter: 'voice.x'.", "voice.x"),
        (
            {"voice": "a", "speed": 5.0},
            InvalidRequest,
            "Invalid value for 'speed': input should be less than or equal to 4.",
            "speed",
        ),
        (
            {"voice": "a", "format": "s3cr3t"},
            InvalidRequest,
            "Invalid value for 'format': input should be 'mp3' or 'wav'.",
            "format",
        ),
        (
            {"voice": "a", "tags": [{}, {"a": 1, "b": [2]}]},
            InvalidType,
            "Invalid type for 'tags[1].b': expected an integer, but got an array.",
            "tags[1].b",
        ),
        ([], InvalidType, "Invalid type for the request body: expected an object, but got an array.", None),
    ],
)
def test_one_field_is_named_with_what_was_wrong_and_what_is_allowed(
    data: object, error_class: type[SmartLiteError], message: str, param: str | None
) -> None:
    error = error_of(data)
    assert type(error) is error_class
    assert (error.message, error.param) == (message, param)


def test_of_several_wrong_fields_the_first_of_the_schema_is_told() -> None:
    assert error_of({"speed": 9.0, "format": "x"}).param == "voice"
