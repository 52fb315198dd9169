"""The weights of a history by kind and recency, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shop_recs.algorithms.encoders import History, load
from shop_recs.algorithms.encoders.weights import WeightedSumEncoder, WeightsEncoder

KIND_WEIGHTS = np.array([0, 1, 2, 3, 5, 0, 0, 0], dtype=np.float32)


def history(kinds: list[int], ages: list[float], *, dimensions: int = 0) -> History:
    vectors = np.arange(len(kinds) * dimensions, dtype=np.float32).reshape(len(kinds), dimensions)
    return History(vectors, np.array(kinds, dtype=np.int8), np.array(ages, dtype=np.float32))


def encoder(*, half_life_days: float = math.inf, step_decay: float = 1.0, history_length: int = 50):
    return WeightsEncoder(
        KIND_WEIGHTS, half_life_days=half_life_days, step_decay=step_decay, history_length=history_length
    )


def test_an_interaction_weighs_what_its_kind_weighs() -> None:
    assert encoder()(history([1, 4, 2], [2, 1, 0])).tolist() == [1, 5, 2]


def test_a_weight_halves_with_age_from_the_last_interaction_on() -> None:
    halved = encoder(half_life_days=2.0)
    assert halved(history([1, 1, 1], [4, 2, 0])).tolist() == [0.25, 0.5, 1]
    assert halved(history([1, 1, 1], [404, 402, 400])).tolist() == [0.25, 0.5, 1]


def test_every_step_back_decays_and_a_basket_is_one_step() -> None:
    stepped = encoder(step_decay=0.5)
    assert stepped(history([1, 1, 1, 1], [3, 1, 1, 0])).tolist() == [0.25, 0.5, 0.5, 1]


def test_only_the_last_interactions_get_a_weight() -> None:
    assert encoder(history_length=2)(history([1, 4, 2], [2, 1, 0])).tolist() == [5, 2]


@pytest.mark.parametrize("kinds", [[], [7, 7]])
def test_a_history_without_weight_has_no_answer(kinds: list[int]) -> None:
    assert encoder()(history(kinds, [0.0] * len(kinds))) is None


def test_the_sum_is_of_the_vectors_by_their_weights() -> None:
    summing = WeightedSumEncoder(KIND_WEIGHTS, half_life_days=1.0, step_decay=1.0, history_length=2)
    # Vectors (0, 1), (2, 3), (4, 5): the first is beyond the length, the second counts 5 / 2, the third 1.
    assert summing(history([1, 4, 1], [2, 1, 0], dimensions=2)).tolist() == [9.0, 12.5]


def test_each_interaction_adds_its_weighted_vector_to_the_sum() -> None:
    summing = WeightedSumEncoder(KIND_WEIGHTS, half_life_days=1.0, step_decay=1.0, history_length=2)
    past = history([1, 4, 1], [2, 1, 0], dimensions=2)
    assert summing.parts(past).tolist() == [[0, 0], [5.0, 7.5], [4, 5]]
    assert summing.parts(past).sum(axis=0).tolist() == summing(past).tolist()


def test_what_is_stored_comes_back() -> None:
    stored = load("weights", encoder(half_life_days=3.0, step_decay=0.7, history_length=9).dumps())
    assert isinstance(stored, WeightsEncoder)
    assert stored.kind_weights.tolist() == KIND_WEIGHTS.tolist()
    assert (stored.half_life_days, stored.step_decay, stored.history_length) == (3.0, 0.7, 9)


def test_other_content_is_refused() -> None:
    with pytest.raises(ValueError, match="not the content of an encoder by weights"):
        load("weighted-sum", b"something else")
