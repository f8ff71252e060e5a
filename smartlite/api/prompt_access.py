"""Prompts and conversations as whoever asks may reach them; what another keeps is not there. Must not know routes."""

from smartlite.api.pipeline_access import owner_of
from smartlite.api.resources import CONVERSATION, PROMPT, of_conversation, of_prompt, shared
from smartlite.api.services import Services
from smartlite.auth.policies import Resource, decide_access, missing
from smartlite.domain.conversations import Conversation
from smartlite.domain.organizations import Access
from smartlite.domain.principal import Principal
from smartlite.domain.prompts import Prompt, PromptVersion
from smartlite.errors import NotFound, UnsupportedParameter

_MOST_DIGITS = 9


async def prompt_of(services: Services, principal: Principal, reference: str, access: Access) -> Prompt:
    """A prompt by its id, or one's own by its name.

    Raises:
        UnsupportedParameter: 400, this gateway keeps none.
        NotFound: 404, there is none, or it is another's.
        PermissionDenied: 403, reading is allowed, and this is not.
    """
    if services.prompts is None:
        raise UnsupportedParameter("Unsupported parameter: 'prompt': this gateway keeps no prompts.", "prompt")
    found = await services.prompts.find(reference, owner_of(principal))
    await _decide(services, principal, PROMPT, reference, None if found is None else of_prompt(found), access)
    if found is None:
        raise missing(PROMPT, reference)
    return found


async def prompt_version_of(services: Services, prompt: Prompt, number: str) -> PromptVersion:
    """A version by its number, or ``latest``.

    Raises:
        NotFound: 404, there is none.
    """
    assert services.prompts is not None  # noqa: S101 - a prompt was found
    if number == "latest":
        return await services.prompts.version(prompt)
    if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise NotFound(f"There is no version '{number[:64]}' of this prompt.", "version")
    return await services.prompts.version(prompt, int(number))


async def conversation_of(services: Services, principal: Principal, reference: str, access: Access) -> Conversation:
    """A conversation by its id. Raises what ``prompt_of`` does."""
    if services.conversations is None:
        raise UnsupportedParameter(
            "Unsupported parameter: 'conversation': this gateway keeps no conversations.", "conversation"
        )
    found = await services.conversations.get(reference)
    resource = None if found is None else of_conversation(found)
    await _decide(services, principal, CONVERSATION, reference, resource, access)
    if found is None:
        raise missing(CONVERSATION, reference)
    return found


async def _decide(
    services: Services, principal: Principal, kind: str, reference: str, found: Resource | None, access: Access
) -> None:
    if services.identity is None:
        if found is None:
            raise missing(kind, reference)
        decide_access(principal, found, access)
        return
    resource = await shared(services, kind, reference if found is None else found.id, found)
    decide_access(principal, resource, access)
