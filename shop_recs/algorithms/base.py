"""What an algorithm is: arrays and options in, item vectors and an encoder out; no Django."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import Encoder

SECONDS_PER_DAY = 86_400.0
KINDS = 8
"""How many kinds of interaction the arrays make room for; a kind is a small integer below it."""

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.integer[Any]]


class NotEnoughData(Exception):
    """The log is too small to learn from; the message says what there is and what is needed."""


class Cancelled(Exception):
    """Raised out of a progress callback to stop a fit."""


class Progress(Protocol):
    """Told how far a fit is; may raise `Cancelled`."""

    def __call__(self, phase: str, fraction: float) -> None: ...


def silent(phase: str, fraction: float) -> None:
    """A progress callback that nobody watches."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A log of interactions in columns, sorted by user and, within a user, by time.

    Attributes:
        users: `(n,)` int32, index of the shopper, non-decreasing.
        items: `(n,)` int32, index of the product.
        kinds: `(n,)` int8, kind of interaction, below `KINDS`.
        times: `(n,)` float64, Unix seconds, non-decreasing within a user.
        weights: `(n,)` float32, weight of the kind times recency decay.
        n_users: number of user indices, `users.max() + 1` or more.
        n_items: number of item indices; items without interactions count too.
        now: Unix seconds from which ages are counted; not before the last interaction.
        kind_weights: `(KINDS,)` float32, weight of each kind, for weighting a history at serving time.
        half_life_days: what the recency decay in `weights` halves in; infinite where they do not decay.
    """

    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.int8]
    times: npt.NDArray[np.float64]
    weights: Floats
    n_users: int
    n_items: int
    now: float
    kind_weights: Floats = field(default_factory=lambda: np.ones(KINDS, dtype=np.float32))
    half_life_days: float = math.inf

    def __len__(self) -> int:
        return len(self.users)

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """`(n_users + 1,)`: the rows of user `u` are `offsets[u]:offsets[u + 1]`."""
        return np.searchsorted(self.users, np.arange(self.n_users + 1)).astype(np.int64)

    def select(self, rows: npt.NDArray[Any], *, now: float | None = None) -> TrainingData:
        """The same log with only some rows (a mask or sorted indices), user and item indices unchanged.

        With another `now` the weights decay from there, as if the log had been read at that moment.
        """
        now = self.now if now is None else now
        decay_undone = 2.0 ** ((self.now - now) / SECONDS_PER_DAY / self.half_life_days)
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            kinds=self.kinds[rows],
            times=self.times[rows],
            weights=self.weights[rows] * np.float32(decay_undone),
            now=now,
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit learned.

    Attributes:
        item_vectors: `(n_items, d)` float32; user to item is the inner product, item to item the cosine.
        known: `(n_items,)` bool, the items whose vector means something; the others are never stored.
        encoder: maps a visitor's history to a query vector `(d,)`; the serving half of the algorithm.
        unit_norm: the known vectors have length 1, so that inner product and cosine rank alike.
        info: facts worth showing an administrator (epochs run, options chosen …), JSON types only.
        state: arrays that a later `fit(..., resume=...)` of the same algorithm can start from.
    """

    item_vectors: Floats
    known: npt.NDArray[np.bool_]
    encoder: Encoder
    unit_norm: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vectors, known = self.item_vectors, self.known
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ValueError(
                f"item_vectors must be (n_items, d) float32, not {vectors.shape} {vectors.dtype}"
            )
        if known.shape != vectors.shape[:1] or known.dtype != np.bool_:
            raise ValueError(f"known must be ({len(vectors)},) bool, not {known.shape} {known.dtype}")
        if not np.isfinite(vectors[known]).all():
            raise ValueError("item_vectors has NaN or infinite values among the known items")
        if not np.any(vectors[known], axis=1).all():
            raise ValueError("item_vectors has all-zero rows among the known items")


class Recommender(ABC):
    """A plug-in that learns from interactions; knows nothing of Django.

    Options are keyword arguments of the constructor: plain JSON values with defaults, validated there
    (`ValueError` with the option's name and what to write instead).
    """

    finds_similar: ClassVar[bool] = True
    """Whether the cosine of two item vectors means that the items are alike."""

    @abstractmethod
    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Fitted | None = None,
    ) -> Fitted:
        """Learn from `data`.

        Args:
            data: the log; never modified.
            seed: the same data and seed give the same vectors, bit for bit.
            progress: called with a phase and the fraction done, at least a few times a minute.
            resume: what an earlier fit on a part of the same log (same indices) returned; an algorithm may
                start from it or reuse what it chose.

        Raises:
            NotEnoughData: the log is too small for this algorithm.
        """


def require_positive(name: str, value: float, *, whole: bool = False) -> None:
    """Raise `ValueError` unless the option is a positive number, and an integer where it must be whole."""
    expected = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, expected) or value <= 0:
        raise ValueError(f"{name} must be a positive {'integer' if whole else 'number'}, not {value!r}")
