"""Users, keys and entries for tests that need some. Must not know any test."""

from datetime import UTC, datetime, timedelta

from smartlite.domain.identity import ApiKey, AuditEntry, Session, User
from smartlite.domain.ids import new_id

NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


def a_user(email: str = "ada@example.org", *, is_active: bool = True) -> User:
    """A user."""
    return User(new_id("user"), email, "Ada", is_active, NOON)


def a_key(user: User, public_id: str = "", scopes: frozenset[str] | None = None) -> ApiKey:
    """A key of a user, which expires in a day."""
    hashed = bytes(range(32))
    public_id = public_id or new_id("pk")
    return ApiKey(new_id("key"), user.id, "laptop", public_id, hashed, scopes, NOON, NOON + timedelta(days=1))


def a_session(user: User) -> Session:
    """A session of a user, which expires in a day."""
    hashed = bytes(range(32))
    expires_at = NOON + timedelta(days=1)
    return Session(new_id("ses"), user.id, NOON, NOON, expires_at, None, "curl/8", "::1", 0, hashed, hashed[::-1])


def an_entry(minutes: int = 0, actor_id: str | None = None) -> AuditEntry:
    """An entry, so many minutes after noon."""
    at = NOON + timedelta(minutes=minutes)
    return AuditEntry(new_id("audit"), at, actor_id, "user.create", "user", "user_1", "::1", {"n": minutes})
