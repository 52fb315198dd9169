"""Least squares against `implicit` on a matrix written out by hand, and what it chooses by itself."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from shop_recs.algorithms.als import ALS
from shop_recs.algorithms.base import ITEMS, TrainingData
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from tests.algorithms.contract import history_of, tastes
from tests.algorithms.logs import log_of, walks

pytestmark = pytest.mark.training

SMALL = {"factors": 8, "alpha": 0.5, "regularization": 1.0, "iterations": 6}


def confidences_by_hand(data: TrainingData, *, alpha: float, fade: float) -> csr_matrix:
    """The confidence of every pair, one interaction at a time."""
    weights: dict[tuple[int, int], float] = defaultdict(float)
    totals: dict[int, float] = defaultdict(float)
    for user, item, time, weight in zip(data.users, data.items, data.times, data.weights, strict=True):
        later = {moment for moment in data.times[data.users == user] if moment > time}
        faded = weight * max(fade ** len(later), 0.01)
        weights[user, item] += faded
        totals[user] += faded
    scale = alpha * len(set(data.items.tolist())) / math.sqrt(data.kind_weights[data.kinds].mean())
    matrix = np.zeros((data.n_users, data.n_items), dtype=np.float32)
    for (user, item), weight in weights.items():
        matrix[user, item] = scale * weight / math.sqrt(totals[user])
    return csr_matrix(matrix)


def test_the_vectors_are_those_of_implicit_on_the_same_confidences() -> None:
    log = tastes()
    weighted = dataclasses.replace(log, weights=np.linspace(0.5, 2, len(log), dtype=np.float32))
    with threadpool_limits(1, user_api="blas"):
        bare = AlternatingLeastSquares(
            factors=8, regularization=1.0, iterations=6, num_threads=1, random_state=4
        )
        bare.fit(confidences_by_hand(weighted, alpha=0.5, fade=0.9), show_progress=False)
    fitted = ALS(**SMALL, fade=0.9, step_decay=0.8).fit(weighted, seed=4)
    np.testing.assert_allclose(fitted.item_vectors, bare.item_factors, rtol=1e-2, atol=2e-3)


def test_only_the_ratios_of_the_kinds_weights_count() -> None:
    log = tastes()
    scaled = dataclasses.replace(log, weights=3 * log.weights, kind_weights=3 * log.kind_weights)
    history = history_of(ALS(**SMALL).fit(log), [1, 2, 15])
    plain, heavier = (ALS(**SMALL).fit(data).encoder(history) for data in (log, scaled))
    np.testing.assert_allclose(plain, heavier, rtol=1e-2, atol=1e-3)


def test_threads_do_not_change_a_bit() -> None:
    one, two = (ALS(**SMALL, threads=threads).fit(tastes(), seed=1) for threads in (1, 2))
    assert one.item_vectors.tobytes() == two.item_vectors.tobytes()


def test_another_seed_gives_other_vectors() -> None:
    one, two = (ALS(**SMALL).fit(tastes(), seed=seed) for seed in (1, 2))
    assert not np.allclose(one.item_vectors, two.item_vectors)


def test_a_visitors_history_is_believed_less_than_that_of_the_fit() -> None:
    alphas = [ALS(**SMALL, fold_in=share).fit(tastes()).encoder.alpha for share in (1.0, 0.25)]
    assert alphas[1] == pytest.approx(alphas[0] / 4)


def test_a_resumed_fit_takes_a_third_of_the_iterations() -> None:
    phases: list[str] = []
    part = ALS(**SMALL).fit(tastes())
    ALS(**SMALL).fit(tastes(), resume=part, progress=lambda phase, fraction: phases.append(phase))
    assert phases == ["fitting"] * 2


def test_a_resumed_fit_stays_near_where_it_started() -> None:
    part = ALS(**SMALL).fit(tastes())
    near = ALS(**SMALL).fit(tastes(), resume=part, seed=9).item_vectors
    far = ALS(**SMALL).fit(tastes(), seed=9).item_vectors
    assert np.linalg.norm(near - part.item_vectors) < 0.3 * np.linalg.norm(far - part.item_vectors)


def test_a_fit_that_cannot_resume_starts_anew() -> None:
    other = ALS(**{**SMALL, "factors": 4}).fit(tastes())
    resumed, fresh = ALS(**SMALL).fit(tastes(), resume=other), ALS(**SMALL).fit(tastes())
    assert resumed.item_vectors.tobytes() == fresh.item_vectors.tobytes()


def test_a_fit_starts_from_another_days_items_and_learns_those_new_since() -> None:
    log = tastes()
    part = ALS(**SMALL).fit(log.select(log.items >= 5))
    state = {**part.state, ITEMS: np.where(part.state[ITEMS] == 39, -1, part.state[ITEMS])}
    resumed = ALS(**SMALL).fit(log, resume=dataclasses.replace(part, state=state))
    assert resumed.known.tolist() == [True] * 40 + [False] * 3
    unit = resumed.item_vectors[:40] / np.linalg.norm(resumed.item_vectors[:40], axis=1, keepdims=True)
    alike = unit @ unit.T - 2 * np.eye(40)
    assert (alike.argmax(axis=1)[:5] // 10 == 0).all()
    assert alike.argmax(axis=1)[39] // 10 == 3


def test_interactions_without_weight_teach_nothing() -> None:
    log = tastes()
    muted = log.weights * (log.items != 3) * (log.users != 5)
    fitted = ALS(**SMALL).fit(dataclasses.replace(log, weights=muted.astype(np.float32)))
    assert np.flatnonzero(~fitted.known).tolist() == [3, 40, 41, 42]


def test_visitors_fade_by_the_half_life_of_the_weights() -> None:
    log = dataclasses.replace(tastes(), half_life_days=30.0)
    encoder = ALS(**SMALL, history_length=7).fit(log).encoder
    assert isinstance(encoder, FoldInEncoder)
    assert (encoder.half_life_days, encoder.history_length) == (30.0, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 0}, "factors must be a positive integer"),
        ({"regularization": -1.0}, "regularization must be a positive number"),
        ({"fade": 1.5}, "fade must be at most 1"),
        ({"step_decay": 2}, "step_decay must be at most 1"),
        ({"fold_in": 0}, "fold_in must be a positive number"),
        ({"threads": 1.5}, "threads must be a positive integer"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ALS(**options)


@pytest.mark.parametrize("shoppers", [60, 400])
def test_the_defaults_learn_from_a_small_log_too(shoppers: int) -> None:
    log = walks(shoppers=shoppers)
    fitted = ALS().fit(log_of(log))
    assert np.linalg.norm(fitted.item_vectors[fitted.known], axis=1).min() > 0.01
