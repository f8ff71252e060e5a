"""Messages to the tokens of a prompt, by the model's own chat template. Must not know what is answered."""

from typing import Any

from smartlite.domain.llm import ChatOptions, Message
from smartlite.engines.special_tokens import SpecialTokenGuard
from smartlite.errors import ConfigurationError, InvalidRequest


class Prompter:
    """Writes prompts. Used by one thread at a time."""

    def __init__(self, tokenizer: Any, template: str | None) -> None:
        """Look at the template.

        Raises:
            ConfigurationError: There is none.
        """
        self._tokenizer = tokenizer
        self._template = template or tokenizer.chat_template
        if not self._template:
            raise ConfigurationError("The model has no chat template. Set the option chat_template.", "chat_template")
        text = str(self._template)
        added = tokenizer.added_tokens_decoder.values()
        # Other added tokens (runs of spaces, HTML tags) are ordinary text that happens to have one number.
        control = [token.content for token in added if token.special or token.content in text]
        self._guard = SpecialTokenGuard([*control, *tokenizer.all_special_tokens])

    def neutralise(self, text: str) -> str:
        """Break the control tokens in a text that others wrote."""
        return self._guard.neutralise(text)

    def prompt(self, messages: tuple[Message, ...]) -> list[int]:
        """Write neutralised messages as the model was trained to read them.

        Raises:
            InvalidRequest: 400, the template does not take them.
        """
        from jinja2 import TemplateError

        conversation = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text = self._tokenizer.apply_chat_template(
                conversation, chat_template=self._template, add_generation_prompt=True, tokenize=False
            )
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            raise InvalidRequest("The model's chat template does not take these messages.", "messages") from error
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        if not tokens:
            raise InvalidRequest("The messages are empty.", "messages")
        return tokens


def check_request(messages: tuple[Message, ...], options: ChatOptions) -> None:
    """Refuse what cannot be written or answered.

    Raises:
        InvalidRequest: 400, naming the field.
    """
    if not messages:
        raise InvalidRequest("There must be at least one message.", "messages")
    if options.max_tokens is not None and options.max_tokens < 1:
        raise InvalidRequest(f"max_tokens is {options.max_tokens}, it must be at least 1.", "max_tokens")
    calls = [call for message in messages for call in message.tool_calls]
    texts = {
        "messages": [
            *(text for message in messages for text in (message.content, message.name or "")),
            *(text for call in calls for text in (call.name, call.arguments)),
        ],
        "stop": options.stop,
        "tools": [text for tool in options.tools for text in (tool.name, tool.description)],
    }
    for param, values in texts.items():
        try:
            "".join(values).encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest("Text must be valid Unicode; this one has a lone surrogate.", param) from error
