"""Form fields checked against a model, and their description in OpenAPI."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from smartlite.api.forms import check_fields, form_openapi
from smartlite.errors import InvalidRequest, InvalidType, MissingParameter


class Fields(BaseModel):
    model: str
    temperature: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    stream: bool = False
    language: Annotated[str, Field(max_length=9)] | None = None
    kinds: tuple[Literal["word", "segment"], ...] = ()


def test_text_is_read_as_the_type_of_its_field() -> None:
    sent = {"model": ("m",), "temperature": ("0.5",), "stream": ("true",), "kinds": ("word", "segment")}
    assert check_fields(sent, Fields) == Fields(model="m", temperature=0.5, stream=True, kinds=("word", "segment"))


def test_unknown_fields_are_ignored() -> None:
    assert check_fields({"model": ("m",), "chunking_strategy": ("auto",)}, Fields) == Fields(model="m")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(MissingParameter) as caught:
        check_fields({}, Fields)
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("temperature", ("abc",), InvalidType),
        ("temperature", ("nan",), InvalidRequest),
        ("temperature", ("inf",), InvalidRequest),
        ("temperature", ("1.5",), InvalidRequest),
        ("temperature", ("-0.1",), InvalidRequest),
        ("stream", ("perhaps",), InvalidType),
        ("kinds", ("syllable",), InvalidRequest),
        ("model", ("a", "b"), InvalidRequest),
    ],
)
def test_a_value_that_is_not_allowed_is_told_with_its_field(
    name: str, values: tuple[str, ...], expected: type[InvalidRequest]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_fields({"model": ("m",)} | {name: values}, Fields)
    assert type(caught.value) is expected
    assert (caught.value.param or "").startswith(name)
    assert all(value not in caught.value.message for value in values if len(value) > 2)


class Inner(BaseModel):
    type: Literal["box"]
    size: Annotated[int, Field(ge=0)] = 3


class Outer(BaseModel):
    shape: Literal["auto"] | Inner | None = None


@pytest.mark.parametrize(
    "sent",
    [
        {"shape": (' {"type": "box", "size": 7}',)},
        {"shape[type]": ("box",), "shape[size]": ("7",)},
        {"shape[type]": ("box",), "shape[size]": ("7",), "shape[colour]": ("red", "blue")},
    ],
)
def test_an_object_is_read_from_json_and_from_fields_of_its_own(sent: dict[str, tuple[str, ...]]) -> None:
    assert check_fields(sent, Outer).shape == Inner(type="box", size=7)


def test_another_value_of_a_field_that_may_be_an_object_is_taken_as_it_is() -> None:
    assert check_fields({"shape": ("auto",)}, Outer).shape == "auto"
    assert check_fields({}, Outer).shape is None


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"shape": ('{"type": "box", "size": -1}',)}, "shape.size"),
        ({"shape": ('{"type": "box",',)}, "shape"),
        ({"shape": ('{"size": NaN}',)}, "shape"),
        ({"shape": ("round",)}, "shape"),
        ({"shape[size]": ("7",)}, "shape.type"),
        ({"shape[type]": ("box", "box")}, "shape.type"),
        ({"shape": ("auto",), "shape[type]": ("box",)}, "shape"),
    ],
)
def test_what_is_wrong_inside_an_object_is_named(sent: dict[str, tuple[str, ...]], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_fields(sent, Outer)
    assert caught.value.param == param


def test_openapi_has_an_object_in_its_place_and_no_null() -> None:
    content = form_openapi(Outer, "A recording.")["requestBody"]["content"]["multipart/form-data"]
    kinds = content["schema"]["properties"]["shape"]["anyOf"]
    assert [kind.get("type") for kind in kinds] == ["string", "object"]
    assert set(kinds[1]["properties"]) == {"type", "size"}


def test_openapi_has_the_file_every_field_and_repeated_lists() -> None:
    content = form_openapi(Fields, "A recording.")["requestBody"]["content"]["multipart/form-data"]
    assert content["schema"]["required"] == ["file", "model"]
    assert set(content["schema"]["properties"]) == {"file", *Fields.model_fields}
    assert content["schema"]["properties"]["file"]["format"] == "binary"
    assert content["schema"]["properties"]["language"] == {"type": "string", "maxLength": 9}
    assert content["encoding"] == {"kinds": {"style": "form", "explode": True}}
