"""Compares `ease` and `svd` with the models of RecTools that compute the same, on a generated log.

Both run in the environment of RecTools; from the project's root:

    .bench/rectools/bin/python -m benchmarks.rectools.oracles

Ours normalise and weigh in ways that RecTools leaves to the log: it is given the weights of our matrix, and
what has no counterpart (trends, popularity) is turned off.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel, PureSVDModel

from shop_recs.algorithms.base import TrainingData
from shop_recs.algorithms.ease import EASE
from shop_recs.algorithms.svd import SVD

REGULARIZATION, FACTORS = 5.0, 7
Numbers = npt.NDArray[np.float64]


def main() -> None:
    log = some_log(np.random.default_rng(0))
    theirs, weights = as_dataset(log)
    for name, ours, other in (("ease", *by_ease(log, theirs, weights)), ("svd", *by_svd(log, theirs))):
        difference = np.abs(ours - other).max() / np.abs(other).max()
        print(f"{name:<5} {ours.size:>8} values, largest difference {difference:.1e} of the largest value")


def some_log(rng: np.random.Generator) -> TrainingData:
    """3,000 shoppers of seven tastes and 800 items; nothing here asks for Django."""
    n_users, n_items, n = 3_000, 800, 60_000
    users = np.sort(rng.integers(n_users, size=n)).astype(np.int32)
    items = np.minimum(rng.exponential(n_items / 24, size=n), n_items - 1).astype(np.int32)
    items = (items + 114 * (users % 7)) % n_items
    return TrainingData(
        users=users,
        items=items.astype(np.int32),
        kinds=np.ones(n, dtype=np.int8),
        times=np.arange(n, dtype=np.float64),
        weights=np.ones(n, dtype=np.float32),
        n_users=n_users,
        n_items=n_items,
        now=float(n),
    )


def as_dataset(log: TrainingData) -> tuple[Dataset, Numbers]:
    """The log for RecTools: each item of a shopper once, weighed by one over the root of how many."""
    pairs = np.unique(np.stack([log.users, log.items]), axis=1)
    weights = 1.0 / np.sqrt(np.bincount(pairs[0]))[pairs[0]]
    columns = {Columns.User: pairs[0], Columns.Item: pairs[1], Columns.Weight: weights}
    frame = pd.DataFrame({**columns, Columns.Datetime: pd.Timestamp("2026-01-01")})
    return Dataset.construct(frame), weights


def by_ease(log: TrainingData, theirs: Dataset, weights: Numbers) -> tuple[Numbers, Numbers]:
    """The scores of the pairs that ours keeps."""
    fitted = EASE(regularization=REGULARIZATION, trend=0.0, step_decay=1.0).fit(log)
    mean_of_diagonal = float((weights**2).sum()) / theirs.item_id_map.size
    model = EASEModel(regularization=REGULARIZATION * mean_of_diagonal).fit(theirs)
    places = theirs.item_id_map.convert_to_internal
    items = np.repeat(np.arange(log.n_items), np.diff(fitted.offsets))
    scores = np.asarray(model.weight)[places(items), places(fitted.neighbours)]
    return fitted.pair_scores.astype(np.float64), scores


def by_svd(log: TrainingData, theirs: Dataset) -> tuple[Numbers, Numbers]:
    """The scores of all pairs of items, which do not depend on how the vectors are turned."""
    fitted = SVD(factors=FACTORS, popularity=0.0, trend=0.0, sweeps=20, step_decay=1.0).fit(log)
    model = PureSVDModel(factors=FACTORS).fit(theirs)
    order = theirs.item_id_map.external_ids
    ours = fitted.item_vectors[order].astype(np.float64)
    # RecTools keeps the singular values in the items' vectors, ours are the singular vectors themselves.
    other = np.asarray(model.item_factors, dtype=np.float64)
    other /= np.linalg.norm(other, axis=0)
    return ours @ ours.T, other @ other.T


if __name__ == "__main__":
    main()
