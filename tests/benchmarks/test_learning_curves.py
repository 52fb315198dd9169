"""Two trainings are compared by when they reached the same accuracy."""

from __future__ import annotations

import json
import time

import pytest

from benchmarks.rectools.__main__ import times
from benchmarks.rectools.curves import Observer, Point, best, time_to

SLOW = [Point(10.0, 1.0, 0.02), Point(60.0, 2.0, 0.10), Point(120.0, 3.0, 0.08)]
FAST = [Point(5.0, 1.0, 0.06), Point(20.0, 2.0, 0.12)]


def test_a_level_is_reached_where_it_is_first_seen() -> None:
    assert time_to(SLOW, 0.10) == 60.0
    assert time_to(SLOW, 0.07) == 60.0
    assert time_to(SLOW, 0.02) == 10.0


def test_a_level_above_the_curve_is_never_reached() -> None:
    assert time_to(SLOW, 0.11) is None


def test_the_best_of_a_curve_is_the_first_of_its_highest_points() -> None:
    assert best(SLOW) == SLOW[1]
    assert best([*SLOW, Point(200.0, 4.0, 0.10)]) == SLOW[1]


def test_both_are_timed_to_parts_of_the_best_that_rectools_reaches() -> None:
    half, most, whole = times(SLOW, FAST)
    assert (half["RecTools"], half["sasrec"], half["ratio"]) == (60.0, 5.0, 12.0)
    assert (most["sasrec"], whole["sasrec"], whole["ratio"]) == (20.0, 20.0, 3.0)
    assert whole["ndcg"] == 0.10


def test_there_is_no_ratio_where_one_never_gets_there() -> None:
    assert times(SLOW, FAST[:1])[-1]["ratio"] is None


def test_the_clock_stands_still_while_a_model_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    def judge() -> float:
        time.sleep(0.2)
        return 0.5

    observer = Observer(judge)
    observer.look(0.1)
    assert not capsys.readouterr().out
    observer.look(0.2, now=True)
    assert observer.seconds < 0.2
    assert json.loads(capsys.readouterr().out)["ndcg"] == 0.5
