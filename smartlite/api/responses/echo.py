"""What a response repeats of its request. Must not know how it is answered."""

import time

from pydantic import BaseModel, JsonValue

from smartlite.api.schemas.references import PromptReference, conversation_id
from smartlite.api.schemas.responses import PromptPart, ResponseObject
from smartlite.api.schemas.responses_request import ResponseRequest, ResponseTool, TextFormat
from smartlite.domain.ids import new_id


def echoed(body: ResponseRequest) -> ResponseObject:
    """A response that has only begun."""
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "conversation": None if body.conversation is None else {"id": conversation_id(body.conversation)},
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "model": body.model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt": _prompt(body.prompt),
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": {"format": _format(body.text.format if body.text else None)},
        "tool_choice": _tool_choice(body),
        "tools": [_tool(tool) for tool in body.tools or []],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": body.user,
    }


def _prompt(reference: PromptReference | None) -> PromptPart | None:
    if reference is None:
        return None
    version = None if reference.version is None else str(reference.version)
    # The values are left out: those that are no text have no place in OpenAI's object.
    return {"id": reference.id or reference.name or "", "version": version, "variables": None}


def _format(form: TextFormat | None) -> JsonValue:
    if form is None or form.type != "json_schema":
        return {"type": form.type if form else "text"}
    return {
        "type": "json_schema",
        "name": form.name,
        "description": form.description,
        "schema": form.schema_,
        "strict": form.strict,
    }


def _tool_choice(body: ResponseRequest) -> JsonValue:
    choice = body.tool_choice
    if not isinstance(choice, BaseModel):
        return choice or "auto"
    told: dict[str, JsonValue] = choice.model_dump(exclude_none=True)
    return {"mode": "auto", **told} if choice.tools else told


def _tool(tool: ResponseTool) -> JsonValue:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
