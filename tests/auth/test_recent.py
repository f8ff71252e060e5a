"""A memory with a bound."""

from smartlite.auth.recent import Recent


def test_the_one_that_was_longest_unused_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_a_value_that_is_put_again_takes_no_second_place() -> None:
    recent: Recent[str, int] = Recent(2)
    for value in range(5):
        recent.put("a", value)
    assert recent.take() == [("a", 4)]
    assert len(recent) == 0


def test_what_is_not_there_can_be_dropped() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.drop("a")
    recent.drop("a")
    assert recent.get("a") is None
