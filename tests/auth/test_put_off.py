"""Requests that begin before they are counted: few of them, and none of whoever was refused just now."""

from smartlite.auth.put_off import MAX_PUT_OFF, STRICT_S, PutOff


def test_only_so_many_of_one_begin_before_they_are_counted() -> None:
    put_off = PutOff(lambda: 0.0)
    assert [put_off.begin("a", 2) for _ in range(3)] == [True, True, False]
    assert put_off.begin("b", 2)
    put_off.end("a")
    assert put_off.begin("a", 2)


def test_never_more_than_the_bound_begin() -> None:
    put_off = PutOff(lambda: 0.0)
    assert sum(put_off.begin("a", 10**9) for _ in range(1000)) == MAX_PUT_OFF


def test_who_was_refused_is_counted_first_for_a_while() -> None:
    now_s = 0.0
    put_off = PutOff(lambda: now_s)
    put_off.refuse("a")
    assert not put_off.begin("a", 2)
    assert put_off.begin("b", 2)
    now_s = STRICT_S
    assert put_off.begin("a", 2)
