"""Who may do what with one thing: each rule, and all of them together against a model that was written apart."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlite.auth.policies import Resource, decide_access, decide_whole, missing, role_in
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access, OrganizationRole, Share, SubjectKind
from smartlite.domain.principal import Principal
from smartlite.errors import NotFound, PermissionDenied
from tests.storage.rows import NOON

READ, WRITE = Access.READ, Access.WRITE
ANA = Principal("user_ana", None, ("developer",), frozenset(), "Ana")
THING = Resource("prompt", "prompt_1", "user_ben")


def outcome(principal: Principal, resource: Resource, access: Access) -> str:
    try:
        decide_access(principal, resource, access)
    except NotFound:
        return "hidden"
    except PermissionDenied:
        return "refused"
    return "allowed"


def outcomes(principal: Principal, resource: Resource) -> tuple[str, str]:
    return outcome(principal, resource, READ), outcome(principal, resource, WRITE)


def shared(kind: SubjectKind, subject: str, access: Access = READ) -> Resource:
    return replace(THING, shares=(Share(THING.kind, THING.id, kind, subject, access, None, NOON),))


def of_newsroom(role: str, **fields: Any) -> Principal:
    return replace(ANA, memberships={"org_newsroom": OrganizationRole(role)}, **fields)


def test_what_is_anothers_is_hidden() -> None:
    assert outcomes(ANA, THING) == ("hidden", "hidden")


def test_what_is_nobodys_is_hidden_from_nobody_in_particular() -> None:
    assert outcomes(replace(ANA, user_id=None), replace(THING, owner_id=None)) == ("hidden", "hidden")


def test_what_is_hidden_is_told_of_as_what_does_not_exist() -> None:
    with pytest.raises(NotFound) as caught:
        decide_access(ANA, THING, WRITE)
    assert caught.value.args == missing(THING.kind, THING.id).args


def test_the_owner_may_everything() -> None:
    assert outcomes(ANA, replace(THING, owner_id="user_ana")) == ("allowed", "allowed")


@pytest.mark.parametrize(
    ("role", "found"),
    [("member", ("allowed", "refused")), ("admin", ("allowed", "allowed")), ("owner", ("allowed", "allowed"))],
)
def test_an_organization_reads_what_is_its_own_and_who_manages_it_writes(role: str, found: tuple[str, str]) -> None:
    assert outcomes(of_newsroom(role), replace(THING, organization_id="org_newsroom")) == found


def test_who_asks_for_another_organization_is_nothing_in_this_one() -> None:
    thing = replace(THING, organization_id="org_newsroom")
    assert outcomes(of_newsroom("owner", organization_id="org_other"), thing) == ("hidden", "hidden")
    assert outcomes(of_newsroom("owner", organization_id="org_newsroom"), thing) == ("allowed", "allowed")


def test_a_credential_with_a_part_of_its_users_rights_manages_nothing() -> None:
    thing = replace(THING, organization_id="org_newsroom")
    for fields in ({"has_own_scopes": True, "key_id": "key_1"}, {"client_id": "client_1"}):
        assert outcomes(of_newsroom("owner", **fields), thing) == ("allowed", "refused")
        with pytest.raises(PermissionDenied):
            decide_whole(of_newsroom("owner", **fields), Scope.ORGS_WRITE)
        decide_whole(of_newsroom("owner", scopes=frozenset({"orgs:write"}), **fields), Scope.ORGS_WRITE)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [(SubjectKind.USER, "user_ana"), (SubjectKind.ROLE, "developer"), (SubjectKind.ORGANIZATION, "org_newsroom")],
)
def test_what_is_shared_may_be_read_or_written_as_it_is_shared(kind: SubjectKind, subject: str) -> None:
    ana = of_newsroom("member")
    assert outcomes(ana, shared(kind, subject)) == ("allowed", "refused")
    assert outcomes(ana, shared(kind, subject, WRITE)) == ("allowed", "allowed")
    assert outcomes(ana, shared(kind, f"{subject}_x", WRITE)) == ("hidden", "hidden")


def test_a_share_with_one_kind_is_no_share_with_another_of_the_same_name() -> None:
    assert outcomes(ANA, shared(SubjectKind.ROLE, "user_ana")) == ("hidden", "hidden")
    assert outcomes(ANA, shared(SubjectKind.USER, "developer")) == ("hidden", "hidden")


def test_the_scope_for_all_of_it_is_enough() -> None:
    assert outcomes(replace(ANA, scopes=frozenset({"resources:admin"})), THING) == ("allowed", "allowed")


def test_no_scope_but_that_one_is_enough() -> None:
    assert outcomes(replace(ANA, scopes=frozenset(Scope) - {Scope.RESOURCES_ADMIN}), THING) == ("hidden", "hidden")


def test_nobody_is_anything_in_no_organization() -> None:
    assert role_in(of_newsroom("owner"), None) is None


def model(who: Principal, what: Resource, access: str) -> str:
    """The rules once more, in another way: what allows is collected first, and then asked for the access."""
    reasons: list[tuple[str, str]] = []
    may_manage = not (who.has_own_scopes or who.client_id)
    theirs = {
        name: role.value
        for name, role in who.memberships.items()
        if who.organization_id is None or who.organization_id == name
    }
    if "resources:admin" in who.scopes:
        reasons.append(("scope", "write"))
    if who.user_id and what.owner_id == who.user_id:
        reasons.append(("owner", "write"))
    if what.organization_id in theirs:
        manages = theirs[what.organization_id] != "member" and may_manage
        reasons.append(("organization", "write" if manages else "read"))
    for share in what.shares:
        holders = {"user": [who.user_id], "role": list(who.roles), "organization": list(theirs)}[
            share.subject_kind.value
        ]
        if share.subject_id in holders:
            reasons.append(("share", share.access.value))
    granted = {grant for _, grant in reasons}
    if not granted:
        return "hidden"
    return "allowed" if access == "read" or "write" in granted else "refused"


USERS = st.sampled_from(["user_1", "user_2"])
ORGANIZATIONS = st.sampled_from(["org_1", "org_2"])
SUBJECTS = st.sampled_from(["user_1", "user_2", "org_1", "org_2", "viewer", "developer"])
PRINCIPALS = st.builds(
    Principal,
    user_id=USERS | st.none(),
    key_id=st.none(),
    roles=st.sampled_from([(), ("viewer",), ("viewer", "developer")]),
    scopes=st.sampled_from([frozenset[str]()] * 3 + [frozenset({"resources:admin"}), frozenset({"users:write"})]),
    name=st.just(""),
    organization_id=ORGANIZATIONS | st.none(),
    client_id=st.sampled_from([None, None, "client_1"]),
    memberships=st.dictionaries(ORGANIZATIONS, st.sampled_from(OrganizationRole)),
    has_own_scopes=st.booleans(),
)
SHARES = st.builds(
    Share,
    resource_kind=st.just("prompt"),
    resource_id=st.just("prompt_1"),
    subject_kind=st.sampled_from(SubjectKind),
    subject_id=SUBJECTS,
    access=st.sampled_from(Access),
    created_by=st.none(),
    created_at=st.just(NOON),
)
RESOURCES = st.builds(
    Resource,
    kind=st.just("prompt"),
    id=st.just("prompt_1"),
    owner_id=USERS | st.none(),
    organization_id=ORGANIZATIONS | st.none(),
    shares=st.lists(SHARES, max_size=3).map(tuple),
)


@given(PRINCIPALS, RESOURCES, st.sampled_from(Access))
def test_every_decision_is_that_of_the_model(who: Principal, what: Resource, access: Access) -> None:
    assert outcome(who, what, access) == model(who, what, access.value)
