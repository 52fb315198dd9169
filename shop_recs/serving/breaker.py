"""Circuit breakers: what keeps failing is left out for a while, in this process, and then tried once."""

from __future__ import annotations

from collections import deque
from threading import Lock
from time import monotonic

FAILURES = 3
"""Failures within `WINDOW` seconds, less one for each answer since, that open a breaker."""

WINDOW = 60.0
PAUSE = 30.0
"""Seconds between two attempts while a breaker is open."""


class Breaker:
    """The state of what one name stands for; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._resting_until: float | None = None

    @property
    def is_open(self) -> bool:
        """It keeps failing, whether or not an attempt is due."""
        return self._resting_until is not None

    @property
    def is_resting(self) -> bool:
        """It is open, and no attempt is due yet."""
        until = self._resting_until
        return until is not None and monotonic() < until

    def admits(self) -> bool:
        """Whether to go ahead; of an open breaker's callers one does, each time that `PAUSE` is over."""
        if not self.is_open:
            return True
        with self._lock:
            if self.is_resting:
                return False
            self._rest()
            return True

    def failed(self) -> None:
        """What was admitted failed."""
        with self._lock:
            self._failures.append(monotonic())
            many = len(self._failures) == FAILURES
            if self.is_open or (many and self._failures[-1] - self._failures[0] <= WINDOW):
                self._rest()

    def answered(self) -> None:
        """What was admitted answered: that closes an open breaker, or makes up for one failure."""
        if not self._failures:
            return
        with self._lock:
            if self.is_open:
                self._resting_until = None
                self._failures.clear()
            elif self._failures:
                self._failures.popleft()

    def _rest(self) -> None:
        self._resting_until = monotonic() + PAUSE


_breakers: dict[str, Breaker] = {}


def breaker(name: str) -> Breaker:
    """The breaker of this name, for all threads of the process."""
    return _breakers.get(name) or _breakers.setdefault(name, Breaker())


def open_breakers() -> list[str]:
    """The names of all that keep failing."""
    return sorted(name for name, found in list(_breakers.items()) if found.is_open)


def forget() -> None:
    """Close all breakers."""
    _breakers.clear()
