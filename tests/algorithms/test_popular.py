"""Popularity: distinct shoppers by recency."""

from __future__ import annotations

import numpy as np
import pytest

from shop_recs.algorithms.base import KINDS, TrainingData
from shop_recs.algorithms.encoders import History
from shop_recs.algorithms.popular import Popular
from tests.algorithms.logs import log_of

DAY = 86_400.0


def scores(data: TrainingData, **options: float) -> list[float]:
    fitted = Popular(**options).fit(data)
    nobody = History(fitted.item_vectors[:0], np.empty(0, np.int8), np.empty(0, np.float32))
    query = fitted.encoder(nobody)
    assert query is not None
    return (fitted.item_vectors @ query).tolist()


def test_a_shopper_counts_once_however_often_he_comes() -> None:
    log = log_of([[0, 0, 0], [1], [1]], times=[np.zeros(3), np.zeros(1), np.zeros(1)])
    assert scores(log) == [1.0, 2.0]


def test_a_shopper_counts_by_his_last_interaction_with_the_item() -> None:
    log = log_of([[0, 1, 1], [0]], times=[DAY * np.array([0, 0, 30]), DAY * np.array([15])])
    assert scores(log, half_life_days=15.0) == pytest.approx([0.25 + 0.5, 1.0])


def test_what_was_bought_ages_ago_stays_known() -> None:
    log = log_of([[0], [1]], times=[np.zeros(1), DAY * np.array([100_000.0])])
    assert Popular(half_life_days=1.0).fit(log).known.tolist() == [True, True]


def test_kinds_without_weight_do_not_count() -> None:
    weights = np.ones(KINDS, dtype=np.float32)
    weights[1] = 0.0
    log = log_of([[0, 1], [1, 0]], kinds=[np.array([4, 1]), np.array([4, 1])], kind_weights=weights)
    assert Popular().fit(log).item_vectors.ravel() == pytest.approx([1.0, 1.0])


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="half_life_days must be a positive number"):
        Popular(half_life_days=0)
