"""Learning curves: accuracy over the seconds spent in training, and what they say of two trainings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

FIRST_LOOK, SMALLEST_STEP, STEP = 5.0, 10.0, 1.1
"""Seconds until a model is judged first, between two looks at least, and how much later the next one is."""


class Point(NamedTuple):
    """NDCG@10 on the validation cases after so many seconds and epochs of training."""

    seconds: float
    epochs: float
    ndcg: float


def time_to(curve: Sequence[Point], level: float) -> float | None:
    """Seconds until the level is first seen to be reached; None where it never is."""
    return next((point.seconds for point in curve if point.ndcg >= level), None)


def best(curve: Sequence[Point]) -> Point:
    """The highest point, the first of several."""
    return max(curve, key=lambda point: (point.ndcg, -point.seconds))


class Observer:
    """Judges a model while it is trained, and stops the clock of the training meanwhile."""

    def __init__(self, judge: Callable[[], float]) -> None:
        self.judge = judge
        self.next_look = FIRST_LOOK
        self.started = time.perf_counter()
        self.paused = 0.0

    def begin(self) -> None:
        """Tell how long the preparation took, and let the clock of the training start."""
        report(prepared=round(self.seconds, 2))
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Spent in training so far."""
        return time.perf_counter() - self.started - self.paused

    def look(self, epochs: float, *, now: bool = False) -> None:
        """Print a point of the curve as a line of JSON, if it is time for one."""
        seconds = self.seconds
        if seconds < self.next_look and not now:
            return
        report(**Point(round(seconds, 2), round(epochs, 2), self.judge())._asdict())
        self.next_look = max(seconds * STEP, seconds + SMALLEST_STEP)
        self.paused += self.seconds - seconds


def report(**figures: object) -> None:
    """Tell the process that waits for the curve."""
    print(json.dumps(figures), flush=True)
