"""Whose is what: for every route whose address has a parameter, how to make a fresh thing and who may reach it.

Must not know any test.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from smartlite.auth.scopes import Scope
from tests.api.plain_means import CHANGED_DOCUMENT
from tests.api.tenants import OWNERS, Caller, Tenants, grants_of

YES, NO, HIDDEN, NEVER, EMPTY = "yes", "no", "hidden", "never", "empty"
Rule = Callable[[Caller, str], str]
"""From who asks and whose it is to whether they may: yes; no, 403; it is hidden, 404; there never is one;
or there is nothing in it, which is a 404 of its own words."""
Make = Callable[[Tenants, str], Awaitable[dict[str, str]]]


def of_whom(caller: Caller, owner: str) -> frozenset[str]:
    """What the owner's role grants."""
    return grants_of(OWNERS[owner] or caller.role)


def everybodys(_: Caller, owner: str) -> str:
    return YES


def of_no_user(_: Caller, owner: str) -> str:
    return NEVER


def unless_more(caller: Caller, owner: str) -> str:
    """Nobody touches somebody who may do more."""
    return YES if of_whom(caller, owner) <= caller.scopes else NO


def own_or_users_write(caller: Caller, owner: str) -> str:
    if owner == "self":
        return YES
    return unless_more(caller, owner) if caller.may(Scope.USERS_WRITE) else HIDDEN


def own_or_seen(caller: Caller, owner: str) -> str:
    return YES if owner == "self" or caller.may(Scope.USERS_WRITE) else HIDDEN


def api_key(caller: Caller, owner: str) -> str:
    if owner == "mate" and caller.place is not None and not caller.may(Scope.USERS_WRITE):
        return YES if caller.manages else NO
    return own_or_users_write(caller, owner)


def request(caller: Caller, owner: str) -> str:
    is_of_it = owner == "mate" and caller.place is not None
    return YES if owner == "self" or is_of_it or caller.may(Scope.REQUESTS_READ) else HIDDEN


def content(caller: Caller, owner: str) -> str:
    """Neither an organisation nor who may see the history reads what somebody said."""
    return YES if owner == "self" or caller.may(Scope.CONTENT_READ) else HIDDEN


def no_content(caller: Caller, owner: str) -> str:
    return EMPTY if content(caller, owner) == YES else HIDDEN


def organization_read(caller: Caller, owner: str) -> str:
    is_in = owner == "self" or (owner == "mate" and caller.place is not None)
    return YES if is_in or caller.may(Scope.ORGS_READ) else HIDDEN


def members_read(caller: Caller, owner: str) -> str:
    seen = organization_read(caller, owner)
    return NO if seen == YES and caller.is_narrow else seen


def organization_change(caller: Caller, owner: str) -> str:
    if caller.may(Scope.ORGS_WRITE):
        return YES
    if organization_read(caller, owner) == HIDDEN:
        return HIDDEN
    manages = not caller.is_narrow and (owner == "self" or (owner == "mate" and caller.manages))
    return YES if manages else NO


def organization_remove(caller: Caller, owner: str) -> str:
    found = organization_change(caller, owner)
    is_admin_only = owner == "mate" and caller.place == "admin" and not caller.may(Scope.ORGS_WRITE)
    return NO if found == YES and is_admin_only else found


def kept_read(caller: Caller, owner: str) -> str:
    is_of_it = owner == "mate" and caller.place is not None
    return YES if owner == "self" or is_of_it or caller.may(Scope.RESOURCES_ADMIN) else HIDDEN


def kept_change(caller: Caller, owner: str) -> str:
    if kept_read(caller, owner) == HIDDEN:
        return HIDDEN
    return YES if owner == "self" or caller.may(Scope.RESOURCES_ADMIN) or caller.manages else NO


def no_result(caller: Caller, owner: str) -> str:
    """The run is one of a pipeline."""
    return EMPTY if kept_read(caller, owner) == YES else HIDDEN


def kept_own(caller: Caller, owner: str) -> str:
    """What nobody does in another's place."""
    return YES if owner == "self" else NO if kept_read(caller, owner) == YES else HIDDEN


@dataclass(frozen=True)
class Owned:
    """How a route with a parameter is tried."""

    make: Make
    rule: Rule
    body: Any = None
    key_needs: Scope | None = None
    """What a key needs for what is its user's own, and a session does not; unless it has the other scope."""
    key_needs_not: Scope | None = None


