"""Decisions, all of them over a small world, against a model that knows only sets of pairs."""

from collections.abc import Iterable, Iterator
from itertools import chain, combinations

import pytest

from smartlite.auth.permissions import ANONYMOUS_ADMIN, decide, effective_scopes
from smartlite.auth.scopes import BUILT_IN_ROLES, INFERENCE, Scope
from smartlite.domain.principal import Principal
from smartlite.errors import PermissionDenied

MODELS = ("a", "b", "c")
GRANTS = ("llm:chat", "llm:chat:a", "llm:chat:b", "llm:embed", "llm:embed:a", "models:read")
ASKED = (Scope.LLM_CHAT, Scope.LLM_EMBED, Scope.MODELS_READ, Scope.ROLES_WRITE)


def subsets(items: Iterable[str]) -> Iterator[frozenset[str]]:
    listed = list(items)
    yield from map(frozenset, chain.from_iterable(combinations(listed, size) for size in range(len(listed) + 1)))


def pairs(grants: Iterable[str]) -> set[tuple[str, str]]:
    """The reference: every pair of a scope and a model that is granted."""
    found = set()
    for grant in grants:
        area, action, *model = grant.split(":")
        found |= {(f"{area}:{action}", each) for each in (model or MODELS)}
    return found


def principal(scopes: frozenset[str]) -> Principal:
    return Principal("user_1", "key_1", (), scopes, "Ada")


def allows(who: Principal, scope: Scope, model: str | None) -> bool:
    try:
        decide(who, scope, model)
    except PermissionDenied:
        return False
    return True


def test_every_list_of_a_role_with_every_list_of_a_key_decides_as_the_model_does() -> None:
    for of_roles in subsets(GRANTS):
        for of_key in (None, *subsets(GRANTS)):
            granted = pairs(of_roles) & (pairs(of_roles) if of_key is None else pairs(of_key))
            who = principal(effective_scopes(of_roles, of_key))
            for scope in ASKED:
                of_scope = [model for name, model in granted if name == scope]
                assert allows(who, scope, None) == bool(of_scope), (of_roles, of_key, scope)
                if scope in INFERENCE:
                    for model in MODELS:
                        assert allows(who, scope, model) == (model in of_scope), (of_roles, of_key, scope, model)


@pytest.mark.parametrize("role", BUILT_IN_ROLES)
def test_every_role_may_what_it_lists_and_a_key_of_it_only_what_both_list(role: str) -> None:
    of_role = frozenset(map(str, BUILT_IN_ROLES[role]))
    for asked in Scope:
        assert allows(principal(effective_scopes(of_role, None)), asked, None) == (asked in of_role)
        for listed in Scope:
            who = principal(effective_scopes(of_role, frozenset({str(listed)})))
            assert allows(who, asked, None) == (asked == listed and asked in of_role)


def test_a_key_whose_list_is_empty_may_nothing() -> None:
    who = principal(effective_scopes(frozenset(map(str, Scope)), frozenset()))
    assert not [scope for scope in Scope if allows(who, scope, None)]


def test_a_key_cannot_be_given_more_than_its_owner_has() -> None:
    who = principal(effective_scopes(frozenset({"llm:chat:a"}), frozenset({"llm:chat", "roles:write"})))
    assert who.scopes == {"llm:chat:a"}


def test_roles_alone_grant_nothing() -> None:
    who = Principal("user_1", None, ("admin",), frozenset(), "Ada")
    assert not [scope for scope in Scope if allows(who, scope, None)]


def test_where_authentication_is_off_everything_is_allowed() -> None:
    for scope in Scope:
        assert ANONYMOUS_ADMIN.may(scope)
        decide(ANONYMOUS_ADMIN, scope)
        decide(ANONYMOUS_ADMIN, scope, "a")


@pytest.mark.parametrize(("model", "named"), [(None, "'llm:chat'"), ("b", "'llm:chat:b'")])
def test_a_refusal_names_the_scope_that_is_missing(model: str | None, named: str) -> None:
    with pytest.raises(PermissionDenied, match=named) as caught:
        decide(principal(frozenset({"models:read"})), Scope.LLM_CHAT, model)
    assert (caught.value.status_code, caught.value.code) == (403, "insufficient_scope")
