"""Between what the options of an algorithm are worth searching; who searches is not said here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Between:
    """Numbers from `low` to `high`, both included; whole ones where both are integers.

    Attributes:
        low: the least.
        high: the greatest.
        log: whether doubling matters alike everywhere, as it does for rates and sizes.
    """

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only integers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __contains__(self, value: object) -> bool:
        number = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any of a few values, in no order.

    Attributes:
        values: numbers, words, or None where the algorithm chooses by itself.
    """

    values: tuple[Any, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values


Space = Mapping[str, Between | OneOf]
"""Option to the values worth trying."""
