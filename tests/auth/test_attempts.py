"""How many passwords may be tried in vain, for an account and from an address."""

import pytest

from smartlite.auth.attempts import OF_ACCOUNT, OF_ADDRESS, OF_PAIR, Attempts
from smartlite.errors import TooManySignIns

HOME = "203.0.113.7"


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def in_vain(attempts: Attempts, account: str, *addresses: str | None) -> int:
    """Try from each address in vain; how often that was allowed."""
    allowed = 0
    for address in addresses:
        try:
            attempts.begin(account, address)
        except TooManySignIns:
            continue
        allowed += 1
    return allowed


def test_some_are_allowed_and_then_one_every_half_minute() -> None:
    clock = Seconds()
    attempts = Attempts(clock)
    assert in_vain(attempts, "ana", *[HOME] * 50) == OF_PAIR
    with pytest.raises(TooManySignIns) as caught:
        attempts.begin("ana", HOME)
    assert (caught.value.status_code, caught.value.retry_after_s) == (429, 30)
    for _ in range(3):
        clock.now += 30
        assert in_vain(attempts, "ana", *[HOME] * 5) == 1
    clock.now += 3600
    assert in_vain(attempts, "ana", *[HOME] * 50) == OF_PAIR


def test_one_account_may_be_tried_only_so_often_from_everywhere() -> None:
    attempts = Attempts(Seconds())
    assert in_vain(attempts, "ana", *(f"198.51.100.{number}" for number in range(200))) == OF_ACCOUNT
    assert in_vain(attempts, "bob", HOME) == 1


def test_others_do_not_lock_somebody_out_of_where_they_signed_in_before() -> None:
    attempts = Attempts(Seconds())
    attempts.begin("ana", HOME)
    attempts.succeeded("ana", HOME)
    in_vain(attempts, "ana", *(f"198.51.100.{number}" for number in range(200)))
    assert in_vain(attempts, "ana", "192.0.2.1") == 0
    assert in_vain(attempts, "ana", *[HOME] * 50) == OF_PAIR


def test_one_address_may_try_only_so_often_whoever_it_tries() -> None:
    attempts = Attempts(Seconds())
    tried = [in_vain(attempts, f"user{number}", HOME) for number in range(200)]
    assert sum(tried) == OF_ADDRESS
    assert in_vain(attempts, "ana", "198.51.100.1") == 1


def test_an_ipv6_network_is_one_address_and_a_mapped_one_is_its_ipv4() -> None:
    attempts = Attempts(Seconds())
    network = [f"2001:db8:0:1::{number:x}" for number in range(1, 50)]
    assert in_vain(attempts, "ana", *network) == OF_PAIR
    assert in_vain(attempts, "ana", "2001:db8:0:2::1") == 1
    assert in_vain(attempts, "bob", *[HOME] * 9, f"::ffff:{HOME}") == OF_PAIR


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", None, "testclient", "fe80::1%eth0"])
def test_an_address_that_may_be_anybodys_is_counted_for_each_account_alone(address: str | None) -> None:
    attempts = Attempts(Seconds())
    assert in_vain(attempts, "ana", *[address] * 50) == OF_PAIR
    assert in_vain(attempts, "bob", address) == 1


def test_those_that_were_not_in_vain_do_not_count() -> None:
    attempts = Attempts(Seconds())
    for _ in range(500):
        attempts.begin("ana", HOME)
        attempts.succeeded("ana", HOME)
    for _ in range(500):
        attempts.begin("ana", HOME)
        attempts.give_back("ana", HOME)
    assert in_vain(attempts, "ana", *[HOME] * 50) == OF_PAIR


def test_the_right_password_makes_up_for_some_wrong_ones() -> None:
    attempts = Attempts(Seconds())
    assert in_vain(attempts, "ana", *[HOME] * (OF_PAIR - 1)) == OF_PAIR - 1
    attempts.begin("ana", HOME)
    attempts.succeeded("ana", HOME)
    assert in_vain(attempts, "ana", *[HOME] * 50) == OF_PAIR
