"""What is said in conversations as bytes and back, encrypted where the platform encrypts. Must not know where it is."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

from smartlite.domain.conversations import Conversation, Item, ItemContent, ItemKind
from smartlite.domain.ids import new_id
from smartlite.domain.llm import Role
from smartlite.storage.blobs import Seals
from smartlite.storage.conversation_items import StoredItem

_PREFIXES: Final[dict[ItemKind, str]] = {"message": "msg", "function_call": "fc", "function_call_output": "fco"}
_SUMMARY: Final = "summary"


class ConversationSeal:
    """Seals under a conversation's owner, so that what stands in another's row does not open.

    Args:
        cipher: None: everything is stored as it is.
    """

    def __init__(self, cipher: Seals | None) -> None:
        self._cipher = cipher

    async def seal(self, found: Conversation, contents: Sequence[ItemContent], at: datetime) -> list[StoredItem]:
        """Items that have no place yet."""
        items = []
        for content in contents:
            item_id = new_id(_PREFIXES[content.kind])
            told = {"text": content.text, "call_id": content.call_id, "name": content.name, "whole": content.is_whole}
            body = await self._seal(found, item_id, json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))
            items.append(StoredItem(item_id, 0, at, content.kind, content.role, content.tokens, body))
        return items

    async def open(self, found: Conversation, stored: Sequence[StoredItem]) -> list[Item]:
        """What items say.

        Raises:
            StorageCorrupt: 502, one is not what was stored.
        """
        items = []
        for each in stored:
            told: dict[str, Any] = json.loads(await self._open(found, each.id, each.body))
            kind, role = cast("ItemKind", each.kind), cast("Role | None", each.role)
            content = ItemContent(kind, told["text"], role, told["call_id"], told["name"], told["whole"])
            items.append(Item(each.id, each.position, each.created_at, content))
        return items

    async def seal_summary(self, found: Conversation, text: str) -> bytes:
        """A summary."""
        return await self._seal(found, _SUMMARY, text.encode("utf-8", "replace"))

    async def open_summary(self, found: Conversation, data: bytes) -> str:
        """Likewise; raises what ``open`` does."""
        return (await self._open(found, _SUMMARY, data)).decode()

    async def _seal(self, found: Conversation, name: str, data: bytes) -> bytes:
        name = f"{found.id}/{name}"
        return data if self._cipher is None else await self._cipher.seal(found.owner_id, name, data)

    async def _open(self, found: Conversation, name: str, data: bytes) -> bytes:
        name = f"{found.id}/{name}"
        return data if self._cipher is None else await self._cipher.open(found.owner_id, name, data)
