"""Item-based collaborative filtering: what shoppers chose together, or one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from shop_recs.algorithms.base import (
    SECONDS_PER_DAY,
    Earlier,
    FittedNeighbours,
    Floats,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    require_share,
    silent,
)
from shop_recs.algorithms.neighbours import (
    PRODUCTS_AT_ONCE,
    best_of_rows,
    best_products,
    encoder_of,
    fitted_neighbours,
    last_of_each,
    matrix_of,
    presence_of,
    require_pairs,
    row_sums,
    scale_rows,
    trend_of,
    unit_rows,
)
from shop_recs.algorithms.spaces import Between, OneOf, Space
from shop_recs.algorithms.trials import UNTRIED_STEP_DECAY, best, by_step_decay, trial

SIMILARITIES = ("cosine", "tfidf", "bm25", "covisitation")
TRIED = ("bm25", "covisitation")
SATURATION, LENGTH_SHARE = 1.2, 0.75
"""K1 and B of BM25, as `implicit` has them."""


@dataclass(frozen=True, kw_only=True)
class ItemKNN(Recommender):
    """The nearest neighbours of every item; a visitor's list is the sum over the items of their history.

    `cosine`, `tfidf` and `bm25` compare items by the weights of their shoppers, whatever the order, exactly
    as the recommenders of these names in `implicit`. `covisitation` counts what was chosen after an item:
    each of the `reach` next interactions of the same shopper within `window_days` counts by its weight, less
    for every step between (those at the same time are one step away from each other, both ways), over the
    square root of how often the item itself occurs.

    Which of `bm25` and `covisitation`, and how fast a visitor's past fades, is chosen on the second half of
    the log by trial fits of bounded size that do not see it, unless the options say it. A fit that resumes
    another reuses its choices.

    Attributes:
        similarity: one of `SIMILARITIES`; chosen where None.
        neighbours: kept of every item.
        reach: how many interactions after an item are its co-visits.
        distance_decay: what a co-visit counts less for every step further on.
        window_days: days after which nothing is a co-visit; without it, none.
        popularity: power of an item's interactions that its co-visits are divided by; 0 favours bestsellers.
        trend: power of an item's recent demand that its scores are multiplied by; 0 ignores it.
        step_decay: factor on the weight of a visitor's interaction for every step back; chosen where None.
        history_length: how many of a visitor's last interactions count.
        longest: how many of a shopper's last interactions are learnt from.
    """

    space: ClassVar[Space] = {
        "similarity": OneOf((None, *SIMILARITIES)),
        "neighbours": Between(50, 400, log=True),
        "reach": Between(3, 40, log=True),
        "distance_decay": Between(0.5, 1.0),
        "popularity": Between(0.0, 0.7),
        "trend": Between(0.0, 1.5),
        "step_decay": OneOf((None, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)),
    }

    similarity: str | None = None
    neighbours: int = 200
    reach: int = 10
    distance_decay: float = 0.8
    window_days: float | None = None
    popularity: float = 0.0
    trend: float = 0.5
    step_decay: float | None = None
    history_length: int = 100
    longest: int = 300

    def __post_init__(self) -> None:
        if self.similarity is not None and self.similarity not in SIMILARITIES:
            raise ValueError(
                f"similarity must be one of {', '.join(SIMILARITIES)}, or None to choose by the log,"
                f" not {self.similarity!r}"
            )
        for name in ("neighbours", "reach", "history_length", "longest"):
            require_positive(name, getattr(self, name), whole=True)
        require_share("distance_decay", self.distance_decay)
        if self.window_days is not None:
            require_positive("window_days", self.window_days)
        if self.step_decay is not None:
            require_share("step_decay", self.step_decay)
        if self.popularity:
            require_share("popularity", self.popularity)
        if self.trend:
            require_positive("trend", self.trend)

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedNeighbours:
        data = data.select(data.weights > 0)
        require_pairs(data)
        similarity, step_decay = self._chosen(data, seed=seed, progress=progress, resume=resume)
        return self._fitted(data, similarity, step_decay, progress=progress)

    def _chosen(
        self, data: TrainingData, *, seed: int, progress: Progress, resume: Earlier | None
    ) -> tuple[str, float]:
        """Similarity and step decay: as told, as an earlier fit chose, or as a trial finds best."""
        chosen = {} if resume is None else resume.info
        similarity = self.similarity or chosen.get("similarity")
        step_decay = self.step_decay or chosen.get("step_decay")
        if similarity and step_decay:
            return similarity, step_decay
        progress("choosing", 0.0)
        found = trial(data, seed=seed)
        if found is None:
            return similarity or TRIED[0], step_decay or UNTRIED_STEP_DECAY
        sample, split = found
        fits = self._trials(sample, (similarity,) if similarity else TRIED, step_decay)
        info = best(fits, split).info
        return info["similarity"], info["step_decay"]

    def _trials(
        self, data: TrainingData, similarities: tuple[str, ...], step_decay: float | None
    ) -> Iterator[FittedNeighbours]:
        """A fit by every similarity, with every step decay unless it is known."""
        for similarity in similarities:
            fitted = self._fitted(data, similarity, step_decay or UNTRIED_STEP_DECAY)
            yield from by_step_decay(fitted) if step_decay is None else [fitted]

    def _fitted(
        self, data: TrainingData, similarity: str, step_decay: float, *, progress: Progress = silent
    ) -> FittedNeighbours:
        recent, appeal = last_of_each(data, self.longest), trend_of(data) ** self.trend
        if similarity == "covisitation":
            pairs = self._covisits(recent, appeal, progress=progress)
        else:
            by_item = _weighted(csr_matrix(matrix_of(recent, recent.weights).T), similarity)
            wanted = csr_matrix(scale_rows(by_item, appeal).T)
            pairs = best_products(by_item, wanted, self.neighbours, itself=False, progress=progress)
        return fitted_neighbours(
            pairs,
            data,
            presence_of(recent),
            encoder_of(data, step_decay=step_decay, history_length=self.history_length),
            similarity=similarity,
            step_decay=step_decay,
        )

    def _covisits(
        self, data: TrainingData, appeal: npt.NDArray[np.float64], *, progress: Progress
    ) -> csr_matrix:
        """`(n_items, n_items)` the best of what follows each item."""
        counts = np.maximum(np.bincount(data.items, minlength=data.n_items), 1)
        appeal = appeal / counts**self.popularity
        order = np.argsort(data.items, kind="stable")
        ends = np.searchsorted(data.items[order], np.arange(data.n_items + 1))
        step = max(1, PRODUCTS_AT_ONCE // (2 * self.reach))
        blocks, first = [], 0
        while first < data.n_items:
            last = max(first + 1, int(np.searchsorted(ends, ends[first] + step, side="right")) - 1)
            sources, targets, values = self._followers(data, order[ends[first] : ends[last]])
            shares = values * appeal[targets] / np.sqrt(counts[sources])
            pairs = csr_matrix(
                (shares.astype(np.float32), (sources - first, targets)), shape=(last - first, data.n_items)
            )
            blocks.append(best_of_rows(pairs, self.neighbours, but=first))
            progress("counting", last / data.n_items)
            first = last
        return vstack(blocks, format="csr")

    def _followers(
        self, data: TrainingData, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
        """Item, item chosen after it, and what that counts, for every pair that begins in `rows`."""
        step = np.cumsum(np.diff(data.times, prepend=data.times[:1]) != 0)
        window = math.inf if self.window_days is None else self.window_days * SECONDS_PER_DAY
        parts = []
        for ahead in (*range(1, self.reach + 1), *range(-self.reach, 0)):
            at = rows[(rows + ahead >= 0) & (rows + ahead < len(data))]
            then = at + ahead
            counts = data.users[at] == data.users[then]
            counts &= np.abs(data.times[then] - data.times[at]) <= window
            if ahead < 0:
                counts &= data.times[then] == data.times[at]
            at, then = at[counts], then[counts]
            between = np.maximum(step[then] - step[at] - 1, 0)
            parts.append(
                (data.items[at], data.items[then], data.weights[then] * self.distance_decay**between)
            )
        sources, targets, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        return sources, targets, values


def _weighted(by_item: csr_matrix, similarity: str) -> csr_matrix:
    """`(n_items, n_users)` such that the product with its transpose is the similarity."""
    if similarity == "cosine":
        return unit_rows(by_item)
    # Shoppers are the terms of an item here: the more items one has, the less each of them says.
    frequency = np.log(by_item.shape[0]) - np.log1p(np.bincount(by_item.indices, minlength=by_item.shape[1]))
    weighted = csr_matrix(by_item, copy=True)
    if similarity == "tfidf":
        weighted.data = np.sqrt(weighted.data) * frequency[weighted.indices].astype(np.float32)
        return unit_rows(weighted)
    totals = row_sums(by_item)
    lengths = 1 - LENGTH_SHARE + LENGTH_SHARE * totals / totals.mean()
    saturated = scale_rows(weighted, np.ones(len(totals)))
    saturated.data = weighted.data + SATURATION * np.repeat(lengths, np.diff(weighted.indptr))
    weighted.data *= (SATURATION + 1) / saturated.data * frequency[weighted.indices]
    weighted.data = weighted.data.astype(np.float32)
    return weighted
