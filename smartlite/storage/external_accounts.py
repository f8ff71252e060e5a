"""Accounts at other providers and sign-ins that are under way there, as rows. Must not know how a provider is asked."""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, insert, select

from smartlite.domain.oauth import ExternalAccount, ExternalSignIn
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.oauth_tables import SUBJECT_CHARACTERS, ExternalAccountRow, ExternalSignInRow
from smartlite.storage.tables import EMAIL_CHARACTERS

_ACCOUNT: Final = (
    ExternalAccountRow.account_hash,
    ExternalAccountRow.provider,
    ExternalAccountRow.subject,
    ExternalAccountRow.user_id,
    ExternalAccountRow.email,
    ExternalAccountRow.created_at,
)
_SIGN_IN: Final = (
    ExternalSignInRow.state_hash,
    ExternalSignInRow.provider,
    ExternalSignInRow.browser_hash,
    ExternalSignInRow.address,
    ExternalSignInRow.expires_at,
)


async def add(session: WriteSession, account: ExternalAccount) -> None:
    """Add an account.

    Raises:
        AlreadyExists: It is somebody's already (``subject``).
        NotFound: There is no such user (``user_id``).
        InvalidRequest: The subject is too long.
    """
    row = {
        "account_hash": account.account_hash,
        "provider": account.provider,
        "subject": fitting(account.subject, SUBJECT_CHARACTERS, "subject"),
        "user_id": account.user_id,
        "email": account.email and account.email[:EMAIL_CHARACTERS],
        "created_at": account.created_at,
    }
    try:
        await session.write(insert(ExternalAccountRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists("This account is somebody's already.", "subject") from error
    except NotFound as error:
        raise NotFound(f"There is no user '{account.user_id}'.", "user_id") from error


async def get(session: ReadSession, account_hash: bytes) -> ExternalAccount | None:
    """The account with a hash."""
    row = await session.row(select(*_ACCOUNT).where(ExternalAccountRow.account_hash == account_hash))
    return None if row is None else ExternalAccount(*row)


async def begin(session: WriteSession, sign_in: ExternalSignIn, now: datetime) -> None:
    """Note that somebody is sent away, and forget those who did not come back in time."""
    await session.write(delete(ExternalSignInRow).where(ExternalSignInRow.expires_at <= now))
    row = {
        "state_hash": sign_in.state_hash,
        "provider": sign_in.provider,
        "browser_hash": sign_in.browser_hash,
        "address": sign_in.address and sign_in.address[:64],
        "expires_at": sign_in.expires_at,
    }
    await session.write(insert(ExternalSignInRow).values(row))


async def count_under_way(session: ReadSession, address: str | None, now: datetime) -> int:
    """How many sign-ins were begun from an address and neither ended nor expired."""
    wanted = (ExternalSignInRow.address == (address and address[:64]), ExternalSignInRow.expires_at > now)
    row = await session.row(select(func.count()).select_from(ExternalSignInRow).where(*wanted))
    return 0 if row is None else int(row[0])


async def end(session: WriteSession, state_hash: bytes) -> ExternalSignIn | None:
    """Take the sign-in with a state away and tell of it: of two who ask for the same one, one is told."""
    row = await session.row(select(*_SIGN_IN).where(ExternalSignInRow.state_hash == state_hash).with_for_update())
    if row is None:
        return None
    gone = await session.write(delete(ExternalSignInRow).where(ExternalSignInRow.state_hash == state_hash))
    return ExternalSignIn(*row) if gone else None
