"""Truncated singular value decomposition of the shoppers' weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from shop_recs.algorithms.base import (
    Earlier,
    FittedVectors,
    Floats,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    require_share,
    silent,
)
from shop_recs.algorithms.encoders.weights import WeightedSumEncoder
from shop_recs.algorithms.neighbours import presence_of, row_sums, scale_rows, trend_of
from shop_recs.algorithms.spaces import Between, OneOf, Space
from shop_recs.algorithms.trials import UNTRIED_STEP_DECAY, by_step_decay, chosen_step_decay

LARGEST_SHARE = 0.25
"""How many factors there may be for each shopper and each product."""


@dataclass(frozen=True, kw_only=True)
class SVD(Recommender):
    """PureSVD (Cremonesi, Koren and Turrin 2010) of normalised interactions, computed by scikit-learn.

    The matrix (shoppers, items) weighs what a shopper had by one over the square root of how many items they
    had and over the power `popularity` of how many shoppers the item had. An item's vector is its row of the
    right singular vectors, multiplied by the same power of its shoppers and by its trend; a visitor's query
    is the sum of the vectors of their history, weighted by kind and recency. Both sides of a pair carry these
    factors: what is popular counts as evidence, too, not only as an answer.

    How fast a visitor's past fades is chosen on the second half of the log, unless `step_decay` says it. A
    fit that resumes another reuses the choice.

    Attributes:
        factors: length of the vectors; at most a quarter of the shoppers and of the products, for more would
            give every interaction back as it was and foresee nothing.
        popularity: power of an item's shoppers that it is divided by; 1 favours what is rare.
        trend: power of an item's recent demand that its vector is multiplied by; 0 ignores it.
        sweeps: iterations of the randomised decomposition (Halko, Martinsson and Tropp 2011).
        step_decay: factor on the weight of a visitor's interaction for every step back; chosen where None.
        history_length: how many of a visitor's last interactions count.
    """

    space: ClassVar[Space] = {
        "factors": Between(32, 512, log=True),
        "popularity": Between(0.0, 0.8),
        "trend": Between(0.0, 1.5),
        "step_decay": OneOf((None, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)),
    }

    factors: int = 400
    popularity: float = 0.4
    trend: float = 0.75
    sweeps: int = 4
    step_decay: float | None = None
    history_length: int = 100

    def __post_init__(self) -> None:
        for name in ("factors", "sweeps", "history_length"):
            require_positive(name, getattr(self, name), whole=True)
        if self.popularity:
            require_share("popularity", self.popularity)
        if self.trend:
            require_positive("trend", self.trend)
        if self.step_decay is not None:
            require_share("step_decay", self.step_decay)

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedVectors:
        data = data.select(data.weights > 0)
        _require_enough(data)
        with threadpool_limits(1, user_api="blas"):
            step_decay = self.step_decay or chosen_step_decay(
                data,
                lambda sample: by_step_decay(self._fitted(sample, UNTRIED_STEP_DECAY, seed=seed)),
                seed=seed,
                progress=progress,
                resume=resume,
            )
            progress("decomposing", 0.0)
            fitted = self._fitted(data, step_decay, seed=seed)
        progress("decomposing", 1.0)
        return fitted

    def _fitted(self, data: TrainingData, step_decay: float, *, seed: int) -> FittedVectors:
        vectors = self._vectors(presence_of(data), trend_of(data) ** self.trend, seed=seed)
        return FittedVectors(
            item_vectors=vectors,
            known=np.any(vectors, axis=1),
            encoder=WeightedSumEncoder(
                data.kind_weights,
                half_life_days=data.half_life_days,
                step_decay=step_decay,
                history_length=self.history_length,
            ),
            info={"step_decay": step_decay},
        )

    def _vectors(self, presence: csr_matrix, appeal: npt.NDArray[np.float64], *, seed: int) -> Floats:
        """`(n_items, factors)`, all zero for items without interactions."""
        shoppers = np.maximum(np.bincount(presence.indices, minlength=presence.shape[1]), 1)
        scale = shoppers**self.popularity
        matrix = scale_rows(presence, 1.0 / np.sqrt(np.maximum(row_sums(presence), 1.0)))
        matrix.data /= scale[matrix.indices].astype(np.float32)
        known = np.count_nonzero(np.bincount(presence.indices, minlength=presence.shape[1]))
        active = np.count_nonzero(row_sums(presence))
        factors = max(1, min(self.factors, int(LARGEST_SHARE * min(active, known))))
        _, _, right = randomized_svd(matrix, factors, n_iter=self.sweeps, random_state=seed)
        vectors = (right * scale * appeal).T
        vectors[np.bincount(presence.indices, minlength=presence.shape[1]) == 0] = 0.0
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _require_enough(data: TrainingData) -> None:
    """Raise where there is nothing to decompose."""
    shoppers, products = len(np.unique(data.users)), len(np.unique(data.items))
    if min(shoppers, products) < 2:
        raise NotEnoughData(
            f"not enough data: have {shoppers} shoppers and {products} products with interactions,"
            " need 2 of each"
        )
