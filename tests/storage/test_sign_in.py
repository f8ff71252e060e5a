"""Signing in on both databases: what two that do it at the same time get is up to the database's locks."""

import asyncio
from dataclasses import replace

import pytest

from smartlite.auth.accounts import Accounts, open_accounts
from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor
from smartlite.auth.passwords import Passwords
from smartlite.auth.refresh_tokens import parse_refresh_token
from smartlite.auth.sessions import Visitor
from smartlite.errors import InvalidGrant
from smartlite.storage.database import Database

EMAIL, PASSWORD = "ana@example.com", "correct horse battery"


def replica(database: Database) -> Accounts:
    return open_accounts(database, passwords=Passwords(memory_kib=8))


async def test_many_that_refresh_at_the_same_time_get_one_successor_and_a_late_one_ends_it(database: Database) -> None:
    accounts = replica(database)
    await Identity(database).add_user(Actor(None), EMAIL, "Ana", ["user"])
    await accounts.sign_in.set_password(Actor(None), EMAIL, PASSWORD)
    first = await accounts.sign_in.sign_in(EMAIL, PASSWORD, Visitor())
    others = [accounts, replica(database), replica(database)]
    answers = await asyncio.gather(*(each.sessions.refresh(first.refresh_token, Visitor()) for each in others))
    assert len({answer.refresh_token for answer in answers}) == 1
    second = await accounts.sessions.refresh(answers[0].refresh_token, Visitor())
    assert second.session.generation == 2
    assert await accounts.check.find(second.access_token)
    known = parse_refresh_token(first.refresh_token)
    assert known is not None
    with pytest.raises(InvalidGrant):
        await accounts.sessions.refresh(replace(known, family="A" * 22).text, Visitor())
    assert await replica(database).check.find(second.access_token)
    with pytest.raises(InvalidGrant):
        await accounts.sessions.refresh(first.refresh_token, Visitor())
    assert await replica(database).check.find(second.access_token) is None


async def test_many_that_sign_in_first_at_the_same_time_all_get_tokens_that_are_good(database: Database) -> None:
    accounts = replica(database)
    await Identity(database).add_user(Actor(None), EMAIL, "Ana", ["user"])
    await accounts.sign_in.set_password(Actor(None), EMAIL, PASSWORD)
    others = [replica(database) for _ in range(3)]
    found = await asyncio.gather(*(each.sign_in.sign_in(EMAIL, PASSWORD, Visitor()) for each in others))
    for each in found:
        assert await replica(database).check.find(each.access_token)
