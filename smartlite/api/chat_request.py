"""From OpenAI's chat request to the domain's, and a clear refusal of what the models served here cannot do.

Must not know HTTP.
"""

from smartlite.api.schemas.chat import ChatCompletionRequest, ChatMessage
from smartlite.domain.llm import ChatOptions, ChatRequest, Message, Role
from smartlite.errors import InvalidRequest, MissingParameter, UnsupportedParameter


def to_domain(body: ChatCompletionRequest, model: str) -> ChatRequest:
    """Translate a checked body for the served model ``model``.

    Raises:
        UnsupportedParameter: 400, a field asks for something that no model here can do.
        MissingParameter: 400, a message or a part without its text.
        InvalidRequest: 400, two fields contradict each other.
    """
    _refuse_unsupported(body)
    if body.stream_options is not None and not body.stream:
        raise InvalidRequest("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    if body.max_tokens is not None and body.max_completion_tokens not in {None, body.max_tokens}:
        raise InvalidRequest("'max_tokens' and 'max_completion_tokens' differ; send only the second.", "max_tokens")
    options = ChatOptions(
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        seed=body.seed,
    )
    messages = tuple(_message(message, f"messages[{index}]") for index, message in enumerate(body.messages))
    return ChatRequest(model=model, messages=messages, options=options)


def _refuse_unsupported(body: ChatCompletionRequest) -> None:
    checks = (
        ("n", body.n in {None, 1}, "1"),
        ("tools", not body.tools, "empty"),
        ("functions", not body.functions, "empty"),
        ("tool_choice", body.tool_choice is None or body.tool_choice in ("none", "auto"), "'none' or 'auto'"),
        ("logprobs", not body.logprobs, "false"),
        ("top_logprobs", not body.top_logprobs, "0"),
        ("response_format", body.response_format is None or body.response_format.type == "text", "of the type 'text'"),
        ("modalities", "audio" not in (body.modalities or ()), "['text']"),
        ("audio", body.audio is None, "null"),
        ("logit_bias", not body.logit_bias, "empty"),
        ("presence_penalty", not body.presence_penalty, "0"),
        ("frequency_penalty", not body.frequency_penalty, "0"),
    )
    for param, is_fine, allowed in checks:
        if not is_fine:
            raise UnsupportedParameter(
                f"Unsupported parameter: '{param}' must be {allowed} with the models served here.", param
            )


def _message(message: ChatMessage, param: str) -> Message:
    role: Role
    match message.role:
        case "developer" | "system":
            role = "system"
        case "user" | "assistant":
            role = message.role
        case _:
            raise UnsupportedParameter(
                f"Unsupported value: '{param}.role' must be developer, system, user or assistant: no tools are called.",
                f"{param}.role",
            )
    if message.tool_calls:
        raise UnsupportedParameter(f"Unsupported parameter: '{param}.tool_calls' must be empty.", f"{param}.tool_calls")
    return Message(role, _text(message, param))


def _text(message: ChatMessage, param: str) -> str:
    content = message.content
    if content is None:
        raise MissingParameter(f"Missing required parameter: '{param}.content'.", f"{param}.content")
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(content):
        place = f"{param}.content[{index}]"
        if part.type != "text":
            raise UnsupportedParameter(
                f"Unsupported value: '{place}.type' must be 'text': the models here read text only.", f"{place}.type"
            )
        if part.text is None:
            raise MissingParameter(f"Missing required parameter: '{place}.text'.", f"{place}.text")
        texts.append(part.text)
    return "\n".join(texts)
