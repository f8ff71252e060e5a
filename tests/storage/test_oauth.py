"""Clients, grants, codes and accounts of other providers, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.domain.identity import User
from smartlite.domain.ids import new_id
from smartlite.domain.oauth import (
    ClientKind,
    Code,
    ExternalAccount,
    ExternalSignIn,
    Grant,
    GrantType,
    HeldGrant,
    OAuthClient,
)
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound
from smartlite.storage import external_accounts, oauth_clients, oauth_grants, sessions, users
from smartlite.storage.database import Database
from tests.storage.rows import NOON, a_session, a_user

HASH = bytes(range(32))
OTHER = HASH[::-1]


def a_client(user: User, name: str = "Captions") -> OAuthClient:
    return OAuthClient(
        id=new_id("client"),
        user_id=user.id,
        name=name,
        kind=ClientKind.CONFIDENTIAL,
        secret_hash=HASH,
        redirect_uris=("https://b.example/cb", "https://a.example/cb"),
        grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
        scopes=frozenset({"llm:chat", "asr:transcribe:a"}),
        created_at=NOON,
    )


async def owner(database: Database, email: str = "ada@example.org", *roles: str) -> User:
    user = a_user(email)
    async with database.writing() as session:
        await users.add(session, user, roles)
    return user


async def added(database: Database, user: User, *clients: OAuthClient) -> OAuthClient:
    found = clients or (a_client(user),)
    async with database.writing() as session:
        for each in found:
            await oauth_clients.add(session, each)
    return found[0]


async def a_grant(database: Database, user: User, client: OAuthClient) -> Grant:
    begun = a_session(user)
    grant = Grant(new_id("grant"), begun.id, client.id, frozenset({"llm:chat"}), NOON)
    async with database.writing() as session:
        await sessions.add(session, begun)
        await oauth_grants.add(session, grant)
    return grant


def a_code(user: User, client: OAuthClient) -> Code:
    until = NOON + timedelta(seconds=60)
    return Code(HASH, client.id, user.id, "https://a.example/cb", "c" * 43, frozenset({"llm:chat"}), until)


async def test_a_client_is_read_as_it_was_added_and_found_with_its_owner(database: Database) -> None:
    user = await owner(database, "ada@example.org", "admin", "reader")
    client = await added(database, user)
    async with database.reading() as session:
        assert await oauth_clients.get(session, client.id) == client
        assert await oauth_clients.get(session, "client_x") is None
        held = await oauth_clients.with_owner(session, client.id, NOON)
        assert await oauth_clients.with_owner(session, "é", NOON) is None
    assert held is not None
    assert (held.client, held.user, held.roles, held.revoked_tokens) == (client, user, {"admin", "reader"}, frozenset())


async def test_a_client_of_nobody_or_with_too_long_a_name_is_not_added(database: Database) -> None:
    with pytest.raises(NotFound) as caught:
        await added(database, a_user())
    assert caught.value.param == "user_id"
    user = await owner(database)
    with pytest.raises(InvalidRequest):
        await added(database, user, a_client(user, "🎙" * 201))
    await added(database, user, a_client(user, "🎙" * 200))


async def test_clients_come_in_pages_and_are_counted_until_they_are_revoked(database: Database) -> None:
    user, other = await owner(database), await owner(database, "else@example.org")
    clients = sorted((a_client(user) for _ in range(3)), key=lambda each: each.id)
    await added(database, user, *clients, a_client(other))
    async with database.writing() as session:
        first = await oauth_clients.page_of_user(session, user.id, limit=2)
        rest = await oauth_clients.page_of_user(session, user.id, limit=2, after=first.next)
        assert ([*first.items, *rest.items], rest.next) == (clients, None)
        assert await oauth_clients.count_of_user(session, user.id) == 3
        assert [await oauth_clients.revoke(session, clients[0].id, NOON) for _ in range(2)] == [True, False]
        assert not await oauth_clients.revoke(session, "client_x", NOON)
        assert await oauth_clients.count_of_user(session, user.id) == 2
        assert not await oauth_clients.set_secret(session, clients[0].id, OTHER)
        assert await oauth_clients.set_secret(session, clients[1].id, OTHER)
        assert await oauth_clients.get(session, clients[1].id) == replace(clients[1], secret_hash=OTHER)
        assert await oauth_clients.get(session, clients[0].id) == replace(clients[0], revoked_at=NOON)


async def test_tokens_that_were_revoked_are_known_until_they_expire(database: Database) -> None:
    user = await owner(database)
    client = await added(database, user)
    soon, later = NOON + timedelta(minutes=1), NOON + timedelta(minutes=10)
    async with database.writing() as session:
        assert await oauth_clients.revoke_token(session, client.id, "tok_1", soon, NOON)
        assert not await oauth_clients.revoke_token(session, client.id, "tok_1", soon, NOON)
        assert await oauth_clients.revoke_token(session, client.id, "tok_2", later, NOON)
        assert await oauth_clients.count_revoked_tokens(session, client.id, NOON) == 2
        held = await oauth_clients.with_owner(session, client.id, soon)
        assert held is not None
        assert held.revoked_tokens == {"tok_2"}
        assert await oauth_clients.revoke_token(session, client.id, "tok_3", later, soon)
        held = await oauth_clients.with_owner(session, client.id, NOON)
        assert held is not None
        assert held.revoked_tokens == {"tok_2", "tok_3"}


async def test_a_grant_is_found_with_all_that_it_hangs_on(database: Database) -> None:
    user, maker = await owner(database, "ada@example.org", "user"), await owner(database, "dev@example.org", "admin")
    client = await added(database, maker)
    grant = await a_grant(database, user, client)
    async with database.reading() as session:
        held = await oauth_grants.with_user(session, grant.id)
        assert await oauth_grants.with_user(session, "grant_x") is None
        assert await oauth_grants.get(session, grant.id) == grant
        assert await oauth_grants.of_session(session, grant.session_id) == grant
        assert await oauth_grants.of_session(session, "ses_x") is None
        of = await sessions.with_user(session, grant.session_id)
    assert of is not None
    assert held == HeldGrant(grant, client, of.session, user, frozenset({"user"}))


async def test_grants_come_in_pages_while_they_go_on_and_are_no_sessions_in_the_list(database: Database) -> None:
    user = await owner(database)
    client, gone = a_client(user), a_client(user)
    await added(database, user, client, gone)
    grants = sorted([await a_grant(database, user, client) for _ in range(3)], key=lambda each: each.id)
    ended = await a_grant(database, user, client)
    await a_grant(database, user, gone)
    own = a_session(user)
    async with database.writing() as session:
        await sessions.add(session, own)
        await sessions.revoke(session, ended.session_id, NOON)
        await oauth_clients.revoke(session, gone.id, NOON)
        first = await oauth_grants.page_of_user(session, user.id, now=NOON, limit=2)
        rest = await oauth_grants.page_of_user(session, user.id, now=NOON, limit=2, after=first.next)
        assert [each for each, _ in (*first.items, *rest.items)] == grants
        assert rest.next is None
        assert (await oauth_grants.page_of_user(session, user.id, now=NOON + timedelta(days=1))).items == ()
        assert [each.id for each in (await sessions.page_of_user(session, user.id, now=NOON)).items] == [own.id]
        assert await sessions.revoke_of_user(session, user.id, NOON) == 5


async def test_a_session_that_is_forgotten_takes_its_grant_with_it(database: Database) -> None:
    user = await owner(database)
    grant = await a_grant(database, user, await added(database, user))
    async with database.writing() as session:
        await sessions.make_room(session, user.id, NOON + timedelta(days=1), 10)
        assert await oauth_grants.get(session, grant.id) is None


async def test_a_code_is_used_once_by_one_of_two(database: Database) -> None:
    user = await owner(database)
    code = a_code(user, await added(database, user))
    async with database.writing() as session:
        await oauth_grants.add_code(session, code)
        assert await oauth_grants.locked_code(session, code.code_hash) == code
        assert await oauth_grants.locked_code(session, OTHER) is None

    async def use(grant_id: str) -> str | None:
        async with database.writing() as session:
            found = await oauth_grants.locked_code(session, code.code_hash)
            assert found is not None
            await asyncio.sleep(0.05)
            if found.grant_id is None:
                assert await oauth_grants.use_code(session, code.code_hash, grant_id)
            return found.grant_id

    before = await asyncio.gather(use("grant_1"), use("grant_2"))
    assert None in before
    assert {"grant_1", "grant_2"} & set(before)
    async with database.writing() as session:
        assert not await oauth_grants.use_code(session, code.code_hash, "grant_3")


async def test_old_codes_are_forgotten_when_the_next_is_added(database: Database) -> None:
    user = await owner(database)
    code = a_code(user, await added(database, user))
    next_day = replace(code, code_hash=OTHER, expires_at=code.expires_at + timedelta(days=1))
    async with database.writing() as session:
        await oauth_grants.add_code(session, code)
        await oauth_grants.add_code(session, next_day)
        assert await oauth_grants.locked_code(session, code.code_hash) is None
        assert await oauth_grants.locked_code(session, OTHER) == next_day
        with pytest.raises(NotFound):
            await oauth_grants.add_code(session, replace(code, client_id="client_x"))


async def test_an_account_of_another_provider_is_one_users(database: Database) -> None:
    user = await owner(database)
    account = ExternalAccount(HASH, "there", "🎙" * 255, user.id, "a@b.c", NOON)
    async with database.writing() as session:
        await external_accounts.add(session, account)
        assert await external_accounts.get(session, HASH) == account
        assert await external_accounts.get(session, OTHER) is None
    for wrong, error in (
        (account, AlreadyExists),
        (replace(account, account_hash=OTHER, user_id="user_x"), NotFound),
        (replace(account, account_hash=OTHER, subject="x" * 256), InvalidRequest),
    ):
        with pytest.raises(error):
            async with database.writing() as session:
                await external_accounts.add(session, wrong)


async def test_a_sign_in_that_is_under_way_ends_once_and_is_forgotten_when_it_is_late(database: Database) -> None:
    until = NOON + timedelta(minutes=10)
    begun = ExternalSignIn(HASH, "there", OTHER, "::1", until)
    async with database.writing() as session:
        await external_accounts.begin(session, begun, NOON)
        assert await external_accounts.count_under_way(session, "::1", NOON) == 1
        assert await external_accounts.count_under_way(session, "::2", NOON) == 0
        assert [await external_accounts.end(session, HASH) for _ in range(2)] == [begun, None]
        await external_accounts.begin(session, begun, NOON)
        await external_accounts.begin(session, replace(begun, state_hash=OTHER), until)
        assert await external_accounts.end(session, HASH) is None


async def test_of_two_who_come_back_at_once_one_is_told(database: Database) -> None:
    async with database.writing() as session:
        await external_accounts.begin(
            session, ExternalSignIn(HASH, "there", OTHER, None, NOON + timedelta(minutes=10)), NOON
        )

    async def end() -> ExternalSignIn | None:
        async with database.writing() as session:
            return await external_accounts.end(session, HASH)

    assert sorted(found is None for found in await asyncio.gather(end(), end())) == [False, True]


def test_no_hash_is_shown() -> None:
    user = a_user()
    client = a_client(user)
    for shown in (client, a_code(user, client), ExternalSignIn(HASH, "x", HASH, None, NOON)):
        assert "hash" not in repr(shown)
