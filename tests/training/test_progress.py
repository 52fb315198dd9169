"""The percentage and the time left, on a clock the test moves."""

from __future__ import annotations

import pytest

from shop_recs.training.progress import EXPECTED_SECONDS, Timeline


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def move(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


EARLIER = {"reading": 10, "fitting": 40, "evaluating": 8, "fitting on everything": 40, "storing": 2}
EARLIER |= {"indexing": 0, "publishing": 0}


@pytest.fixture
def timeline(clock):
    """A run expected to take 100 seconds and a little."""
    return Timeline(EARLIER, clock=clock)


def test_a_run_like_the_last_one_counts_down(timeline, clock):
    clock.move(10)
    timeline.enter("fitting")
    clock.move(20)
    timeline.report("epoch 1", 0.5)
    percent, left = timeline.now()
    assert percent == pytest.approx(30, abs=0.5)
    assert left == pytest.approx(70, abs=2)


def test_a_slower_run_corrects_the_time_left(timeline, clock):
    clock.move(20)
    timeline.enter("fitting")
    clock.move(40)
    timeline.report("epoch 1", 0.5)
    assert timeline.now()[1] == pytest.approx(140, abs=3)


def test_the_percentage_never_falls(timeline, clock):
    seen = []
    for phase in EXPECTED_SECONDS:
        if phase != "reading":
            timeline.enter(phase)
        for fraction in (0.0, 0.7, 0.2, 1.0, 0.1):
            clock.move(3)
            timeline.report("step", fraction)
            seen.append(timeline.now()[0])
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] <= 100


def test_a_phase_that_reports_nothing_moves_on_but_does_not_end(timeline, clock):
    seen = []
    for _ in range(50):
        clock.move(1)
        seen.append(timeline.now()[0])
    assert seen[0] < seen[5]
    assert seen[-1] < 10


def test_the_time_left_is_not_guessed_at_the_very_beginning(timeline, clock):
    clock.move(0.5)
    assert timeline.now()[1] is None


def test_an_earlier_run_without_some_phases_is_no_trouble(clock):
    timeline = Timeline({"fitting": 1.0}, clock=clock)
    timeline.enter("publishing")
    assert 90 < timeline.now()[0] <= 100


def test_the_label_shows_what_the_algorithm_says(timeline):
    timeline.enter("fitting")
    assert timeline.label == "fitting"
    timeline.report("epoch 3", 0.3)
    assert timeline.label == "fitting: epoch 3"


def test_the_seconds_of_each_phase_are_kept_for_the_next_run(timeline, clock):
    clock.move(4)
    timeline.enter("fitting")
    clock.move(7)
    timeline.enter("evaluating")
    assert timeline.seconds == {"reading": 4, "fitting": 7}
