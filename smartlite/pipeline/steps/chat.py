"""``llm.chat``: a language model's answer, told while it is written. Must not know engines."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, cast

from smartlite.domain.llm import ChatFinished, ChatOptions, ChatRequest, Message, Role, TextDelta
from smartlite.domain.pipelines import JSON, Run
from smartlite.domain.stages import LLMStage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed, InvalidType, Unprocessable
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepEvent, StepOutput
from smartlite.pipeline.prompting import fill_prompt
from smartlite.pipeline.spec.templates import render
from smartlite.pipeline.steps.models import model_id
from smartlite.pipeline.steps.ports import Directory, FindPrompt

_ROLES: Final = frozenset({"system", "user", "assistant"})


class Chat:
    """Runs the kind.

    Args:
        stage: Answers.
        models: Those that are served.
        find_prompt: The prompt that is meant.
    """

    def __init__(self, stage: LLMStage, models: Directory, find_prompt: FindPrompt) -> None:
        self._stage = stage
        self._models = models
        self._find_prompt = find_prompt

    async def chat(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        schema = fields.get("json_schema")
        options = ChatOptions(
            temperature=float(fields.get("temperature", ChatOptions().temperature)),
            max_tokens=fields.get("max_tokens"),
            json_schema=schema,
        )
        model = await model_id(self._models, "llm", fields.get("model"))
        request = ChatRequest(model, await self._messages(context.run, fields), options)
        texts: list[str] = []
        finished: ChatFinished | None = None
        async with aclosing(self._stage.chat(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    texts.append(event.text)
                    yield StepDelta(event.text)
                elif isinstance(event, ChatFinished):
                    finished = event
        if finished is None:
            raise EngineFailed("The language model's answer ended before its end.")
        tokens = finished.usage
        context.used.append(ModelUsage(model, tokens.prompt_tokens, tokens.completion_tokens))
        text = "".join(texts)
        usage = {"prompt_tokens": tokens.prompt_tokens, "completion_tokens": tokens.completion_tokens}
        yield StepOutput(
            {
                "text": text,
                "json": None if schema is None else _parsed(text, finished),
                "finish_reason": finished.finish_reason,
                "usage": usage,
            }
        )

    async def _messages(self, run: Run, fields: Mapping[str, JSON]) -> tuple[Message, ...]:
        if "prompt_name" not in fields:
            return await _written(fields)
        template = await self._find_prompt(run, fields["prompt_name"], fields.get("prompt_version"))
        prompt = await asyncio.to_thread(fill_prompt, template, fields.get("vars", {}), "vars")
        beside = await _written({name: value for name, value in fields.items() if name != "vars"})
        told = tuple(message for message in (*prompt.frame, *beside) if message.role == "system")
        said = (*prompt.frame, *prompt.turn, *beside)
        return told + tuple(message for message in said if message.role != "system")


async def _written(fields: Mapping[str, JSON]) -> tuple[Message, ...]:
    if "messages" in fields:
        return tuple(_message(value) for value in fields["messages"])
    user = fields.get("prompt", fields.get("user"))
    parts: list[tuple[Role, str]] = [] if user is None else [("user", user)]
    if "system" in fields:
        parts.insert(0, ("system", fields["system"]))
    variables = fields.get("vars")
    if variables is None:
        return tuple(Message(role, text) for role, text in parts)
    return tuple([Message(role, await asyncio.to_thread(render, text, variables)) for role, text in parts])


def _message(value: JSON) -> Message:
    role, content = (value.get("role"), value.get("content")) if isinstance(value, dict) else (None, None)
    if role not in _ROLES or not isinstance(content, str):
        raise InvalidType(
            "A message is an object with a role (system, user, assistant) and a text as content.", "messages"
        )
    return Message(cast("Role", role), content)


def _parsed(text: str, finished: ChatFinished) -> JSON:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if finished.finish_reason == "length":
            raise Unprocessable("The language model's answer was cut off before its JSON was whole.") from error
        raise EngineFailed("The language model's answer is not the JSON that was asked for.") from error