async def never(_: Tenants, owner: str) -> dict[str, str]:
    return dict.fromkeys(("response_id", "voice_id", "consent_id"), owner)


ABSENT: Final = Owned(never, of_no_user)
"""Routes that say that there is no such thing, whatever is asked for."""
SESSION: Final = Owned(
    Tenants.session_of, own_or_users_write, key_needs=Scope.KEYS_WRITE, key_needs_not=Scope.USERS_WRITE
)
PIPELINE: Final = "/v1/pipelines/{pipeline}"
RUN: Final = "/v1/runs/{run_id}"
PROMPT: Final = "/v1/prompts/{prompt}"
CONVERSATION: Final = "/v1/conversations/{conversation_id}"
MESSAGE: Final = {"items": [{"role": "user", "content": "Hi."}]}
WEBHOOK: Final = "/v1/webhooks/{webhook_id}"
OWNERSHIP: Final[dict[str, Owned]] = {
    f"GET {PIPELINE}": Owned(Tenants.pipeline_of, kept_read),
    f"PUT {PIPELINE}": Owned(Tenants.pipeline_of, kept_change, CHANGED_DOCUMENT),
    f"DELETE {PIPELINE}": Owned(Tenants.pipeline_of, kept_change),
    f"POST {PIPELINE}/latest": Owned(Tenants.pipeline_of, kept_change, {"version": 1}),
    f"GET {PIPELINE}/versions": Owned(Tenants.pipeline_of, kept_read),
    f"GET {PIPELINE}/versions/{{version}}": Owned(Tenants.pipeline_of, kept_read),
    f"GET {PIPELINE}/diff": Owned(Tenants.pipeline_of, kept_read),
    f"GET {PIPELINE}/graph": Owned(Tenants.pipeline_of, kept_read),
    f"POST {PIPELINE}/runs": Owned(Tenants.pipeline_of, kept_read, {}),
    f"GET {RUN}": Owned(Tenants.run_of, kept_read),
    f"GET {RUN}/steps": Owned(Tenants.run_of, kept_read),
    f"GET {RUN}/events": Owned(Tenants.run_of, kept_read),
    f"GET {RUN}/timeline.svg": Owned(Tenants.run_of, kept_read),
    f"GET {RUN}/media/{{key:path}}": Owned(Tenants.run_of, kept_read),
    f"GET {RUN}/result": Owned(Tenants.run_of, no_result),
    f"DELETE {RUN}": Owned(Tenants.run_of, kept_change),
    f"POST {RUN}/cancel": Owned(Tenants.run_of, kept_change),
    f"POST {RUN}/replay": Owned(Tenants.run_of, kept_own),
    f"GET {PROMPT}": Owned(Tenants.prompt_of, kept_read),
    f"PUT {PROMPT}": Owned(Tenants.prompt_of, kept_change, {"system": "Be brief."}),
    f"DELETE {PROMPT}": Owned(Tenants.prompt_of, kept_change),
    f"POST {PROMPT}/latest": Owned(Tenants.prompt_of, kept_change, {"version": 1}),
    f"POST {PROMPT}/render": Owned(Tenants.prompt_of, kept_read, {}),
    f"GET {PROMPT}/versions": Owned(Tenants.prompt_of, kept_read),
    f"GET {PROMPT}/versions/{{version}}": Owned(Tenants.prompt_of, kept_read),
    f"GET {PROMPT}/diff": Owned(Tenants.prompt_of, kept_read),
    f"GET {CONVERSATION}": Owned(Tenants.conversation_of, kept_read),
    f"POST {CONVERSATION}": Owned(Tenants.conversation_of, kept_change, {}),
    f"DELETE {CONVERSATION}": Owned(Tenants.conversation_of, kept_change),
    f"GET {CONVERSATION}/export": Owned(Tenants.conversation_of, kept_read),
    f"GET {CONVERSATION}/items": Owned(Tenants.conversation_of, kept_read),
    f"POST {CONVERSATION}/items": Owned(Tenants.conversation_of, kept_change, MESSAGE),
    f"GET {CONVERSATION}/items/{{item_id}}": Owned(Tenants.conversation_of, kept_read),
    f"DELETE {CONVERSATION}/items/{{item_id}}": Owned(Tenants.conversation_of, kept_change),
    "GET /v1/files/{file_id}": Owned(Tenants.file_of, kept_read),
    "DELETE /v1/files/{file_id}": Owned(Tenants.file_of, kept_change),
    "GET /v1/files/{file_id}/content": Owned(Tenants.file_of, kept_read),
    "GET /v1/batches/{batch_id}": Owned(Tenants.batch_of, kept_read),
    "POST /v1/batches/{batch_id}/cancel": Owned(Tenants.batch_of, kept_change),
    f"GET {WEBHOOK}": Owned(Tenants.webhook_of, kept_read),
    f"PATCH {WEBHOOK}": Owned(Tenants.webhook_of, kept_change, {}),
    f"DELETE {WEBHOOK}": Owned(Tenants.webhook_of, kept_change),
    f"POST {WEBHOOK}/rotate-secret": Owned(Tenants.webhook_of, kept_change, {}),
    f"POST {WEBHOOK}/test": Owned(Tenants.webhook_of, kept_change),
    f"GET {WEBHOOK}/deliveries": Owned(Tenants.webhook_of, kept_read),
    f"POST {WEBHOOK}/deliveries/{{delivery_id}}/redeliver": Owned(Tenants.webhook_of, kept_change),
    "GET /v1/models/{model:path}": Owned(Tenants.model_of, everybodys),
    "GET /v1/responses/{response_id}": ABSENT,
    "DELETE /v1/responses/{response_id}": ABSENT,
    "POST /v1/responses/{response_id}/cancel": ABSENT,
    "GET /v1/responses/{response_id}/input_items": ABSENT,
    "DELETE /v1/audio/voices/{voice_id}": ABSENT,
    "GET /v1/audio/voice_consents/{consent_id}": ABSENT,
    "POST /v1/audio/voice_consents/{consent_id}": ABSENT,
    "DELETE /v1/audio/voice_consents/{consent_id}": ABSENT,
    "GET /v1/users/{user_id}": Owned(Tenants.user_of, everybodys),
    "PATCH /v1/users/{user_id}": Owned(Tenants.user_of, unless_more, {}),
    "DELETE /v1/roles/{role_id}": Owned(Tenants.role_of, everybodys),
    "DELETE /v1/api-keys/{key_id}": Owned(Tenants.key_of, api_key),
    "POST /v1/api-keys/{key_id}/rotate": Owned(Tenants.key_of, own_or_users_write, {}),
    "DELETE /v1/auth/sessions/{session_id}": SESSION,
    "DELETE /v1/auth/grants/{grant_id}": Owned(
        Tenants.grant_of, own_or_users_write, key_needs=Scope.KEYS_WRITE, key_needs_not=Scope.USERS_WRITE
    ),
    "GET /v1/oauth/clients/{client_id}": Owned(Tenants.client_of, own_or_seen),
    "DELETE /v1/oauth/clients/{client_id}": Owned(Tenants.client_of, own_or_users_write),
    "POST /v1/oauth/clients/{client_id}/secret": Owned(Tenants.client_of, own_or_users_write),
    "DELETE /v1/quotas/{quota_id}": Owned(Tenants.quota_of, everybodys),
    "GET /v1/requests/{record_id}": Owned(Tenants.request_of, request),
    "GET /v1/requests/{record_id}/content": Owned(Tenants.request_of, no_content),
    "DELETE /v1/requests/{record_id}/content": Owned(Tenants.request_of, content),
    "GET /v1/organizations/{organization_id}": Owned(Tenants.organization_of, organization_read),
    "PATCH /v1/organizations/{organization_id}": Owned(
        Tenants.organization_of, organization_change, {"name": "Another"}
    ),
    "DELETE /v1/organizations/{organization_id}": Owned(Tenants.organization_of, organization_remove),
    "GET /v1/organizations/{organization_id}/members": Owned(Tenants.organization_of, members_read),
    "POST /v1/organizations/{organization_id}/members": Owned(
        Tenants.organization_of, organization_change, {"user": "fresh"}
    ),
    "PATCH /v1/organizations/{organization_id}/members/{user_id}": Owned(
        Tenants.member_of, organization_change, {"role": "admin"}
    ),
    "DELETE /v1/organizations/{organization_id}/members/{user_id}": Owned(Tenants.member_of, organization_change),
}
KEYS_NEED: Final = {
    "GET /v1/auth/sessions": Scope.KEYS_READ,
    "GET /v1/auth/grants": Scope.KEYS_READ,
    "POST /v1/auth/password": Scope.KEYS_WRITE,
}
"""Routes without a parameter for which a key needs a scope, and a session none."""
NOBODYS: Final = f"x_{'0' * 32}"
"""An id of nothing."""
