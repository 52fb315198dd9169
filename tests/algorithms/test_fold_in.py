"""The fold-in encoder against `implicit` and against the closed form, written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shop_recs.algorithms.encoders import History
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder

VIEW, PURCHASE = 1, 4
KIND_WEIGHTS = np.array([0, 1, 2, 3, 5, 0, 0, 0], dtype=np.float32)


@pytest.fixture
def item_vectors() -> npt.NDArray[np.float32]:
    return np.random.default_rng(5).normal(size=(30, 8)).astype(np.float32)


def encoder_of(item_vectors: npt.NDArray[np.float32], **options: Any) -> FoldInEncoder:
    ridge = 0.5 * np.eye(item_vectors.shape[1], dtype=np.float32)
    defaults = {"alpha": 4.0, "half_life_days": math.inf, "step_decay": 1.0, "history_length": 50}
    return FoldInEncoder(item_vectors.T @ item_vectors + ridge, KIND_WEIGHTS, **{**defaults, **options})


def history(
    item_vectors: npt.NDArray[np.float32], items: list[int], ages: list[float], kind: int = VIEW
) -> History:
    return History(
        vectors=item_vectors[items],
        kinds=np.full(len(items), kind, dtype=np.int8),
        ages=np.array(ages, dtype=np.float32),
    )


@pytest.mark.training
def test_it_agrees_with_recalculate_user(item_vectors: npt.NDArray[np.float32]) -> None:
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    items, ages = [3, 7, 3, 11, 20], [9.0, 6.0, 6.0, 1.0, 0.0]
    decay = 0.5 ** (np.array(ages) / 3.0) * 0.8 ** np.array([3, 2, 2, 1, 0])
    confidences = 4.0 * decay / math.sqrt(decay.sum())
    with threadpool_limits(1, user_api="blas"):
        model = AlternatingLeastSquares(factors=8, regularization=0.5, num_threads=1)
        model.item_factors = item_vectors
        user_items = csr_matrix((confidences.astype(np.float32), ([0] * 5, items)), shape=(1, 30))
        expected = model.recalculate_user(0, user_items)
        explained = [model.explain(0, user_items, item, N=5) for item in range(30)]

    encoder = encoder_of(item_vectors, half_life_days=3.0, step_decay=0.8)
    query = encoder(history(item_vectors, items, ages))
    np.testing.assert_allclose(query, expected, rtol=1e-4, atol=1e-5)
    # What `explain` finds that the items of the history add to a score sums up to the score that we serve.
    scores = item_vectors @ query
    np.testing.assert_allclose(scores, [score for score, *_ in explained], rtol=1e-3, atol=1e-4)
    added = [sum(part for _, part in parts) for _, parts, _ in explained]
    np.testing.assert_allclose(scores, added, rtol=1e-3, atol=1e-4)
    # Item by item, too; `explain` knows item 3 once, the encoder both times.
    of_event = item_vectors @ encoder.parts(history(item_vectors, items, ages)).T
    of_item = [
        [of_event[item, [i == seen for i in items]].sum() for seen in (3, 7, 11, 20)] for item in range(30)
    ]
    expected = [[dict(parts)[seen] for seen in (3, 7, 11, 20)] for _, parts, _ in explained]
    np.testing.assert_allclose(of_item, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 30])
def test_a_history_shorter_than_the_vectors_takes_the_smaller_system_to_the_same_answer(
    item_vectors: npt.NDArray[np.float32], length: int
) -> None:
    items = list(range(length))
    encoder = encoder_of(item_vectors, step_decay=0.7)
    weights = 0.7 ** np.arange(length - 1, -1, -1.0)
    confidences = encoder.alpha * weights / math.sqrt(weights.sum())
    seen = item_vectors[items].astype(np.float64)
    system = encoder.gram + (seen.T * (confidences - 1)) @ seen
    expected = np.linalg.solve(system, confidences @ seen)
    answer = encoder(history(item_vectors, items, [float(length - i) for i in items]))
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 8, 30, 70])
def test_what_the_interactions_add_sums_up_to_the_query(
    item_vectors: npt.NDArray[np.float32], length: int
) -> None:
    rng = np.random.default_rng(length)
    past = History(
        vectors=item_vectors[rng.integers(30, size=length)],  # items repeat in the longer ones
        kinds=rng.choice([VIEW, PURCHASE, 7], size=length, p=[0.6, 0.2, 0.2]).astype(np.int8),
        ages=np.sort(rng.uniform(0, 40, size=length)).astype(np.float32)[::-1],
    )
    past.kinds[-1] = VIEW
    encoder = encoder_of(item_vectors, half_life_days=10.0, step_decay=0.9, history_length=40)
    parts = encoder.parts(past)
    assert (parts.shape, parts.dtype) == (past.vectors.shape, np.float32)
    np.testing.assert_allclose(parts.sum(axis=0), encoder(past), rtol=1e-4, atol=1e-6)
    assert not parts[past.kinds == 7].any()
    assert not parts[:-40].any()


def test_a_part_is_the_inverse_of_the_system_times_confidence_and_vector(
    item_vectors: npt.NDArray[np.float32],
) -> None:
    items = [4, 9, 4]
    encoder = encoder_of(item_vectors, step_decay=0.5)
    weights = np.array([0.25, 0.5, 1.0])
    confidences = 4.0 * weights / math.sqrt(weights.sum())
    system = encoder.gram.astype(np.float64)
    for item, confidence in ((4, confidences[[0, 2]].sum()), (9, confidences[1])):
        system += (confidence - 1) * np.outer(item_vectors[item], item_vectors[item])
    parts = encoder.parts(history(item_vectors, items, [2.0, 1.0, 0.0]))
    for part, item, confidence in zip(parts, items, confidences, strict=True):
        np.testing.assert_allclose(part, np.linalg.inv(system) @ (confidence * item_vectors[item]), rtol=1e-4)


def test_a_history_that_says_nothing_has_parts_of_zero(item_vectors: npt.NDArray[np.float32]) -> None:
    assert not encoder_of(item_vectors).parts(history(item_vectors, [3, 9], [1.0, 0.0], kind=7)).any()
    assert encoder_of(item_vectors).parts(history(item_vectors, [], [])).shape == (0, 8)


def test_one_dimension_is_the_closed_form_by_hand() -> None:
    # Y'Y = 1 + 4, ridge .5, one purchase of the item at 2: x = 2 c / (5.5 + 4 (c - 1)), c = 4 * 5 / sqrt(5).
    vectors = np.array([[1.0], [2.0]], dtype=np.float32)
    confidence = 4 * math.sqrt(5)
    query = encoder_of(vectors)(history(vectors, [1], [0.0], kind=PURCHASE))
    assert query == pytest.approx([2 * confidence / (5.5 + 4 * (confidence - 1))])


def test_an_item_seen_twice_is_one_item_with_both_weights(item_vectors: npt.NDArray[np.float32]) -> None:
    encoder = encoder_of(item_vectors)
    twice = encoder(history(item_vectors, [3, 3, 9], [0, 0, 0]))
    weights = np.array([0.0, 2.0, 1.0], dtype=np.float32)
    heavier = FoldInEncoder(
        encoder.gram, weights, alpha=4.0, half_life_days=math.inf, step_decay=1.0, history_length=50
    )
    kinds = np.array([1, 2], dtype=np.int8)
    once = heavier(History(item_vectors[[3, 9]], kinds, np.zeros(2, dtype=np.float32)))
    np.testing.assert_allclose(twice, once, rtol=1e-5)


def test_the_last_item_leads_where_the_past_fades(item_vectors: npt.NDArray[np.float32]) -> None:
    past = history(item_vectors, [3, 9], [1.0, 0.0])
    fading = encoder_of(item_vectors, step_decay=0.1)(past) @ item_vectors.T
    even = encoder_of(item_vectors)(past) @ item_vectors.T
    assert fading[9] - fading[3] > even[9] - even[3]


def test_interactions_at_the_same_time_are_one_step(item_vectors: npt.NDArray[np.float32]) -> None:
    encoder = encoder_of(item_vectors, step_decay=0.5)
    basket = encoder(history(item_vectors, [3, 9], [2.0, 2.0]))
    turned = encoder(history(item_vectors, [9, 3], [2.0, 2.0]))
    np.testing.assert_allclose(basket, turned, rtol=1e-5)


def test_who_comes_back_after_a_year_finds_the_list_they_left(
    item_vectors: npt.NDArray[np.float32],
) -> None:
    encoder = encoder_of(item_vectors, half_life_days=1.0, step_decay=0.8)
    then = encoder(history(item_vectors, [3, 9, 4], [3.0, 1.0, 0.0]))
    now = encoder(history(item_vectors, [3, 9, 4], [368.0, 366.0, 365.0]))
    np.testing.assert_allclose(now, then, rtol=1e-5)


def test_kinds_without_weight_say_nothing(item_vectors: npt.NDArray[np.float32]) -> None:
    encoder = encoder_of(item_vectors)
    assert encoder(history(item_vectors, [3, 9], [1.0, 0.0], kind=7)) is None
