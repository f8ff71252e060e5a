"""Every right that can be granted, and the roles that come with the platform. Must not know who holds which.

A grant is a scope, such as ``llm:chat``; or a scope for one served model, such as ``asr:transcribe:whisper-base``.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from smartlite.errors import InvalidRequest

MAX_GRANTS: Final = 100
"""So many one key or role may list."""
_MAX_MODEL_CHARACTERS: Final = 256


class Scope(StrEnum):
    """A right; what is not listed here cannot be granted."""

    ASR_TRANSCRIBE = "asr:transcribe"
    ASR_TRANSLATE = "asr:translate"
    TTS_SYNTHESIZE = "tts:synthesize"
    LLM_CHAT = "llm:chat"
    LLM_EMBED = "llm:embed"
    VOICE_TURN = "voice:turn"
    """Includes the three stages of the turn."""
    MODELS_READ = "models:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    KEYS_READ = "keys:read"
    """One's own."""
    KEYS_WRITE = "keys:write"
    """One's own."""
    OAUTH_READ = "oauth:read"
    """Clients that one registered."""
    OAUTH_WRITE = "oauth:write"
    """Likewise."""
    AUDIT_READ = "audit:read"
    ROLES_WRITE = "roles:write"
    USAGE_READ = "usage:read"
    """Everybody's; one's own needs none."""
    CONTENT_READ = "content:read"
    """What others asked and were answered, where that is kept."""
    QUOTAS_READ = "quotas:read"
    QUOTAS_WRITE = "quotas:write"
    """Limits and budgets, anybody's."""
    REQUESTS_READ = "requests:read"
    """Everybody's history of requests; one's own needs none."""
    ORGS_READ = "orgs:read"
    """Every organisation; those that one is a member of need none."""
    ORGS_WRITE = "orgs:write"
    """Likewise; and making one."""
    PIPELINES_READ = "pipelines:read"
    """Pipelines and runs that one may see."""
    PIPELINES_WRITE = "pipelines:write"
    PIPELINES_RUN = "pipelines:run"
    """What the steps do needs its own scope beside it."""
    PROMPTS_READ = "prompts:read"
    """Prompts that one may see; using one needs the scope of what it is used for."""
    PROMPTS_WRITE = "prompts:write"
    CONVERSATIONS_READ = "conversations:read"
    """Conversations that one may see."""
    CONVERSATIONS_WRITE = "conversations:write"
    """Likewise; and taking a turn in one."""
    FILES_READ = "files:read"
    """Files that one may see."""
    FILES_WRITE = "files:write"
    BATCHES_READ = "batches:read"
    """Batches that one may see."""
    BATCHES_WRITE = "batches:write"
    """What the lines ask needs its own scope beside it."""
    WEBHOOKS_READ = "webhooks:read"
    """Webhooks that one may see, and what was sent to them."""
    WEBHOOKS_WRITE = "webhooks:write"
    RESOURCES_ADMIN = "resources:admin"
    """Everything that has an owner, whoever that is."""


INFERENCE: Final = frozenset(
    {
        Scope.ASR_TRANSCRIBE,
        Scope.ASR_TRANSLATE,
        Scope.TTS_SYNTHESIZE,
        Scope.LLM_CHAT,
        Scope.LLM_EMBED,
        Scope.VOICE_TURN,
    }
)
"""What has a model work; only these may be granted for single models."""

_PIPELINES: Final = frozenset({Scope.PIPELINES_READ, Scope.PIPELINES_WRITE, Scope.PIPELINES_RUN})
_CONVERSATIONS: Final = frozenset({Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE})
_PROMPTS: Final = frozenset({Scope.PROMPTS_READ, Scope.PROMPTS_WRITE})
_FILES: Final = frozenset({Scope.FILES_READ, Scope.FILES_WRITE, Scope.BATCHES_READ, Scope.BATCHES_WRITE})
_WEBHOOKS: Final = frozenset({Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE})

