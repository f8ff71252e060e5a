"""What is shared with whom, each change noted with it. Must not know what can be shared, nor HTTP.

Whoever calls has asked ``policies.decide_access`` before.
"""

from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.policies import Resource, role_in
from smartlite.auth.scopes import BUILT_IN_ROLES, Scope
from smartlite.domain.organizations import Access, Share, SubjectKind
from smartlite.domain.principal import Principal
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound
from smartlite.storage import organizations, roles, shares, users
from smartlite.storage.database import Database, ReadSession, retried

MAX_SHARES: Final = 100
"""Of one thing: every decision about it reads them all."""


class Sharing:
    """Shares on a database. One for each process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, kind: str, resource_id: str) -> tuple[Share, ...]:
        """With whom something is shared."""
        async with self._database.reading() as session:
            return await shares.of_resource(session, kind, resource_id)

    async def put(
        self,
        principal: Principal,
        actor: Actor,
        resource: Resource,
        subject_kind: SubjectKind,
        subject_id: str,
        access: Access,
    ) -> Share:
        """Share something, or share it otherwise than before.

        Raises:
            InvalidRequest: 400, there is nobody of this kind and id; or it is shared with too many.
        """
        share = Share(resource.kind, resource.id, subject_kind, subject_id, access, actor.user_id, utc_now())

        async def work() -> None:
            async with self._database.writing() as session:
                await _check_subject(session, principal, subject_kind, subject_id)
                before = await shares.of_resource(session, resource.kind, resource.id)
                is_new = all((each.subject_kind, each.subject_id) != (subject_kind, subject_id) for each in before)
                if is_new and len(before) >= MAX_SHARES:
                    raise InvalidRequest(f"This is shared with {MAX_SHARES} already, which is the most.", "subject_id")
                await shares.put(session, share)
                await note(session, actor, "share.put", resource.kind, resource.id, _details(share))

        try:
            await retried(work)
        except AlreadyExists:
            await retried(work)  # somebody else shared it at the same time
        return share

    async def remove(self, actor: Actor, resource: Resource, subject_kind: SubjectKind, subject_id: str) -> None:
        """Share something no more with somebody.

        Raises:
            NotFound: 404, it was not shared with them.
        """
        share = Share(resource.kind, resource.id, subject_kind, subject_id, Access.READ, actor.user_id, utc_now())

        async def work() -> None:
            async with self._database.writing() as session:
                if not await shares.remove(session, share):
                    raise NotFound("It is not shared with them.", "subject_id")
                details = {"subject_kind": subject_kind.value, "subject": subject_id}
                await note(session, actor, "share.remove", resource.kind, resource.id, details)

        await retried(work)


async def _check_subject(session: ReadSession, principal: Principal, kind: SubjectKind, subject_id: str) -> None:
    if kind is SubjectKind.USER:
        is_there = await users.get(session, subject_id) is not None
    elif kind is SubjectKind.ROLE:
        is_there = subject_id in BUILT_IN_ROLES or bool(await roles.named(session, [subject_id]))
    else:
        is_seen = role_in(principal, subject_id) is not None or principal.may(Scope.ORGS_READ)
        is_there = is_seen and await organizations.get(session, subject_id) is not None
    if not is_there:
        raise InvalidRequest(f"'subject_id': there is no {kind.value} '{subject_id[:64]}'.", "subject_id")


def _details(share: Share) -> dict[str, object]:
    return {"subject_kind": share.subject_kind.value, "subject": share.subject_id, "access": share.access.value}
