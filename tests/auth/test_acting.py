"""For which organisation somebody asks, and that whoever is taken out of one is out within two seconds."""

import pytest

from smartlite.auth.acting import Acting
from smartlite.domain.organizations import Memberships, OrganizationRole
from smartlite.domain.principal import Principal
from smartlite.errors import OrganizationMismatch, Unauthorized, Unavailable
from tests.auth.keyring import Clock

ANA = Principal("user_ana", "key_1", (), frozenset(), "Ana")
OF_NEWSROOM = Principal("user_ana", "key_2", (), frozenset(), "Ana", organization_id="org_newsroom")
OWNER, MEMBER = OrganizationRole.OWNER, OrganizationRole.MEMBER


class Store:
    """What users are in which organisation, and how often somebody asked."""

    def __init__(self) -> None:
        self.of: dict[str, Memberships] = {"user_ana": {"org_newsroom": OWNER, "org_archive": MEMBER}}
        self.asked = 0
        self.is_away = False

    async def find(self, user_id: str) -> Memberships:
        self.asked += 1
        if self.is_away:
            raise Unavailable("The database is away.")
        return self.of.get(user_id, {})


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def acting(store: Store, clock: Clock) -> Acting:
    return Acting(store.find, clock)


async def test_somebody_asks_for_themselves_and_has_their_memberships(acting: Acting, store: Store) -> None:
    found = await acting.complete(ANA, None)
    assert found is not None
    assert (found.organization_id, found.memberships) == (None, store.of["user_ana"])


async def test_somebody_asks_for_one_that_they_are_in(acting: Acting) -> None:
    found = await acting.complete(ANA, "org_archive")
    assert found is not None
    assert found.organization_id == "org_archive"


@pytest.mark.parametrize("name", ["org_other", "", "org_archive "])
async def test_nobody_asks_for_one_that_they_are_not_in(acting: Acting, name: str) -> None:
    with pytest.raises(OrganizationMismatch):
        await acting.complete(ANA, name)


async def test_a_key_asks_for_its_own_and_for_no_other(acting: Acting) -> None:
    for name in (None, "org_newsroom"):
        found = await acting.complete(OF_NEWSROOM, name)
        assert found is not None
        assert found.organization_id == "org_newsroom"
    with pytest.raises(OrganizationMismatch):
        await acting.complete(OF_NEWSROOM, "org_archive")


async def test_it_is_one_object_while_nothing_changes(acting: Acting, store: Store, clock: Clock) -> None:
    first = await acting.complete(ANA, "org_archive")
    assert await acting.complete(ANA, "org_archive") is first
    clock.move(1)
    assert await acting.complete(ANA, "org_archive") is first
    assert await acting.complete(ANA, "org_newsroom") is not first
    store.of["user_ana"] = {"org_archive": OWNER}
    clock.move(1)
    assert await acting.complete(ANA, "org_archive") is not first


async def test_the_store_is_asked_once_a_second(acting: Acting, store: Store, clock: Clock) -> None:
    for _ in range(3):
        await acting.complete(ANA, None)
        await acting.complete(OF_NEWSROOM, None)
    assert store.asked == 1
    clock.move(1)
    await acting.complete(ANA, None)
    assert store.asked == 2


async def test_who_is_taken_out_is_out_a_second_later(acting: Acting, store: Store, clock: Clock) -> None:
    await acting.complete(OF_NEWSROOM, None)
    store.of.clear()
    clock.move(1)
    assert await acting.complete(OF_NEWSROOM, None) is None
    assert await acting.complete(ANA, None) == ANA
    with pytest.raises(OrganizationMismatch):
        await acting.complete(ANA, "org_newsroom")


async def test_a_store_that_is_away_is_not_noticed_for_a_minute(acting: Acting, store: Store, clock: Clock) -> None:
    first = await acting.complete(ANA, "org_archive")
    store.is_away = True
    clock.move(30)
    assert await acting.complete(ANA, "org_archive") is first
    clock.move(31)
    with pytest.raises(Unavailable):
        await acting.complete(ANA, "org_archive")


async def test_where_there_are_no_organizations_none_can_be_named() -> None:
    acting = Acting(None, Clock())
    assert await acting.complete(ANA, None) is ANA
    assert await acting.complete(OF_NEWSROOM, None) is None
    with pytest.raises(Unauthorized):
        await acting.complete(ANA, "org_newsroom")
