"""A shop that grows: shoppers with tastes, and a small model of them in numpy."""

from __future__ import annotations

import numpy as np

from shop_recs.algorithms.base import SECONDS_PER_DAY, FittedVectors, TrainingData
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from tests.algorithms.logs import log_of

PRODUCTS = 60
TASTES = 4
FACTORS = 6


def grown_log(*, days: int, seed: int = 0, first_day: int = 60, growth: float = 1.1) -> TrainingData:
    """The log after some days, of which each brings a tenth more interactions than the one before.

    A longer log of the same seed begins with the shorter one.
    """
    rng = np.random.default_rng(seed)
    histories: dict[int, list[tuple[float, int]]] = {}
    for day in range(days):
        so_far = int(first_day * growth**day)
        for _ in range(so_far):
            shopper = int(rng.integers(0, 40 + 10 * day))
            likes = shopper % TASTES if rng.random() < 0.8 else int(rng.integers(TASTES))
            place = int((PRODUCTS // TASTES) * rng.random() ** 1.5)
            moment = (day + rng.random()) * SECONDS_PER_DAY
            histories.setdefault(shopper, []).append((moment, place * TASTES + likes))
    rows = [sorted(history) for _, history in sorted(histories.items())]
    return log_of(
        [[item for _, item in history] for history in rows],
        times=[np.array([moment for moment, _ in history]) for history in rows],
        n_items=PRODUCTS,
    )


def factorised(data: TrainingData, *, noise: float = 0.0, factors: int = FACTORS) -> FittedVectors:
    """Truncated SVD of shoppers by products, its vectors disturbed by noise of that share of their length."""
    counts = np.zeros((data.n_users, data.n_items))
    np.add.at(counts, (data.users, data.items), 1.0)
    _, sizes, directions = np.linalg.svd(counts, full_matrices=False)
    vectors = (np.sqrt(sizes[:factors])[:, None] * directions[:factors]).T.astype(np.float32)
    known = np.bincount(data.items, minlength=data.n_items) > 0
    disturbance = np.random.default_rng(1).normal(size=vectors.shape).astype(np.float32)
    vectors += noise * disturbance * np.linalg.norm(vectors, axis=1, keepdims=True)
    return FittedVectors(item_vectors=vectors, known=known, encoder=fold_in(vectors))


def fold_in(vectors: np.ndarray) -> FoldInEncoder:
    """An encoder that knows shoppers by all that they did."""
    gram = vectors.T @ vectors + np.eye(vectors.shape[1], dtype=np.float32)
    return FoldInEncoder(
        gram,
        np.ones(8, dtype=np.float32),
        alpha=1.0,
        half_life_days=np.inf,
        step_decay=1.0,
        history_length=50,
    )
