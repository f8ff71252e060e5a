"""Every route, asked by everybody, for what belongs to everybody: out of the gateway's own table of routes.

What is expected follows from what a route declares and, where its address has a parameter, from ``OWNERSHIP``: a route
that declares nothing, and one with a parameter that is not in that table, fails here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from smartlite.api.permissions import Needs, NeedsPrincipal, Public
from smartlite.api.services import Services
from smartlite.auth.scopes import covers
from tests.api.ownership import ABSENT, EMPTY, HIDDEN, KEYS_NEED, NEVER, NO, NOBODYS, OWNERSHIP, YES, Owned
from tests.api.tenants import CALLERS, OWNERS, Caller, Tenants, tenants


@dataclass(frozen=True)
class Declared:
    """A route, as the gateway has it."""

    name: str
    """Such as ``GET /v1/users/{user_id}``."""
    needs: tuple[Needs | NeedsPrincipal | Public, ...]
    is_versioned: bool = field(default=True)

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]

    def address(self, parameters: dict[str, str]) -> str:
        return self.name.partition(" ")[2].replace(":path", "").format(**parameters)

    @property
    def has_parameter(self) -> bool:
        return "{" in self.name

    @property
    def is_public(self) -> bool:
        return any(isinstance(each, Public) for each in self.needs)

    def is_open_to(self, caller: Caller) -> bool:
        """Whether the caller holds the scope that is declared, be it for some model only."""
        return all(covers(caller.scopes, each.scope) for each in self.needs if isinstance(each, Needs))


def table_of(app: FastAPI) -> Iterator[Declared]:
    """Every route of the gateway, with what it and its router declare."""
    kinds = (Needs, NeedsPrincipal, Public)
    for included in app.routes:
        for found in included.effective_candidates() if hasattr(included, "effective_candidates") else (included,):
            route = getattr(found, "original_route", found)
            if not isinstance(route, APIRoute):
                continue
            prefix = found.path.removesuffix(route.path)
            path = prefix + route.path
            needs = tuple(each.dependency for each in route.dependencies if isinstance(each.dependency, kinds))
            for method in sorted(route.methods):
                yield Declared(f"{method} {path}", needs, path.startswith("/v1/"))


@pytest.fixture
async def world(services: Services, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    async with tenants(services, tmp_path, getattr(request, "param", CALLERS[0])) as world:
        yield world


async def test_every_route_is_declared_and_every_parameter_has_an_owner(world: Tenants) -> None:
    table = list(table_of(world.app))
    assert len(table) > 60
    assert [route.name for route in table if route.is_versioned and len(route.needs) != 1] == []
    with_parameter = {route.name for route in table if route.has_parameter and not route.is_public}
    assert with_parameter == set(OWNERSHIP)
    assert set(KEYS_NEED) <= {route.name for route in table}


async def test_without_a_good_credential_nothing_is_reached_but_what_is_public(world: Tenants) -> None:
    found = []
    parameters = dict.fromkeys([name for owned in OWNERSHIP for name in parameter_names(owned)], NOBODYS) | {
        "provider_id": NOBODYS
    }
    for authorization in ("", "Bearer sl_wrong", f"Bearer {world.key[:-1]}0", "Bearer a.b.c"):
        async with world.client(authorization) as client:
            for route in table_of(world.app):
                if not route.is_versioned:
                    continue
                answer = await client.request(route.method, route.address(parameters))
                is_reached = answer.status_code != 401 or answer.json()["error"]["code"] != "invalid_api_key"
                if is_reached != route.is_public or answer.status_code >= 500:
                    found.append((route.name, authorization, answer.status_code))
    assert found == []


@pytest.mark.parametrize("world", CALLERS, ids=lambda caller: caller.name, indirect=True)
async def test_a_route_is_open_to_who_holds_its_scope_and_to_nobody_else(world: Tenants) -> None:
    found = []
    async with world.client() as client:
        for route in table_of(world.app):
            if route.has_parameter or not route.is_versioned or route.is_public:
                continue
            wanted = KEYS_NEED.get(route.name)
            is_open = route.is_open_to(world.caller) and (wanted is None or world.caller.may(wanted))
            body = None if route.method in {"GET", "DELETE"} else {}
            answer = await client.request(route.method, route.address({}), json=body)
            is_right = answer.status_code in {200, 400, 415} if is_open else answer.status_code == 403
            if not is_right:
                found.append((route.name, is_open, answer.status_code, answer.text[:200]))
    assert found == []


@pytest.mark.parametrize("world", CALLERS, ids=lambda caller: caller.name, indirect=True)
async def test_a_thing_is_reached_by_whom_it_belongs_to_and_is_not_there_for_others(world: Tenants) -> None:
    found = []
    async with world.client() as client:
        for route in table_of(world.app):
            if route.name not in OWNERSHIP:
                continue
            owned = OWNERSHIP[route.name]
            nobodys = await ask(world, client, route, dict.fromkeys(parameter_names(route.name), NOBODYS))
            for owner in OWNERS:
                parameters = await owned.make(world, owner)
                answer = await ask(world, client, route, parameters)
                wanted = expected(route, owned, world.caller, owner)
                if not is_as(wanted, answer) or (wanted == HIDDEN and told(answer) != told(nobodys)):
                    found.append((route.name, owner, wanted, answer.status_code, answer.text[:200]))
            wanted = expected(route, owned, world.caller, "nobody")
            if not is_as(wanted, nobodys):
                found.append((route.name, "nobody", wanted, nobodys.status_code, nobodys.text[:200]))
    assert found == []


async def ask(world: Tenants, client: httpx.AsyncClient, route: Declared, parameters: dict[str, str]) -> httpx.Response:
    body = OWNERSHIP[route.name].body
    if body == {"user": "fresh"}:
        body = {"user": await world.user("viewer")}
    answer = await client.request(route.method, route.address(parameters), json=body)
    answer.extensions["parameters"] = parameters
    return answer


def expected(route: Declared, owned: Owned, caller: Caller, owner: str) -> str:
    if not route.is_open_to(caller):
        return NO
    is_other = owned.key_needs_not is not None and caller.may(owned.key_needs_not)
    if owned.key_needs is not None and not is_other and not caller.may(owned.key_needs):
        return NO
    if owner == "nobody" and owned is not ABSENT:
        return HIDDEN
    return owned.rule(caller, owner)


def is_as(wanted: str, answer: httpx.Response) -> bool:
    if wanted == YES:
        return answer.status_code in {200, 201, 202, 204}
    return answer.status_code in {NO: {403}, HIDDEN: {404}, NEVER: {400, 404}, EMPTY: {404}}[wanted]


def told(answer: httpx.Response) -> tuple[int, str]:
    """The answer without the ids that were asked for."""
    text = answer.text
    for value in answer.extensions["parameters"].values():
        text = text.replace(value, "")
    return answer.status_code, text


def parameter_names(route: str) -> list[str]:
    return [part.partition("}")[0].removesuffix(":path") for part in route.split("{")[1:]]
