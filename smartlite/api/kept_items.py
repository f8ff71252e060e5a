"""Items that a client writes into a conversation, as the domain has them. Must not know how they are kept."""

from collections.abc import Mapping

from smartlite.api.chat.messages import NOTHING_CALLED
from smartlite.api.responses.items import read_input
from smartlite.api.schemas.responses_request import InputItem
from smartlite.domain.conversations import ItemContent, as_contents
from smartlite.errors import UnsupportedParameter


def contents_of(items: list[InputItem], called: Mapping[str, str] = NOTHING_CALLED) -> list[ItemContent]:
    """Translate items.

    Args:
        items: As they were sent.
        called: The functions that were called before them, by the ids of the calls.

    Raises:
        InvalidRequest: 400, one is wrong, or is something that is not kept.
    """
    drafts = read_input(items, None, called, "items")
    messages = []
    for draft in drafts:
        texts = tuple(piece for piece in draft.pieces if isinstance(piece, str))
        if len(texts) < len(draft.pieces):
            raise UnsupportedParameter(
                "Unsupported value: 'items': recordings are not kept; ask with one, and what was heard is.", "items"
            )
        messages.append(draft.finish(texts))
    return as_contents(messages)
