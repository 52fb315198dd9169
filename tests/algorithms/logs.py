"""Small logs made by hand for the tests of sequence models."""

from __future__ import annotations

import numpy as np

from shop_recs.algorithms.base import KINDS, TrainingData


def log_of(histories, *, kinds=None, times=None, n_items=None, kind_weights=None) -> TrainingData:
    """The log of shoppers with these histories of item indices; a purchase a day unless told otherwise."""
    lengths = [len(history) for history in histories]
    items = np.concatenate([np.asarray(history, dtype=np.int32) for history in histories])
    times = times or [86_400.0 * np.arange(n) for n in lengths]
    kinds = kinds or [np.full(n, 4) for n in lengths]
    weights = np.ones(KINDS, dtype=np.float32) if kind_weights is None else kind_weights
    columns = np.concatenate(kinds).astype(np.int8)
    return TrainingData(
        users=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        items=items,
        kinds=columns,
        times=np.concatenate(times).astype(np.float64),
        weights=weights[columns],
        n_users=len(lengths),
        n_items=int(items.max()) + 1 if n_items is None else n_items,
        now=float(max(np.max(t) for t in times if len(t))),
        kind_weights=weights,
    )


def walks(*, shoppers: int = 120, length: int = 30, n_items: int = 40, step: int = 1, seed: int = 0):
    """Histories that walk through the items in a circle: the next item is always `step` further on."""
    starts = np.random.default_rng(seed).integers(0, n_items, size=shoppers)
    return [(start + step * np.arange(length)) % n_items for start in starts]
