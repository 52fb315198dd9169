"""Neighbours by shoppers against the same computed densely, and what they find that items together do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shop_recs.algorithms import user_knn
from shop_recs.algorithms.base import TrainingData
from shop_recs.algorithms.user_knn import UserKNN
from tests.algorithms.contract import tastes
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training


def greatest(matrix: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.float64]:
    """Each row with its greatest values only, the first columns of equals."""
    kept = np.zeros_like(matrix)
    for row, values in enumerate(matrix):
        best = np.argsort(-values, kind="stable")[:most]
        kept[row, best] = values[best]
    return kept


def by_hand(log: TrainingData, *, shoppers: int, breadth: int) -> npt.NDArray[np.float64]:
    """All pair scores, from dense matrices."""
    had = np.zeros((log.n_users, log.n_items))
    had[log.users, log.items] = 1
    unit = had / np.linalg.norm(had, axis=1, keepdims=True)
    # Rounded, so that equals stay equals in either precision.
    alike = greatest(np.round(unit @ unit.T, 6), shoppers)
    foreseen = greatest(np.round(alike @ had, 5), breadth) / np.sqrt(had.sum(axis=1, keepdims=True))
    scores = had.T @ foreseen / np.sqrt(np.maximum(had.sum(axis=0), 1))[:, None]
    np.fill_diagonal(scores, 0)
    return scores


def random_log() -> TrainingData:
    rng = np.random.default_rng(11)
    histories = [rng.choice(25, size=size, replace=False) for size in rng.integers(2, 12, size=40)]
    return log_of(histories)


def test_all_shoppers_give_the_product_of_the_whole_matrices() -> None:
    log = random_log()
    fitted = UserKNN(shoppers=40, neighbours=25, step_decay=1.0, trend=0).fit(log)
    dense = np.zeros((log.n_items, log.n_items))
    items = np.repeat(np.arange(log.n_items), np.diff(fitted.offsets))
    dense[items, fitted.neighbours] = fitted.pair_scores
    np.testing.assert_allclose(dense, by_hand(log, shoppers=40, breadth=25), rtol=1e-4, atol=1e-5)


def test_only_the_nearest_shoppers_and_the_best_items_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Shoppers 0, 1 and 2 had 3, 2 and 1 items of the first; no two cosines or scores are the same.
    log = log_of([[0, 1, 2], [0, 1, 3], [0, 4], [5, 6]])
    monkeypatch.setattr(user_knn, "BREADTH", 3)
    fitted = UserKNN(shoppers=2, neighbours=7, step_decay=1.0, trend=0).fit(log)
    dense = np.zeros((7, 7))
    items = np.repeat(np.arange(7), np.diff(fitted.offsets))
    dense[items, fitted.neighbours] = fitted.pair_scores
    np.testing.assert_allclose(dense, by_hand(log, shoppers=2, breadth=3), rtol=1e-4, atol=1e-5)


def test_items_are_near_that_nobody_had_both_of() -> None:
    # Nobody had 0 and 3, but who had either also had 1 and 2.
    fitted = UserKNN(step_decay=1.0, trend=0).fit(log_of([[0, 1, 2], [1, 2, 3], [4, 5], [4, 5]]))
    own = slice(fitted.offsets[0], fitted.offsets[1])
    support = dict(zip(fitted.neighbours[own].tolist(), fitted.support[own].tolist(), strict=True))
    assert support == {1: 1, 2: 1, 3: 0}


def test_of_a_popular_item_so_many_shoppers_make_shoppers_alike() -> None:
    rows = user_knn._some_rows_of_each_column(user_knn.presence_of(log_of([[0]] * 100 + [[1]] * 5)), 10)
    assert np.asarray(rows.sum(axis=0)).ravel().tolist() == [10, 5]


def test_a_resumed_fit_reuses_the_choice() -> None:
    part = UserKNN(step_decay=0.55).fit(tastes())
    assert UserKNN().fit(tastes(), resume=part).info["step_decay"] == 0.55


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shoppers": 0}, "shoppers must be a positive integer"),
        ({"busiest": 2.5}, "busiest must be a positive integer"),
        ({"step_decay": 1.5}, "step_decay must be at most 1"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UserKNN(**options)
