"""What keeps failing is left out for a while."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from shop_recs.serving import breaker as module
from shop_recs.serving.breaker import FAILURES, PAUSE, WINDOW, Breaker, breaker, open_breakers


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to: `clock(30)`."""
    now = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


@pytest.fixture
def opened(clock) -> Breaker:
    broken = Breaker()
    for _ in range(FAILURES):
        assert broken.admits()
        broken.failed()
    return broken


def test_few_failures_leave_it_closed(clock):
    shaky = Breaker()
    for _ in range(FAILURES - 1):
        shaky.failed()
    assert shaky.admits()
    assert not shaky.is_open


def test_failures_in_a_row_open_it(opened):
    assert opened.is_open
    assert not opened.admits()


def test_failures_far_apart_leave_it_closed(clock):
    shaky = Breaker()
    for _ in range(3 * FAILURES):
        shaky.failed()
        clock(WINDOW / (FAILURES - 1) + 1)
    assert shaky.admits()


def test_an_answer_makes_up_for_a_failure(clock):
    shaky = Breaker()
    for _ in range(10 * FAILURES):
        shaky.failed()
        shaky.answered()
    assert shaky.admits()


def test_where_more_fail_than_answer_it_opens(clock):
    shaky, outcomes = Breaker(), cycle([Breaker.failed, Breaker.failed, Breaker.answered])
    for _ in range(3 * FAILURES):
        if shaky.admits():
            next(outcomes)(shaky)
    assert shaky.is_open


def test_one_caller_tries_again_after_the_pause(opened, clock):
    clock(PAUSE)
    assert not opened.is_resting
    assert [opened.admits() for _ in range(3)] == [True, False, False]


def test_an_attempt_that_answers_closes_it(opened, clock):
    clock(PAUSE)
    assert opened.admits()
    opened.answered()
    assert not opened.is_open
    opened.failed()
    assert opened.admits()


def test_an_attempt_that_fails_keeps_it_open_for_another_pause(opened, clock):
    clock(PAUSE)
    assert opened.admits()
    opened.failed()
    clock(PAUSE - 1)
    assert not opened.admits()
    clock(1)
    assert opened.admits()


def test_an_attempt_that_never_ends_is_followed_by_another(opened, clock):
    clock(PAUSE)
    assert opened.admits()
    clock(PAUSE)
    assert opened.admits()


def test_of_many_threads_one_tries_again(opened, clock):
    clock(PAUSE)
    with ThreadPoolExecutor(16) as pool:
        admitted = list(pool.map(lambda _: opened.admits(), range(400)))
    assert sum(admitted) == 1


def test_threads_share_it_by_its_name():
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: breaker("als"), range(200)))
    assert found == {breaker("als")}
    for _ in range(FAILURES):
        breaker("als").failed()
    assert open_breakers() == ["als"]
    assert breaker("sasrec").admits()
