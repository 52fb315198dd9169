"""The decomposition against numpy's, and what normalising it means."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from shop_recs.algorithms.base import NotEnoughData
from shop_recs.algorithms.svd import SVD
from tests.algorithms.contract import ITEMS_OF_A_TASTE, scores_of, tastes
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training


@pytest.mark.parametrize("popularity", [0.0, 0.4])
def test_scores_are_those_of_the_whole_decomposition(popularity: float) -> None:
    log = tastes()
    had = np.zeros((log.n_users, log.n_items))
    had[log.users, log.items] = 1
    shoppers = np.maximum(had.sum(axis=0), 1) ** popularity
    _, _, right = np.linalg.svd(had / np.sqrt(had.sum(axis=1, keepdims=True)) / shoppers)
    vectors = right[:4].T * shoppers[:, None]
    fitted = SVD(factors=4, popularity=popularity, sweeps=10, step_decay=1.0, trend=0).fit(log)
    expected = vectors[[1, 12, 30]].sum(axis=0) @ vectors.T
    np.testing.assert_allclose(scores_of(fitted, [1, 12, 30])[:40], expected[:40], rtol=1e-2, atol=1e-3)


def test_a_small_log_has_a_quarter_as_many_dimensions_as_shoppers_and_products() -> None:
    assert SVD().fit(log_of([[0, 1], [1, 2], [2, 3]])).item_vectors.shape == (4, 1)
    assert SVD().fit(tastes()).item_vectors.shape[1] == 10


def test_with_its_defaults_it_learns_from_a_small_log() -> None:
    fitted = SVD().fit(tastes())
    scores = scores_of(fitted, [1, 2, 3])
    scores[[1, 2, 3]] = -np.inf
    assert set(np.argsort(-scores)[:5]) <= set(range(ITEMS_OF_A_TASTE))


def test_a_single_shopper_is_too_few() -> None:
    with pytest.raises(NotEnoughData, match="have 1 shoppers and 2 products"):
        SVD().fit(log_of([[0, 1]]))


def test_a_log_too_short_to_try_out_decays_still_fits() -> None:
    fitted = SVD().fit(log_of([[0, 1], [1, 2], [2, 0]], times=[np.zeros(2)] * 3))
    assert fitted.info["step_decay"] == 0.8


def test_a_resumed_fit_reuses_the_choice() -> None:
    part = SVD(factors=4, step_decay=0.55).fit(tastes())
    assert SVD(factors=4).fit(tastes(), resume=part).info["step_decay"] == 0.55


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 0}, "factors must be a positive integer"),
        ({"popularity": -0.1}, "popularity must be a positive number"),
        ({"step_decay": 1.5}, "step_decay must be at most 1"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SVD(**options)


def test_what_is_bought_today_comes_before_what_was_bought_once() -> None:
    day = 86_400.0
    # Items 1 and 2 went with 0 equally often, 1 long ago.
    times = [day * np.array([0, 1]), day * np.array([0, 1]), day * np.array([0, 99]), day * np.array([0, 99])]
    log = dataclasses.replace(log_of([[0, 1], [0, 1], [0, 2], [0, 2]], times=times), half_life_days=10.0)
    scores = scores_of(SVD(factors=1, step_decay=1.0).fit(log), [0])
    assert scores[2] > scores[1]
    np.testing.assert_allclose(
        *scores_of(SVD(factors=1, step_decay=1.0, trend=0).fit(log), [0])[1:], rtol=1e-4
    )
