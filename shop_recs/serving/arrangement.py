"""Gives the places of a list away: pins, guaranteed shares, caps and diversity, one place after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.serving.retrieve import Row
from shop_recs.serving.rungs import Floats

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many products of one value.

    Attributes:
        at_most: rows of the same value in a list.
        value: name under which a row's `known` holds it; rows without a value are not counted.
    """

    at_most: int
    value: str


@dataclass(frozen=True, slots=True)
class Quota:
    """So large a share of the list is of some products, spread over its length.

    Attributes:
        share: of the places, 0 to 1; where the products do not suffice, all of them.
        member: name under which a row's `known` says whether it is one of them.
        only: they have no other places than these.
    """

    share: float
    member: str
    only: bool = False

    def due(self, place: int, limit: int) -> int:
        """How many of the first `place` places are theirs, so that the whole list reaches the share.

        The constraint on every prefix is that of FA*IR (Zehlike et al., CIKM 2017).
        """
        return ceil(round(self.share * limit, 6)) * place // limit


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a list shall look like beside the order of its rows.

    Attributes:
        diversity: 0 to 1, see `arranged`.
        pins: key of the product of a place, by place from 1.
        caps: all hold, for products that are not pinned.
        quotas: those before take precedence.
    """

    diversity: float = 0.0
    pins: Mapping[int, Any] = field(default_factory=dict)
    caps: Sequence[Cap] = ()
    quotas: Sequence[Quota] = ()

    def __bool__(self) -> bool:
        return bool(self.diversity > 0 or self.pins or self.caps or self.quotas)


def arranged(rows: Sequence[Row], wishes: Wishes, *, limit: int) -> list[Row]:
    """`limit` of the rows, or fewer where caps leave no more; the best first but for what is wished.

    A place that is not pinned goes to the row that is best by `(1 - diversity)` times relevance less
    `diversity` times its likeness to the row most like it that stands above (maximal marginal relevance,
    Carbonell and Goldstein, SIGIR 1998), among those that caps allow and of which a quota is due. Relevance
    falls from 1 to 0 along `rows`; likeness is the cosine of the vectors, 0 without.
    """
    if not wishes or not rows:
        return list(rows[:limit])
    arrangement = _Arrangement(rows, wishes, limit)
    for place in range(1, limit + 1):
        arrangement.fill(place)
    return arrangement.chosen


class _Arrangement:
    """A list on which so many places are given away."""

    def __init__(self, rows: Sequence[Row], wishes: Wishes, limit: int) -> None:
        self.rows, self.wishes, self.limit = rows, wishes, limit
        self.chosen: list[Row] = []
        self.relevance = np.linspace(1.0, 0.0, len(rows))
        self.units = _units(rows) if wishes.diversity > 0 else None
        self.likeness = np.zeros(len(rows))
        self.index_of = {row.product.pk: index for index, row in enumerate(rows)}
        self.members = {quota.member: self._mask(quota.member) for quota in wishes.quotas}
        self.counts: dict[Cap, Counter[Hashable]] = {cap: Counter() for cap in wishes.caps}
        self.free: Mask = np.ones(len(rows), dtype=np.bool_)
        self.uncapped: Mask = np.ones(len(rows), dtype=np.bool_)
        for place, pk in wishes.pins.items():
            if pk in self.index_of:
                self.free[self.index_of[pk]] = False
                if 1 <= place <= limit:
                    self._count_value(rows[self.index_of[pk]])

    def fill(self, place: int) -> None:
        """Give a place away, or leave the list as short as it is."""
        pinned = self.index_of.get(self.wishes.pins.get(place))
        if pinned is not None:
            self._take(pinned)
        elif (eligible := self._eligible(place)).any():
            diversity = self.wishes.diversity
            worth = (1 - diversity) * self.relevance - diversity * self.likeness
            best = int(np.where(eligible, worth, -np.inf).argmax())
            self._count_value(self.rows[best])
            self._take(best)

    def _eligible(self, place: int) -> Mask:
        eligible = self.free & self.uncapped
        due = Counter(
            {quota.member: quota.due(place, self.limit) - self._count(quota) for quota in self.wishes.quotas}
        )
        for quota in self.wishes.quotas:
            members = self.members[quota.member]
            if due[quota.member] > 0 and (eligible & members).any():
                eligible = eligible & members
            elif quota.only and due[quota.member] <= 0:
                eligible = eligible & ~members
        return eligible

    def _take(self, index: int) -> None:
        self.chosen.append(self.rows[index])
        self.free[index] = False
        if self.units is not None:
            self.likeness = np.maximum(self.likeness, self.units @ self.units[index])

    def _count_value(self, row: Row) -> None:
        """Let caps know of a row; of one that is pinned before the places above it are given away."""
        for cap, counts in self.counts.items():
            if (value := row.known.get(cap.value)) is None:
                continue
            counts[value] += 1
            if counts[value] == cap.at_most:
                self.uncapped &= [other.known.get(cap.value) != value for other in self.rows]

    def _count(self, quota: Quota) -> int:
        return sum(bool(row.known.get(quota.member)) for row in self.chosen)

    def _mask(self, name: str) -> Mask:
        return np.array([bool(row.known.get(name)) for row in self.rows], dtype=np.bool_)


def _units(rows: Sequence[Row]) -> Floats:
    """`(n, d)` the rows' vectors at length 1; zeros for those without, and for those of another length."""
    vectors = [row.measured.vector for row in rows]
    lengths = [len(vector) for vector in vectors if vector is not None]
    units = np.zeros((len(rows), max(set(lengths), key=lengths.count, default=0)), dtype=np.float32)
    for unit, vector in zip(units, vectors, strict=True):
        if vector is not None and len(vector) == len(unit) and vector.any():
            unit[:] = vector / np.linalg.norm(vector)
    return units
