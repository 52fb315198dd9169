"""What an algorithm is: arrays and options in, item vectors or neighbours and an encoder out; no Django."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import Encoder, History
from shop_recs.algorithms.spaces import Space

SECONDS_PER_DAY = 86_400.0
ITEMS = "items"
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
class ItemFeature:
    """Something the shop says of its products: a category, a brand, a range of prices.

    Attributes:
        name: what the shop calls it.
        codes: `(n_items,)` int32, which of the values each item has; -1 where it has none.
        size: number of values.
    """

    name: str
    codes: npt.NDArray[np.int32]
    size: int


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
        features: what the shop says of its items, those without interactions too.
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
    features: tuple[ItemFeature, ...] = ()

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
        half_lives = (self.now - now) / SECONDS_PER_DAY / self.half_life_days
        # Beyond the range of float32 a weight is 0, and stays so.
        decay_undone = 2.0 ** min(half_lives, 126.0)
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            kinds=self.kinds[rows],
            times=self.times[rows],
            weights=self.weights[rows] * np.float32(decay_undone),
            now=now,
        )


class Checkpoints(Protocol):
    """Keeps how far a fit is, for the case that its process dies."""

    def load(self) -> bytes | None:
        """What the last fit left that learned from the same and was not finished."""

    def save(self, content: Callable[[], bytes]) -> None:
        """Keep what `content` makes; it is called at most about once a minute."""


class Earlier(Protocol):
    """An earlier fit of the same algorithm, or what was stored of it: what a fit may start from."""

    @property
    def info(self) -> Mapping[str, Any]:
        """As in `Fitted`."""

    @property
    def state(self) -> Mapping[str, npt.NDArray[Any]]:
        """As in `Fitted`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted(ABC):
    """What a fit learned: the part that every algorithm has; how items are ranked says the subclass.

    Attributes:
        known: `(n_items,)` bool, the items that can be ranked; nothing is stored of the others.
        encoder: the serving half of the algorithm: turns a visitor's history into a query.
        info: facts worth showing an administrator (epochs run, options chosen …), JSON types only.
        state: arrays that a later `fit(..., resume=...)` of the same algorithm can start from; `ITEMS`, where
            there is one, names the item index of each row of those that have a row per item.
    """

    known: npt.NDArray[np.bool_]
    encoder: Encoder
    info: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @abstractmethod
    def scores(self, histories: Sequence[History], items: Sequence[Integers]) -> Floats:
        """`(c, n_items)` scores of all items as they are served, `-inf` where an item is not ranked.

        Args:
            histories: of `c` visitors, from `history`.
            items: the `(k,)` item indices of each history.
        """

    @abstractmethod
    def history(self, items: Integers, kinds: npt.NDArray[np.int8], ages: Floats) -> History:
        """What the encoder gets to see of these interactions with known items, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedVectors(Fitted):
    """A vector for each item and an encoder that makes a query vector of a history.

    Attributes:
        item_vectors: `(n_items, d)` float32; user to item is the inner product, item to item the cosine.
        unit_norm: the known vectors have length 1, so that inner product and cosine rank alike.
    """

    item_vectors: Floats
    unit_norm: bool = False

    def __post_init__(self) -> None:
        vectors, known = self.item_vectors, self.known
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise ValueError(
                f"item_vectors must be (n_items, d) float32, not {vectors.shape} {vectors.dtype}"
            )
        _require_known(known, n_items=len(vectors))
        if not np.isfinite(vectors[known]).all():
            raise ValueError("item_vectors has NaN or infinite values among the known items")
        if not np.any(vectors[known], axis=1).all():
            raise ValueError("item_vectors has all-zero rows among the known items")

    def scores(self, histories: Sequence[History], items: Sequence[Integers]) -> Floats:
        """The inner products of item vectors and queries."""
        queries = np.full((len(histories), self.item_vectors.shape[1]), np.nan, dtype=np.float32)
        for query, history in zip(queries, histories, strict=True):
            answer = self.encoder(history)
            if answer is not None:
                query[:] = answer
        scores: Floats = queries @ self.item_vectors.T
        scores[:, ~self.known] = -np.inf
        scores[~np.isfinite(queries).all(axis=1)] = -np.inf
        return scores

    def history(self, items: Integers, kinds: npt.NDArray[np.int8], ages: Floats) -> History:
        return History(vectors=self.item_vectors[items], kinds=kinds, ages=ages)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedNeighbours(Fitted):
    """For each item the items that go with it, and an encoder that weighs the items of a history.

    An item's score is the sum over the history of its weight times the score of the pair. The encoder returns
    those weights, `(k,)` float32, for its history's last `encoder.history_length` interactions.

    Attributes:
        offsets: `(n_items + 1,)` int64: the neighbours of item `i` are rows `offsets[i]:offsets[i + 1]`.
        neighbours: `(m,)` int32 item indices, the best of an item first, never the item itself.
        pair_scores: `(m,)` float32, positive, not increasing within an item.
        support: `(m,)` int32, distinct shoppers who had both.
    """

    offsets: npt.NDArray[np.int64]
    neighbours: npt.NDArray[np.int32]
    pair_scores: Floats
    support: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        _require_known(self.known, n_items=len(self.offsets) - 1)
        if not (len(self.neighbours) == len(self.pair_scores) == len(self.support) == self.offsets[-1]):
            raise ValueError("neighbours, pair_scores and support must have offsets[-1] rows")
        if not np.isfinite(self.pair_scores).all() or (self.pair_scores <= 0).any():
            raise ValueError("pair_scores must be positive and finite")

    def scores(self, histories: Sequence[History], items: Sequence[Integers]) -> Floats:
        """The weighted sums of the histories' neighbours; what is nobody's neighbour is not ranked."""
        scores = np.zeros((len(histories), len(self.known)), dtype=np.float32)
        for row, history, own in zip(scores, histories, items, strict=True):
            weights = self.encoder(history)
            if weights is None:
                continue
            for item, weight in zip(own[-len(weights) :], weights, strict=True):
                pairs = slice(self.offsets[item], self.offsets[item + 1])
                row[self.neighbours[pairs]] += weight * self.pair_scores[pairs]
        scores[~(scores > 0)] = -np.inf
        return scores

    def history(self, items: Integers, kinds: npt.NDArray[np.int8], ages: Floats) -> History:
        return History(vectors=np.empty((len(items), 0), dtype=np.float32), kinds=kinds, ages=ages)


def _require_known(known: npt.NDArray[np.bool_], *, n_items: int) -> None:
    """Raise unless `known` tells of every item."""
    if known.shape != (n_items,) or known.dtype != np.bool_:
        raise ValueError(f"known must be ({n_items},) bool, not {known.shape} {known.dtype}")


class Recommender(ABC):
    """A plug-in that learns from interactions; knows nothing of Django.

    Options are keyword arguments of the constructor: plain JSON values with defaults, validated there
    (`ValueError` with the option's name and what to write instead).
    """

    finds_similar: ClassVar[bool] = True
    """Whether the cosine of two item vectors means that the items are alike."""

    keeps_checkpoints: ClassVar[bool] = False
    """Whether `fit` takes one argument more, `checkpoints: Checkpoints | None = None`."""

    space: ClassVar[Space] = {}
    """Options worth searching, and between what; `recs_tune` does it."""

    @abstractmethod
    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> Fitted:
        """Learn from `data`.

        Args:
            data: the log; never modified.
            seed: the same data and seed give the same vectors, bit for bit.
            progress: called with a phase and the fraction done, at least a few times a minute.
            resume: an earlier fit with the same options, on a part of the log or that of an earlier day; an
                algorithm may start from it or reuse what it chose. Items gone since have index -1 in `state`.

        Raises:
            NotEnoughData: the log is too small for this algorithm.
        """


def require_positive(name: str, value: float, *, whole: bool = False) -> None:
    """Raise `ValueError` unless the option is a positive number, and an integer where it must be whole."""
    expected = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, expected) or value <= 0:
        raise ValueError(f"{name} must be a positive {'integer' if whole else 'number'}, not {value!r}")


def require_share(name: str, value: float) -> None:
    """Raise `ValueError` unless the option is a number above 0 and at most 1."""
    require_positive(name, value)
    if value > 1:
        raise ValueError(f"{name} must be at most 1, not {value!r}")
