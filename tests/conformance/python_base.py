"""Cells of the official Python client, in strict response validation: base, events, embeddings, responses."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import openai
import pytest
from openai import OpenAI

from tests.conformance.context import (
    EMBEDDING,
    LLM,
    NO_DELETING,
    NO_IDENTITY,
    NOT_KEPT,
    SCHEMA,
    WEATHER,
    Cell,
    Context,
)


@contextmanager
def client_of(context: Context, strict: bool = True) -> Iterator[OpenAI]:
    """The client; where it is strict, it raises when an answer is not as its types say."""
    with OpenAI(
        base_url=f"{context.url}/v1", api_key="unused", max_retries=0, timeout=100, _strict_response_validation=strict
    ) as client:
        yield client


def ask(client: OpenAI, text: str = "Say hello.", **options: Any) -> Any:
    """A short greedy chat."""
    options = {"model": LLM, "temperature": 0, "max_completion_tokens": 24} | options
    return client.chat.completions.create(messages=[{"role": "user", "content": text}], **options)


def models_list(context: Context) -> None:
    with client_of(context) as client:
        names = {model.id for model in client.models.list()}
    assert {"whisper-1", "tts-1", LLM} <= names


def models_retrieve(context: Context) -> None:
    with client_of(context) as client:
        assert [client.models.retrieve(name).id for name in ("whisper-1", LLM)] == ["whisper-1", LLM]


def error_not_found(context: Context) -> None:
    with client_of(context) as client, pytest.raises(openai.NotFoundError) as caught:
        ask(client, model="no/such-model")
    assert caught.value.code == "model_not_found"


def error_bad_request(context: Context) -> None:
    with client_of(context) as client, pytest.raises(openai.BadRequestError) as caught:
        ask(client, temperature=3)
    assert caught.value.param == "temperature"


def error_unprocessable(context: Context) -> None:
    with client_of(context) as client, pytest.raises(openai.UnprocessableEntityError):
        client.audio.transcriptions.create(model="whisper-1", file=("x.wav", b"RIFF\x24\0\0\0WAVE"))


def error_too_large(context: Context) -> None:
    with client_of(context) as client, pytest.raises(openai.APIStatusError) as caught:
        client.audio.transcriptions.create(model="whisper-1", file=("x.wav", bytes(26 * 1024 * 1024)))
    assert caught.value.status_code == 413


def request_id(context: Context) -> None:
    with client_of(context) as client:
        assert ask(client)._request_id


def processing_ms(context: Context) -> None:
    with client_of(context) as client:
        headers = client.models.with_raw_response.list().headers
    assert float(headers["openai-processing-ms"]) >= 0
    assert headers["openai-version"] == "2020-10-01"


def unknown_fields(context: Context) -> None:
    with client_of(context) as client:
        assert ask(client, extra_body={"no_such_field": {"x": 1}}).choices


def idempotency_key(context: Context) -> None:
    with client_of(context) as client:
        assert ask(client, extra_headers={"Idempotency-Key": "conformance-1"}).choices


def stream_ends(context: Context) -> None:
    with client_of(context) as client:
        chunks = list(ask(client, stream=True))
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def stream_cancelled(context: Context) -> None:
    with client_of(context) as client:
        stream = ask(client, "Tell me a long story.", stream=True, max_completion_tokens=400)
        next(iter(stream))
        stream.close()
        assert ask(client).choices[0].message.content


def embeddings(context: Context) -> None:
    # Not strict: the client's own type of a vector is a list of floats, and by default it asks for base64.
    with client_of(context, strict=False) as client:
        answer = client.embeddings.create(model=EMBEDDING, input="A house by the sea.")
    assert answer.usage.prompt_tokens > 0
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1, abs=1e-3)


def embeddings_float(context: Context) -> None:
    with client_of(context) as client:
        answer = client.embeddings.create(model=EMBEDDING, input="A house.", encoding_format="float")
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1, abs=1e-3)


def embeddings_many(context: Context) -> None:
    with client_of(context) as client:
        answer = client.embeddings.create(model=EMBEDDING, input=["One.", "Two.", "One."], encoding_format="float")
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert answer.data[0].embedding == pytest.approx(answer.data[2].embedding, abs=1e-3)


def responses(context: Context) -> None:
    with client_of(context) as client:
        answer = client.responses.create(model=LLM, input="Say hello.", temperature=0, max_output_tokens=64)
    assert answer.output_text
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def responses_items(context: Context) -> None:
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "My name is Ada."}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello Ada."}]},
        {"role": "user", "content": "Say hello."},
    ]
    with client_of(context) as client:
        answer = client.responses.create(model=LLM, instructions="Be brief.", input=items, max_output_tokens=32)
    assert answer.output_text


def responses_stream(context: Context) -> None:
    with client_of(context) as client, client.responses.stream(model=LLM, input="Say hello.", temperature=0) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_response()
    assert events[0] == "response.created"
    assert events[-1] == "response.completed"
    assert "response.output_text.delta" in events
    assert final.output_text


def responses_incomplete(context: Context) -> None:
    with client_of(context) as client:
        answer = client.responses.create(model=LLM, input="Tell me a long story.", max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"


def responses_json_schema(context: Context) -> None:
    form: Any = {"format": {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}}
    with client_of(context) as client:
        answer = client.responses.create(model=LLM, input="The weather in Rome, as JSON.", text=form)
    assert '"city"' in answer.output_text


def responses_tools(context: Context) -> None:
    tool: Any = {"type": "function", "strict": True} | WEATHER["function"]  # type: ignore[operator]
    with client_of(context) as client:
        answer = client.responses.create(
            model=LLM, input="How is the weather in Rome?", tools=[tool], tool_choice="required", temperature=0
        )
    calls = [item for item in answer.output if item.type == "function_call"]
    assert calls[0].name == "get_weather"


CELLS: Final[dict[str, Cell | str]] = {
    "models_list": models_list,
    "models_retrieve": models_retrieve,
    "models_delete": NO_DELETING,
    "error_not_found": error_not_found,
    "error_bad_request": error_bad_request,
    "error_unprocessable": error_unprocessable,
    "error_too_large": error_too_large,
    "request_id": request_id,
    "processing_ms": processing_ms,
    "unknown_fields": unknown_fields,
    "idempotency_key": idempotency_key,
    "authentication": NO_IDENTITY,
    "rate_limit_headers": NO_IDENTITY,
    "stream_ends": stream_ends,
    "stream_cancelled": stream_cancelled,
    "embeddings": embeddings,
    "embeddings_float": embeddings_float,
    "embeddings_many": embeddings_many,
    "responses": responses,
    "responses_items": responses_items,
    "responses_stream": responses_stream,
    "responses_incomplete": responses_incomplete,
    "responses_json_schema": responses_json_schema,
    "responses_tools": responses_tools,
    "responses_stored": NOT_KEPT,
}
