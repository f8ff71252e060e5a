"""From the fields of a chat request to the domain's options, and a refusal of fields that contradict each other.

Must not know HTTP, nor what one engine can do: that is said by the engine.
"""

from typing import Final

from smartlite.api.chat.json_schemas import SchemaGate
from smartlite.api.chat.tools import choose_of_chat, define_tools
from smartlite.api.schemas.chat_request import ChatCompletionRequest
from smartlite.api.schemas.chat_tools import ResponseFormat
from smartlite.domain.llm import ChatOptions
from smartlite.errors import InvalidRequest, MissingParameter, UnsupportedParameter

MAX_BIASES: Final = 300
_MAX_TOKEN_ID_DIGITS: Final = 9
_CHARACTERS_PER_TOKEN: Final = 4
"""Of English, about."""

ANY_OBJECT: Final = {"type": "object"}


def read_options(body: ChatCompletionRequest, max_choices: int, max_speech_characters: int) -> ChatOptions:
    """Translate the fields of a checked body.

    Args:
        body: What was asked.
        max_choices: The most that ``n`` may be.
        max_speech_characters: About the longest answer that is spoken.

    Raises:
        UnsupportedParameter: 400, an old name, or a combination that does not exist.
        InvalidRequest: 400, a value that is not allowed, or two fields contradict each other.
    """
    _refuse_old_names(body)
    _check_pairs(body)
    if (body.n or 1) > max_choices:
        raise InvalidRequest(f"'n' must be at most {max_choices} on this server.", "n")
    gate = SchemaGate()
    tools = define_tools([tool.function for tool in body.tools or []], "tools[{}].function", gate)
    chosen, mode, name = choose_of_chat(tools, body.tool_choice)
    max_tokens = body.max_completion_tokens or body.max_tokens
    if body.audio is not None:
        _check_spoken(body)
        longest = max(1, max_speech_characters // _CHARACTERS_PER_TOKEN)
        max_tokens = min(max_tokens or longest, longest)
    return ChatOptions(
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        max_tokens=max_tokens,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        seed=body.seed,
        presence_penalty=body.presence_penalty or 0.0,
        frequency_penalty=body.frequency_penalty or 0.0,
        logit_bias=_biases(body.logit_bias or {}),
        logprobs=bool(body.logprobs),
        top_logprobs=body.top_logprobs or 0,
        json_schema=_schema(body.response_format, gate),
        tools=chosen,
        tool_mode=mode,
        tool_name=name,
        parallel_tool_calls=body.parallel_tool_calls is not False,
    )


def _refuse_old_names(body: ChatCompletionRequest) -> None:
    for old, value, new in (
        ("functions", body.functions, "tools"),
        ("function_call", body.function_call, "tool_choice"),
    ):
        if value:
            raise UnsupportedParameter(f"Unsupported parameter: '{old}' is the old name of '{new}'; send that.", old)


def _check_pairs(body: ChatCompletionRequest) -> None:
    if body.stream_options is not None and not body.stream:
        raise InvalidRequest("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    if body.max_tokens is not None and body.max_completion_tokens not in {None, body.max_tokens}:
        raise InvalidRequest("'max_tokens' and 'max_completion_tokens' differ; send only the second.", "max_tokens")
    if body.top_logprobs is not None and not body.logprobs:
        raise InvalidRequest("'top_logprobs' is only allowed when 'logprobs' is true.", "top_logprobs")
    spoken = "audio" in (body.modalities or ())
    if spoken and body.modalities is not None and "text" not in body.modalities:
        raise InvalidRequest('\'modalities\' must be ["text"] or ["text", "audio"].', "modalities")
    if spoken and body.audio is None:
        raise MissingParameter("Missing required parameter: 'audio', since 'modalities' holds 'audio'.", "audio")
    if body.audio is not None and not spoken:
        raise InvalidRequest("'audio' is only allowed when 'modalities' holds 'audio'.", "audio")


def _check_spoken(body: ChatCompletionRequest) -> None:
    for param, is_fine, rule in (
        ("n", body.n in {None, 1}, "1"),
        ("logprobs", not body.logprobs, "false"),
        ("response_format", body.response_format is None or body.response_format.type == "text", "of the type 'text'"),
        ("audio.format", not body.stream or (body.audio and body.audio.format == "pcm16"), "'pcm16' in a stream"),
    ):
        if not is_fine:
            raise UnsupportedParameter(
                f"Unsupported value: '{param}' must be {rule} where the answer is spoken.", param
            )


def _biases(biases: dict[str, float]) -> tuple[tuple[int, float], ...]:
    if len(biases) > MAX_BIASES:
        raise InvalidRequest(f"'logit_bias' has {len(biases)} entries; at most {MAX_BIASES} are allowed.", "logit_bias")
    for token, bias in biases.items():
        if not (token.isascii() and token.isdecimal() and len(token) <= _MAX_TOKEN_ID_DIGITS):
            raise InvalidRequest("Every key of 'logit_bias' must be a token id: digits only, at most 9.", "logit_bias")
        if not -100 <= bias <= 100:
            raise InvalidRequest("Every value of 'logit_bias' must be between -100 and 100.", "logit_bias")
    return tuple((int(token), bias) for token, bias in biases.items())


def _schema(form: ResponseFormat | None, gate: SchemaGate) -> dict[str, object] | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return dict(ANY_OBJECT)
    param = "response_format.json_schema"
    if form.json_schema is None:
        raise MissingParameter(f"Missing required parameter: '{param}'.", param)
    schema: dict[str, object] = dict(form.json_schema.schema_ or ANY_OBJECT)
    gate.check(schema, f"{param}.schema")
    return schema
