"""How far a training is: phases of different length on one scale, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

EXPECTED_SECONDS = {
    "reading": 5.0,
    "fitting": 40.0,
    "evaluating": 10.0,
    "fitting on everything": 40.0,
    "storing": 2.0,
    "indexing": 5.0,
    "publishing": 1.0,
}
"""The phases in their order, with what they take until an earlier run of the algorithm told better."""

ETA_AFTER_SECONDS = 3.0
ETA_AFTER_FRACTION = 0.02
SILENT_PHASE_ENDS_AT = 0.95


class Timeline:
    """The progress of one run. The percentage never falls; it moves on in a phase that reports nothing, too.

    Args:
        expected: seconds per phase of an earlier run.
        clock: seconds that never run backwards.
    """

    def __init__(
        self, expected: Mapping[str, float] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._expected = {
            phase: max(seconds, 0.1) for phase, seconds in (EXPECTED_SECONDS | dict(expected or {})).items()
        }
        self._clock = clock
        self._started = self._phase_started = clock()
        self._reported = 0.0
        self._highest = 0.0
        self.phase = "reading"
        self.detail = ""
        self.seconds: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        """Begin a phase; the seconds of the one before are known now."""
        now = self._clock()
        self.seconds[self.phase] = round(now - self._phase_started, 3)
        self._phase_started = now
        self._reported = 0.0
        self.phase, self.detail = phase, ""

    def report(self, detail: str, fraction: float) -> None:
        """Say how much of the phase is done, between 0 and 1."""
        self.detail, self._reported = detail, max(self._reported, min(fraction, 1.0))

    @property
    def label(self) -> str:
        """The phase, with what the algorithm says about it."""
        return f"{self.phase}: {self.detail}" if self.detail else self.phase

    def now(self) -> tuple[float, float | None]:
        """Percent done, and seconds left where that can be said."""
        done = self._done()
        self._highest = max(self._highest, done)
        elapsed = self._clock() - self._started
        if elapsed < ETA_AFTER_SECONDS or self._highest < ETA_AFTER_FRACTION:
            return 100 * self._highest, None
        return 100 * self._highest, elapsed * (1 - self._highest) / self._highest

    def _done(self) -> float:
        """The fraction of the whole run that is behind it."""
        phases = list(self._expected)
        before = sum(self._expected[phase] for phase in phases[: phases.index(self.phase)])
        here = self._expected[self.phase]
        fraction = self._reported
        if not fraction:
            silent_for = self._clock() - self._phase_started
            fraction = min(silent_for / here, SILENT_PHASE_ENDS_AT)
        return (before + fraction * here) / sum(self._expected.values())