BUILT_IN_ROLES: Final[Mapping[str, frozenset[Scope]]] = {
    "admin": frozenset(Scope),
    "operator": INFERENCE
    | _PIPELINES
    | _PROMPTS
    | _CONVERSATIONS
    | _FILES
    | _WEBHOOKS
    | {Scope.MODELS_READ, Scope.USERS_READ, Scope.AUDIT_READ, Scope.USAGE_READ, Scope.REQUESTS_READ, Scope.QUOTAS_READ}
    | {Scope.ORGS_READ},
    "developer": INFERENCE
    | _PIPELINES
    | _PROMPTS
    | _CONVERSATIONS
    | _FILES
    | _WEBHOOKS
    | {Scope.MODELS_READ, Scope.KEYS_READ, Scope.KEYS_WRITE, Scope.OAUTH_READ, Scope.OAUTH_WRITE},
    "user": INFERENCE
    | _CONVERSATIONS
    | _FILES
    | {Scope.MODELS_READ, Scope.PIPELINES_READ, Scope.PIPELINES_RUN, Scope.PROMPTS_READ},
    "viewer": frozenset({Scope.MODELS_READ}),
}
"""Name to rights."""


def role_grants(names: Iterable[str], made: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """What roles grant together.

    Args:
        names: Of roles, those that come with the platform and those that were made.
        made: The grants of those that were made. One that is called like a role of the platform changes nothing, and a
            name that neither knows grants nothing.
    """
    grants = [BUILT_IN_ROLES.get(name, made.get(name, frozenset())) for name in names]
    # Most users have one role: the set of all of them is the same object then, for tens of thousands of keys.
    return grants[0] if len(grants) == 1 else frozenset[str]().union(*grants)


def parse_grant(text: str, param: str = "scopes") -> tuple[Scope, str | None]:
    """Split a grant into its scope and the id of the one model that it is for, or None for every model.

    Raises:
        InvalidRequest: 400, there is no such scope, or it is not one of a model's; names those that are allowed.
    """
    area, _, rest = text.partition(":")
    action, colon, model = rest.partition(":")
    try:
        scope = Scope(f"{area}:{action}")
    except ValueError:
        raise InvalidRequest(f"'{param}': {_shown(text)} is not a scope. Scopes are {_listed(Scope)}.", param) from None
    if not colon:
        return scope, None
    if scope not in INFERENCE:
        raise InvalidRequest(
            f"'{param}': {_shown(text)} names a model; only these can be for one model: {_listed(INFERENCE)}.", param
        )
    if not 0 < len(model) <= _MAX_MODEL_CHARACTERS or not model.isprintable() or " " in model or "*" in model:
        raise InvalidRequest(
            f"'{param}': {_shown(text)} does not end with the id of a model, as in '{scope}:my-model'. "
            f"'{scope}' alone is for every model.",
            param,
        )
    return scope, model


def check_grants(texts: Iterable[str], param: str = "scopes") -> frozenset[str]:
    """Check what somebody wants to grant.

    Raises:
        InvalidRequest: 400, one of them cannot be granted, or there are too many.
    """
    grants = frozenset(texts)
    if len(grants) > MAX_GRANTS:
        raise InvalidRequest(f"'{param}' lists {len(grants)} scopes; {MAX_GRANTS} are allowed.", param)
    for text in sorted(grants):
        parse_grant(text, param)
    return grants


def covers(grants: frozenset[str], scope: Scope, model: str | None = None) -> bool:
    """Whether grants hold this scope for this model; without a model, whether they hold it for any at all.

    What is not understood (a scope of another release, a model for a scope that has none) grants nothing.
    """
    if scope in grants:
        return True
    if scope not in INFERENCE:
        return False
    if model is not None:
        return f"{scope}:{model}" in grants
    return any(grant.startswith(f"{scope}:") for grant in grants)


def in_both(left: frozenset[str], right: frozenset[str]) -> frozenset[str]:
    """What both grant: of a scope and the same scope for one model, the latter."""
    return frozenset(
        {grant for grant in left if _is_in(grant, right)} | {grant for grant in right if _is_in(grant, left)}
    )


def _is_in(grant: str, grants: frozenset[str]) -> bool:
    return grant in grants or ":".join(grant.split(":", 2)[:2]) in grants


def _listed(scopes: Iterable[Scope]) -> str:
    return ", ".join(sorted(scopes))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "...")
