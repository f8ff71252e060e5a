"""Which user an account at another provider is: known, linked by its address, or new. Must not know tokens."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Final

from smartlite.auth.noted import Actor, note
from smartlite.auth.oidc.id_tokens import Identity
from smartlite.auth.oidc.providers import Provider
from smartlite.domain.identity import User
from smartlite.domain.ids import new_id
from smartlite.domain.oauth import ExternalAccount
from smartlite.errors import ExternalSignInRefused
from smartlite.storage import external_accounts, users
from smartlite.storage.database import WriteSession

_UNKNOWN: Final = "This account is nobody's here. Ask an administrator of this platform."
_KEPT_OUT: Final = "This account may not sign in."


async def user_of(
    session: WriteSession, provider: Provider, identity: Identity, address: str | None, now: datetime
) -> User:
    """The user who signed in, in the unit of work that begins their session.

    Raises:
        ExternalSignInRefused: 403, it is nobody's account here, or of somebody who is kept out.
        AlreadyExists: Somebody else was faster with the same; do it again.
    """
    account_hash = hash_of(provider.issuer, identity.subject)
    known = await external_accounts.get(session, account_hash)
    if known is not None:
        user = await users.get(session, known.user_id)
    else:
        user = await _linked(session, provider, identity) or await _made(session, provider, identity, address, now)
    if user is None:
        raise ExternalSignInRefused(_UNKNOWN)
    # Until this unit of work ends nobody keeps them out, so that the session is there when their sessions are ended.
    await users.locked_password(session, user.id)
    user = await users.get(session, user.id)
    if user is None or not user.is_active:
        raise ExternalSignInRefused(_KEPT_OUT)
    if known is None:
        account = ExternalAccount(account_hash, provider.id, identity.subject, user.id, identity.email, now)
        await external_accounts.add(session, account)
        details = {"provider": provider.id, "subject": identity.subject}
        await note(session, Actor(user.id, address), "external_account.add", "user", user.id, details)
    return user


def hash_of(issuer: str, subject: str) -> bytes:
    """What an account is known by: issuer and subject, which only together name it (OpenID Connect Core, 5.7)."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).digest()


async def _linked(session: WriteSession, provider: Provider, identity: Identity) -> User | None:
    if identity.email is None or not _is_in(identity.email, provider.allowed_email_domains):
        return None
    return await users.by_email(session, identity.email)


async def _made(
    session: WriteSession, provider: Provider, identity: Identity, address: str | None, now: datetime
) -> User | None:
    domains = provider.allowed_email_domains
    if not provider.auto_create or identity.email is None or (domains and not _is_in(identity.email, domains)):
        return None
    if await users.by_email(session, identity.email) is not None:
        return None
    user = User(new_id("user"), identity.email, identity.name or identity.email, True, now)
    await users.add(session, user, provider.default_roles)
    details = {"roles": sorted(provider.default_roles), "provider": provider.id}
    await note(session, Actor(None, address), "user.add", "user", user.id, details)
    return user


def _is_in(email: str, domains: Collection[str]) -> bool:
    return email.rpartition("@")[2].lower() in domains
