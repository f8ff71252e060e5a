"""Cells of langchain-openai: chat, tools, structured output, embeddings, responses."""

import base64
import math
from typing import Any, Final, Literal

import httpx2
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from tests.conformance.context import EMBEDDING, LLM, Cell, Context

QUESTION: Final = "How is the weather in Rome?"


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Rome", "Paris"]
    degrees: int


@tool
def get_weather(city: Literal["Rome", "Paris"]) -> str:
    """Tells the weather in a city."""
    return f"Sunny in {city}."


def _http() -> httpx2.Client:
    """Keeps no connection: the library closes none itself."""
    return httpx2.Client(timeout=100, limits=httpx2.Limits(max_keepalive_connections=0))


def model(context: Context, **options: Any) -> ChatOpenAI:
    """The chat model as an application makes it."""
    options = {"temperature": 0, "max_completion_tokens": 64} | options
    return ChatOpenAI(
        model=LLM,
        base_url=f"{context.url}/v1",
        api_key=SecretStr("unused"),
        max_retries=0,
        http_client=_http(),
        **options,
    )


def error_not_found(context: Context) -> None:
    with pytest.raises(openai.NotFoundError):
        model(context, model_kwargs={}).bind(model="no/such-model").invoke("Hello.")


def chat(context: Context) -> None:
    assert model(context).invoke("Say hello.").text


def chat_usage(context: Context) -> None:
    usage = model(context).invoke("Say hello.").usage_metadata
    assert usage
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def chat_stream(context: Context) -> None:
    assert "".join(chunk.text for chunk in model(context).stream("Say hello."))


def chat_stream_usage(context: Context) -> None:
    chunks = list(model(context, stream_usage=True).stream("Say hello."))
    assert any(chunk.usage_metadata for chunk in chunks)


def chat_roles(context: Context) -> None:
    history = [SystemMessage("Be kind."), HumanMessage("Hello."), AIMessage("Hi."), HumanMessage("Goodbye.")]
    assert model(context).invoke(history).text


def chat_parts(context: Context) -> None:
    assert model(context).invoke([HumanMessage([{"type": "text", "text": "Say hello."}])]).text


def chat_max_tokens(context: Context) -> None:
    answer = model(context, max_completion_tokens=5).invoke("Tell me a long story.")
    assert answer.response_metadata["finish_reason"] == "length"


def chat_n(context: Context) -> None:
    result = model(context, n=2, temperature=1).generate([[HumanMessage("Invent a name.")]])
    assert len(result.generations[0]) == 2


def chat_stop(context: Context) -> None:
    assert "," not in model(context).invoke("Count from one to nine, with commas.", stop=[","]).text


def chat_seed(context: Context) -> None:
    first, again = (model(context, temperature=1.5, seed=3).invoke("Invent a name.").text for _ in range(2))
    assert first == again


def chat_penalties(context: Context) -> None:
    assert model(context, presence_penalty=1, frequency_penalty=1).invoke("Say hello.").text


def chat_logprobs(context: Context) -> None:
    answer = model(context, logprobs=True, top_logprobs=2).invoke("Say hello.")
    assert answer.response_metadata["logprobs"]["content"]


def chat_json_object(context: Context) -> None:
    answer = model(context).bind(response_format={"type": "json_object"}).invoke("A JSON object with a key 'x'.")
    assert answer.text.lstrip().startswith("{")


def chat_json_schema(context: Context) -> None:
    structured = model(context, max_completion_tokens=100).with_structured_output(Weather, method="json_schema")
    assert isinstance(structured.invoke("The weather in Rome, as JSON."), Weather)


def chat_parse(context: Context) -> None:
    structured = model(context, max_completion_tokens=200).with_structured_output(Weather, method="function_calling")
    assert isinstance(structured.invoke("The weather in Rome."), Weather)


def _call(context: Context, choice: Any, **options: Any) -> AIMessage:
    bound = model(context, max_completion_tokens=200).bind_tools([get_weather], tool_choice=choice, **options)
    answer = bound.invoke(QUESTION)
    assert answer.tool_calls[0]["name"] == "get_weather"
    assert not answer.invalid_tool_calls
    return answer


def chat_tools_required(context: Context) -> None:
    _call(context, "required")


def chat_tools_named(context: Context) -> None:
    _call(context, "get_weather")


def chat_tools_none(context: Context) -> None:
    answer = model(context).bind_tools([get_weather], tool_choice="none").invoke(QUESTION)
    assert not answer.tool_calls


def chat_tools_auto(context: Context) -> None:
    answer = model(context, max_completion_tokens=200).bind_tools([get_weather]).invoke("Say hello to me.")
    assert bool(answer.text) != bool(answer.tool_calls)


def chat_tools_parallel(context: Context) -> None:
    assert len(_call(context, "required", parallel_tool_calls=False).tool_calls) == 1


def chat_tools_stream(context: Context) -> None:
    bound = model(context, max_completion_tokens=200).bind_tools([get_weather], tool_choice="required")
    whole: Any = None
    for chunk in bound.stream(QUESTION):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls[0]["args"]["city"] in ("Rome", "Paris")


def chat_tools_result(context: Context) -> None:
    asked = _call(context, "required")
    results = [ToolMessage("Sunny, 25 degrees.", tool_call_id=str(call["id"])) for call in asked.tool_calls]
    assert model(context).invoke([HumanMessage(QUESTION), asked, *results]).text


def chat_input_audio(context: Context) -> None:
    data = base64.b64encode(context.question.read_bytes()).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    assert model(context).invoke([HumanMessage([part])]).text


def chat_audio_answer(context: Context) -> None:
    speaking = model(
        context, model_kwargs={"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    )
    audio = speaking.invoke("Say hello.").additional_kwargs["audio"]
    assert base64.b64decode(audio["data"]).startswith(b"RIFF")


def _embeddings(context: Context, **options: Any) -> OpenAIEmbeddings:
    # Without this it sends token ids of OpenAI's own tokenizer.
    return OpenAIEmbeddings(
        model=EMBEDDING,
        base_url=f"{context.url}/v1",
        api_key=SecretStr("unused"),
        check_embedding_ctx_length=False,
        http_client=_http(),
        **options,
    )


def embeddings(context: Context) -> None:
    assert math.hypot(*_embeddings(context).embed_query("A house.")) == pytest.approx(1, abs=1e-3)


def embeddings_float(context: Context) -> None:
    floats = _embeddings(context, model_kwargs={"encoding_format": "float"})
    assert math.hypot(*floats.embed_query("A house.")) == pytest.approx(1, abs=1e-3)


def embeddings_many(context: Context) -> None:
    assert len(_embeddings(context).embed_documents(["One.", "Two."])) == 2


def responses(context: Context) -> None:
    assert model(context, use_responses_api=True).invoke("Say hello.").text


def responses_stream(context: Context) -> None:
    assert "".join(chunk.text for chunk in model(context, use_responses_api=True).stream("Say hello."))


def responses_tools(context: Context) -> None:
    bound = model(context, use_responses_api=True, max_completion_tokens=200).bind_tools(
        [get_weather], tool_choice="required"
    )
    assert bound.invoke(QUESTION).tool_calls


CELLS: Final[dict[str, Cell | str]] = {
    name: cell
    for name, cell in list(globals().items())
    if name.startswith(("error_", "chat", "embeddings", "responses")) and callable(cell)
}
