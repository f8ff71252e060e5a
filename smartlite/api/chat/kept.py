"""What a request takes of what is kept: a prompt to fill, a conversation to go on with. Must not know wire formats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from smartlite.api.chat.messages import Draft
from smartlite.api.prompt_access import conversation_of, prompt_of
from smartlite.api.schemas.references import ConversationById, PromptReference, conversation_id
from smartlite.api.services import Services
from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope
from smartlite.domain.conversations import Conversation
from smartlite.domain.llm import Message
from smartlite.domain.models import ServedModel
from smartlite.domain.organizations import Access
from smartlite.domain.principal import Principal
from smartlite.domain.prompts import FilledPrompt
from smartlite.domain.usage import ModelUsage
from smartlite.errors import InvalidRequest, MissingParameter
from smartlite.jobs.prompts import filled, template_of
from smartlite.jobs.turns import Answering, Turn


@dataclass(frozen=True, slots=True)
class Framed:
    """The messages of a request in their order."""

    drafts: tuple[Draft, ...]
    frame: int
    """So many of the first come before a conversation, and are not a part of it."""


def framed(drafts: Sequence[Draft], prompt: FilledPrompt | None) -> Framed:
    """Put a prompt before the messages; what the system says first in them stays before the conversation too."""
    begin = next((index for index, draft in enumerate(drafts) if draft.message.role != "system"), len(drafts))
    made = FilledPrompt((), ()) if prompt is None else prompt
    told = [message for message in made.frame if message.role == "system"]
    frame = [*_drafts(told), *drafts[:begin], *_drafts(made.frame[len(told) :])]
    return Framed((*frame, *_drafts(made.turn), *drafts[begin:]), len(frame))


async def read_prompt(services: Services, principal: Principal, reference: PromptReference) -> FilledPrompt:
    """Fill the prompt that a request names.

    Raises:
        MissingParameter: 400, it names none, or a variable is missing.
        PromptInvalid: 400, the variables are not those of the prompt.
        NotFound: 404, there is no such prompt or version, or it is another's.
    """
    if (reference.id is None) == (reference.name is None):
        if reference.id is None:
            raise MissingParameter("Missing required parameter: 'prompt.id'.", "prompt.id")
        raise InvalidRequest("'prompt' takes one of 'id' and 'name', not both.", "prompt.name")
    found = await prompt_of(services, principal, reference.id or reference.name or "", Access.READ)
    assert services.prompts is not None  # noqa: S101 - a prompt was found
    version = await services.prompts.version(found, reference.number, "prompt.version")
    return await filled(template_of(version), reference.values, "prompt.variables")


async def read_conversation(
    services: Services, principal: Principal, reference: str | ConversationById
) -> Conversation:
    """The conversation that a request goes on with.

    Raises:
        NotFound: 404, there is none, or it is another's.
        PermissionDenied: 403, it may be read only, or the credential may not write to conversations.
    """
    decide(principal, Scope.CONVERSATIONS_WRITE)
    return await conversation_of(services, principal, conversation_id(reference), Access.WRITE)


async def calls_of(services: Services, conversation: Conversation | None, is_needed: bool) -> Mapping[str, str]:
    """The functions that were called in it last, by the ids of the calls; none where nobody asks."""
    if conversation is None or services.conversations is None or not is_needed:
        return {}
    return await services.conversations.called(conversation)


def turn_of(
    services: Services,
    conversation: Conversation,
    model: ServedModel,
    answer_tokens: int | None,
    use: Callable[[ModelUsage], None],
) -> Turn:
    """A turn of the conversation, not yet begun."""
    assert services.conversations is not None  # noqa: S101 - a conversation was found
    context_tokens = model.context_tokens or services.settings.conversation_context_tokens
    by = Answering(services.llm, model.id, context_tokens, answer_tokens, use)
    return Turn(services.conversations, conversation, by)


def _drafts(messages: Sequence[Message]) -> list[Draft]:
    return [Draft(replace(message, content=""), (message.content,)) for message in messages]
