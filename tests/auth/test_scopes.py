"""Grants are read strictly, and roles grant what they say."""

import pytest

from smartlite.auth.scopes import (
    BUILT_IN_ROLES,
    INFERENCE,
    MAX_GRANTS,
    Scope,
    check_grants,
    covers,
    in_both,
    parse_grant,
    role_grants,
)
from smartlite.errors import InvalidRequest


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_can_be_granted(scope: Scope) -> None:
    assert parse_grant(scope) == (scope, None)


@pytest.mark.parametrize("model", ["whisper-base", "kokoro-82m", "acme/llm", "llm:8b", "模型"])
def test_work_can_be_granted_for_one_model(model: str) -> None:
    for scope in INFERENCE:
        assert parse_grant(f"{scope}:{model}") == (scope, model)


@pytest.mark.parametrize(
    "text",
    ["", ":", "::", "*", "asr", "asr:", "asr:*", ":transcribe", "ASR:transcribe", "asr:transcribe ", " asr:transcribe",
     "asr.transcribe", "models:write", "admin", "asr:transcribe\n", "аsr:transcribe", "x" * 10_000],
)  # fmt: skip
def test_what_is_no_scope_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"asr:transcribe, asr:translate, audit:read, .*voice:turn") as caught:
        parse_grant(text, "allowed")
    assert caught.value.param == "allowed"
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("scope", sorted(set(Scope) - INFERENCE))
def test_what_is_not_work_of_a_model_cannot_be_for_one_model(scope: Scope) -> None:
    with pytest.raises(InvalidRequest, match="names a model; only these"):
        parse_grant(f"{scope}:whisper-base")


@pytest.mark.parametrize("model", ["", " ", "a b", "*", "whisper-*", "a\n", "a\x00", "x" * 257])
def test_what_is_no_models_id_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest, match="does not end with the id of a model"):
        parse_grant(f"llm:chat:{model}")


def test_a_list_is_checked_whole_and_has_a_bound() -> None:
    assert check_grants(["llm:chat", "llm:chat", "asr:transcribe:a"]) == {"llm:chat", "asr:transcribe:a"}
    with pytest.raises(InvalidRequest, match="'llm:chats' is not a scope"):
        check_grants(["llm:chat", "llm:chats"])
    with pytest.raises(InvalidRequest, match="101 scopes; 100 are allowed"):
        check_grants(f"llm:chat:{number}" for number in range(MAX_GRANTS + 1))


def test_the_built_in_roles_are_these() -> None:
    assert {name: sorted(scopes - INFERENCE) for name, scopes in BUILT_IN_ROLES.items()} == {
        "admin": sorted(set(Scope) - INFERENCE),
        "operator": [
            *("audit:read", "batches:read", "batches:write", "conversations:read", "conversations:write"),
            *("files:read", "files:write", "models:read", "orgs:read"),
            *("pipelines:read", "pipelines:run", "pipelines:write"),
            *("prompts:read", "prompts:write", "quotas:read", "requests:read", "usage:read", "users:read"),
            *("webhooks:read", "webhooks:write"),
        ],
        "developer": [
            *("batches:read", "batches:write", "conversations:read", "conversations:write"),
            *("files:read", "files:write", "keys:read", "keys:write", "models:read", "oauth:read", "oauth:write"),
            *("pipelines:read", "pipelines:run", "pipelines:write", "prompts:read", "prompts:write"),
            *("webhooks:read", "webhooks:write"),
        ],
        "user": [
            *("batches:read", "batches:write", "conversations:read", "conversations:write"),
            *("files:read", "files:write", "models:read", "pipelines:read", "pipelines:run", "prompts:read"),
        ],
        "viewer": ["models:read"],
    }
    assert [name for name, scopes in BUILT_IN_ROLES.items() if not scopes >= INFERENCE] == ["viewer"]
    assert not BUILT_IN_ROLES["viewer"] & INFERENCE


def test_roles_add_up_and_an_unknown_one_adds_nothing() -> None:
    made = {"speaker": frozenset({"tts:synthesize:a"}), "viewer": frozenset({"roles:write"})}
    assert role_grants(["viewer", "speaker", "unknown"], made) == {"models:read", "tts:synthesize:a"}
    assert role_grants([], made) == frozenset()


@pytest.mark.parametrize("grants", [{"models:read:a"}, {"llm"}, {"llm:"}, {"llm:chats"}, {"*"}, {"llm:chatty:a"}, {""}])
def test_what_is_not_understood_grants_nothing(grants: set[str]) -> None:
    for scope in Scope:
        assert not covers(frozenset(grants), scope)
        assert not covers(frozenset(grants), scope, "a")
    everything = frozenset(map(str, Scope))
    assert not [scope for scope in Scope if covers(in_both(frozenset(grants), everything), scope, "a")]
