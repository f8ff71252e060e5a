"""What fails is left alone for a while."""

from smartlite.storage.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(clock, failures=3, open_s=2.0)
    for _ in range(3):
        breaker.fail()
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = CircuitBreaker(Clock(), failures=3)
    for _ in range(2):
        breaker.fail()
    breaker.succeed()
    for _ in range(2):
        breaker.fail()
    assert breaker.may_try()
    breaker.fail()
    assert not breaker.may_try()


def test_one_try_is_let_through_after_a_while_and_the_next_one_a_while_later() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 2.0
    assert [breaker.may_try() for _ in range(3)] == [True, False, False]
    breaker.fail()
    clock.now_s += 1.9
    assert not breaker.may_try()
    clock.now_s += 0.1
    assert breaker.may_try()


def test_a_try_that_succeeds_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 2.0
    assert breaker.may_try()
    breaker.succeed()
    assert not breaker.is_open
    assert all(breaker.may_try() for _ in range(3))


def test_a_try_that_never_ends_does_not_keep_it_open_for_ever() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 2.0
    assert breaker.may_try()
    clock.now_s += 2.0
    assert breaker.may_try()
