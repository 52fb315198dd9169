"""Collaborative filtering by alternating least squares; visitors are folded in by recency."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from shop_recs.algorithms.base import (
    ITEMS,
    Earlier,
    FittedVectors,
    Floats,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    silent,
)
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from shop_recs.algorithms.spaces import Between, Space

LEAST_FADE = 0.01
"""What was long ago still says a little; below it float32 loses it."""
STRONGEST_PULL = 0.6
"""Regularisation at most, in confidences of a shopper's only interaction. Vectors vanish once it exceeds the
largest singular value of the confidences, which on a small log is little more than one of these."""
VECTORS = "vectors"
NEW_ITEM_LENGTH = 0.01
"""As long as `implicit` begins with."""


@dataclass(frozen=True, kw_only=True)
class ALS(Recommender):
    """Implicit alternating least squares (Hu, Koren and Volinsky 2008), computed by `implicit`.

    An interaction's confidence is its weight over the square root of the shopper's total weight, so that who
    buys for a whole company does not drown the others; times `alpha` for every product of the catalogue,
    because each product that a shopper did not choose weighs 1 against what they chose.

    A visitor's past fades faster in the fold-in than in the fit. A fit that resumes another starts from its
    vectors, with a third of the iterations.

    Attributes:
        factors: length of the vectors.
        alpha: confidence per product of a shopper's only interaction, if it weighs what is usual.
        regularization: pulls vectors towards zero; less on catalogues so small that it would leave nothing.
        iterations: sweeps over users and items.
        fade: factor on an interaction's weight in the fit for every step back from the shopper's last.
        step_decay: the same factor in the fold-in of a visitor.
        fold_in: confidence in a visitor's history over that in a shopper's of the fit. Less than 1, because
            what comes next is less like a history than the history is like itself.
        history_length: how many of a visitor's last interactions are folded in.
        threads: of the fit; the vectors do not depend on it.
    """

    space: ClassVar[Space] = {
        "factors": Between(32, 256, log=True),
        "alpha": Between(0.002, 0.2, log=True),
        "regularization": Between(2.0, 200.0, log=True),
        "fade": Between(0.8, 1.0),
        "step_decay": Between(0.4, 1.0),
        "fold_in": Between(0.05, 1.0, log=True),
    }

    factors: int = 256
    alpha: float = 0.02
    regularization: float = 40.0
    iterations: int = 15
    fade: float = 0.9
    step_decay: float = 0.65
    fold_in: float = 0.25
    history_length: int = 200
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("factors", "iterations", "history_length", "threads"):
            require_positive(name, getattr(self, name), whole=True)
        for name in ("alpha", "regularization", "fade", "step_decay", "fold_in"):
            require_positive(name, getattr(self, name))
        for name, share in (("fade", self.fade), ("step_decay", self.step_decay)):
            if share > 1:
                raise ValueError(f"{name} must be at most 1, which ignores the order, not {share!r}")

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
        if resume is not None and resume.state[VECTORS].shape[1] != self.factors:
            resume = None
        iterations = self.iterations if resume is None else -(-self.iterations // 3)
        # The small systems here only lose by BLAS threads, and those of implicit fight with them.
        with threadpool_limits(1, user_api="blas"):
            item_vectors = self._factorize(
                data, iterations=iterations, seed=seed, progress=progress, start=resume
            )
            fitted = self._fitted(item_vectors, data)
        known = np.flatnonzero(fitted.known)
        return replace(fitted, state={ITEMS: known, VECTORS: item_vectors[known]})

    def _factorize(
        self,
        data: TrainingData,
        *,
        iterations: int,
        seed: int,
        progress: Progress = silent,
        start: Earlier | None = None,
    ) -> Floats:
        """Item vectors, all zero for those without interactions."""
        model = AlternatingLeastSquares(
            factors=self.factors,
            regularization=self._regularization(data),
            iterations=iterations,
            num_threads=self.threads,
            random_state=seed,
        )
        if start is not None:
            model.item_factors = _started(start, n_items=data.n_items, seed=seed)

        def report(iteration: int, seconds: float, loss: float | None) -> None:
            progress("fitting", (iteration + 1) / iterations)

        model.fit(self._confidences(data), show_progress=False, callback=report)
        factors: Floats = model.item_factors
        return factors

    def _confidences(self, data: TrainingData) -> csr_matrix:
        """`(n_users, n_items)` confidence of every pair that interacted."""
        fade = np.maximum(self.fade ** _steps_back(data), LEAST_FADE)
        totals = np.bincount(data.users, weights=data.weights * fade, minlength=data.n_users)
        values = self._scale(data) * data.weights * fade / np.sqrt(totals[data.users])
        shape = (data.n_users, data.n_items)
        matrix = csr_matrix((values.astype(np.float32), (data.users, data.items)), shape=shape)
        matrix.sum_duplicates()
        return matrix

    def _scale(self, data: TrainingData) -> float:
        """What weights over the square root of a shopper's total are multiplied by.

        Dividing by the usual weight of an interaction leaves only the ratios of the kinds to count.
        """
        usual_weight = float(data.kind_weights[data.kinds].mean())
        return self.alpha * len(np.unique(data.items)) / math.sqrt(usual_weight)

    def _regularization(self, data: TrainingData) -> float:
        return min(self.regularization, STRONGEST_PULL * self._scale(data))

    def _fitted(self, item_vectors: Floats, data: TrainingData) -> FittedVectors:
        """These vectors with the encoder that folds visitors into them."""
        ridge = self._regularization(data) * np.eye(self.factors, dtype=np.float32)
        encoder = FoldInEncoder(
            item_vectors.T @ item_vectors + ridge,
            data.kind_weights,
            alpha=self.fold_in * self._scale(data),
            half_life_days=data.half_life_days,
            step_decay=self.step_decay,
            history_length=self.history_length,
        )
        known = np.any(item_vectors, axis=1)
        return FittedVectors(item_vectors=item_vectors, known=known, encoder=encoder)


def _started(earlier: Earlier, *, n_items: int, seed: int) -> Floats:
    """`(n_items, factors)` the vectors of an earlier fit, small random ones where it had none."""
    items, vectors = earlier.state[ITEMS], earlier.state[VECTORS]
    shape = (n_items, vectors.shape[1])
    started = np.random.default_rng(seed).random(shape, dtype=np.float32) * NEW_ITEM_LENGTH
    started[items[items >= 0]] = vectors[items >= 0]
    return started


def _steps_back(data: TrainingData) -> npt.NDArray[np.int64]:
    """`(n,)` how many distinct times lie between an interaction and the shopper's last."""
    step = np.cumsum(np.diff(data.times, prepend=data.times[:1]) != 0) + data.users
    last = step[data.offsets[data.users + 1] - 1]
    steps: npt.NDArray[np.int64] = last - step
    return steps


def _require_enough(data: TrainingData) -> None:
    """Raise where there is nothing to factorise."""
    shoppers, products = len(np.unique(data.users)), len(np.unique(data.items))
    if min(shoppers, products) < 2:
        raise NotEnoughData(
            f"not enough data: have {shoppers} shoppers and {products} products with interactions,"
            " need 2 of each"
        )
