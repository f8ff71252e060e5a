"""What is shared with whom, on both databases."""

from dataclasses import replace

from smartlite.domain.organizations import Access, Share, SubjectKind
from smartlite.storage import shares
from smartlite.storage.database import Database
from tests.storage.rows import NOON

SHARE = Share("request", "rec_1", SubjectKind.USER, "user_1", Access.READ, "user_2", NOON)


async def test_a_share_comes_back_as_it_was_put_and_is_changed_by_another(database: Database) -> None:
    with_role = replace(SHARE, subject_kind=SubjectKind.ROLE, subject_id="роль", access=Access.WRITE, created_by=None)
    async with database.writing() as session:
        await shares.put(session, SHARE)
        await shares.put(session, with_role)
        assert await shares.of_resource(session, "request", "rec_1") == (with_role, SHARE)
        await shares.put(session, replace(SHARE, access=Access.WRITE))
        await shares.put(session, replace(SHARE, access=Access.WRITE))
        assert await shares.of_resource(session, "request", "rec_1") == (
            with_role,
            replace(SHARE, access=Access.WRITE),
        )


async def test_a_share_is_of_one_thing_only(database: Database) -> None:
    async with database.writing() as session:
        await shares.put(session, SHARE)
        for kind, resource_id in (("request", "rec_2"), ("prompt", "rec_1"), ("request", "REC_1"), ("request", "")):
            assert await shares.of_resource(session, kind, resource_id) == ()


async def test_a_share_is_taken_back(database: Database) -> None:
    async with database.writing() as session:
        await shares.put(session, SHARE)
        assert not await shares.remove(session, replace(SHARE, subject_id="user_2"))
        assert await shares.remove(session, replace(SHARE, access=Access.WRITE))
        assert not await shares.remove(session, SHARE)


async def test_who_is_no_more_is_forgotten_in_every_share(database: Database) -> None:
    role = replace(SHARE, subject_kind=SubjectKind.ROLE, subject_id="user_1")
    async with database.writing() as session:
        for share in (SHARE, replace(SHARE, resource_id="rec_2"), role):
            await shares.put(session, share)
        await shares.forget_subject(session, SubjectKind.USER, "user_1")
        assert await shares.of_resource(session, "request", "rec_1") == (role,)
        assert await shares.of_resource(session, "request", "rec_2") == ()
