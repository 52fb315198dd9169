"""The shopper's own items."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from shop_recs.algorithms.base import KINDS, TrainingData
from shop_recs.algorithms.encoders import History, load
from shop_recs.algorithms.encoders.recency import RecencyEncoder
from shop_recs.algorithms.history import PURCHASE, FittedHistory, OwnHistory
from shop_recs.models import Kind
from tests.algorithms.logs import log_of

DAY = 86_400.0
VIEW, CART = 1, 3


def ranked(fitted: FittedHistory, items: list[int], *, kinds: list[int], ages: list[float]) -> list[int]:
    """The own items, best first."""
    own = np.array(items, dtype=np.int32)
    history = fitted.history(own, np.array(kinds, dtype=np.int8), np.array(ages, dtype=np.float32))
    (scores,) = fitted.scores([history], [own])
    return [int(item) for item in np.argsort(-scores, kind="stable") if scores[item] > -np.inf]


@pytest.fixture
def log() -> TrainingData:
    """Six items of which the last is the most popular, and the one before it follows."""
    return log_of([[0, 1, 2, 3, 4, 5], [4, 5], [4, 5], [5]], n_items=8)


@pytest.fixture
def fitted(log: TrainingData) -> FittedHistory:
    return OwnHistory(half_life_days=2.0, appeal=0.001).fit(log)


def test_only_what_the_visitor_had_is_ranked(fitted: FittedHistory) -> None:
    assert ranked(fitted, [3, 1], kinds=[CART, CART], ages=[3, 1]) == [1, 3]
    assert ranked(fitted, [], kinds=[], ages=[]) == []


def test_often_counts_as_recent_does(fitted: FittedHistory) -> None:
    assert ranked(fitted, [3, 3, 3, 1], kinds=[CART] * 4, ages=[2, 2, 2, 0]) == [3, 1]
    assert ranked(fitted, [3, 3, 3, 1], kinds=[CART] * 4, ages=[4, 4, 4, 0]) == [1, 3]


def test_what_was_carted_and_not_bought_yet_goes_first(fitted: FittedHistory) -> None:
    items, kinds, ages = [2, 3, 2], [CART, CART, PURCHASE], [2, 1.5, 1]
    assert ranked(fitted, items, kinds=kinds, ages=ages) == [3, 2]
    assert ranked(fitted, [*items, 2], kinds=[*kinds, CART], ages=[*ages, 0.5]) == [2, 3]


def test_what_is_always_bought_ranks_by_how_often(fitted: FittedHistory) -> None:
    assert ranked(fitted, [2, 3, 2], kinds=[PURCHASE] * 3, ages=[1, 1, 1]) == [2, 3]


def test_of_equals_the_more_popular_goes_first(fitted: FittedHistory) -> None:
    assert ranked(fitted, [1, 5, 4], kinds=[CART] * 3, ages=[1, 1, 1]) == [5, 4, 1]


def test_an_item_that_nobody_has_had_is_unknown(fitted: FittedHistory) -> None:
    assert fitted.known.tolist() == [True] * 6 + [False] * 2


def test_where_shoppers_return_to_the_last_item_the_past_fades_fast() -> None:
    old_favourite_then_pairs = [
        np.concatenate((np.full(12, shopper), np.repeat(np.arange(14) + 50 + shopper, 2)))
        for shopper in range(40)
    ]
    assert OwnHistory().fit(log_of(old_favourite_then_pairs)).info["half_life_days"] <= 4.0


def test_where_shoppers_return_to_what_they_had_most_often_the_past_lasts() -> None:
    weekly_with_much_between = [
        [shopper if (day + shopper) % 7 == 0 else 40 + (day * 31 + shopper * 17) % 160 for day in range(63)]
        for shopper in range(40)
    ]
    assert OwnHistory().fit(log_of(weekly_with_much_between)).info["half_life_days"] >= 15.0


def test_a_log_too_short_for_a_trial_is_learnt_from_all_the_same() -> None:
    fitted = OwnHistory().fit(log_of([[0, 1]], times=[np.zeros(2)]))
    assert fitted.info == {"half_life_days": 60.0, "appeal": 0.001}


@pytest.mark.parametrize("option", ["half_life_days", "appeal", "bought", "history_length"])
def test_a_senseless_option_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be a positive"):
        OwnHistory(**{option: -1})


def test_a_purchase_is_what_the_log_calls_one() -> None:
    assert PURCHASE == Kind.PURCHASE


def encoder(**options: float) -> RecencyEncoder:
    weights = np.arange(KINDS, dtype=np.float32)
    return RecencyEncoder(weights, **{"half_life_days": 2.0, "history_length": 3} | options)


def history(kinds: list[int], ages: list[float]) -> History:
    columns: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] = (
        np.array(kinds, dtype=np.int8),
        np.array(ages, dtype=np.float32),
    )
    return History(np.empty((len(kinds), 0), dtype=np.float32), *columns)


def test_an_interaction_weighs_by_kind_and_by_days_before_the_last() -> None:
    weights = encoder()(history([4, 3, 1], [104.0, 102.0, 100.0]))
    assert weights is not None
    assert weights.tolist() == [1.0, 1.5, 1.0]
    assert weights.dtype == np.float32


def test_only_the_last_interactions_weigh() -> None:
    weights = encoder(history_length=2)(history([4, 3, 1], [4.0, 2.0, 0.0]))
    assert weights is not None
    assert weights.tolist() == [1.5, 1.0]


def test_a_stored_recency_encoder_answers_the_same() -> None:
    stored = load("recency", encoder().dumps())
    seen = history([4, 3, 1], [4.0, 2.0, 0.0])
    np.testing.assert_array_equal(stored(seen), encoder()(seen))
    assert stored(history([], [])) is None
    assert stored.history_length == 3


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"kind_weights": [1.0]}', b"\xff"])
def test_a_damaged_recency_encoder_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not the content of a recency encoder"):
        load("recency", content)
