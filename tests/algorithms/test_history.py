"""The shopper's own items."""

from __future__ import annotations

import numpy as np
import pytest

from shop_recs.algorithms.base import TrainingData
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
    return OwnHistory(half_life_days=2.0, appeal=0.001, bought=0.1).fit(log)


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


def test_of_equals_the_one_that_is_bought_more_often_goes_first() -> None:
    log = log_of([[0, 1]] * 9, kinds=[np.array([CART, PURCHASE])] * 9)
    fitted = OwnHistory(half_life_days=2.0, appeal=0.001, bought=1.0).fit(log)
    assert ranked(fitted, [0, 1], kinds=[CART] * 2, ages=[1, 1]) == [1, 0]


def test_a_log_of_views_alone_ranks_what_was_viewed() -> None:
    log = log_of([[0, 1]], kinds=[np.full(2, VIEW)])
    fitted = OwnHistory(half_life_days=2.0, appeal=0.001, bought=0.1).fit(log)
    assert ranked(fitted, [0, 1], kinds=[VIEW] * 2, ages=[2, 1]) == [1, 0]


def test_an_item_that_nobody_has_had_is_unknown(fitted: FittedHistory) -> None:
    assert fitted.known.tolist() == [True] * 6 + [False] * 2


def test_where_shoppers_return_to_the_last_item_the_past_fades_fast() -> None:
    old_favourite_then_pairs = [
        np.concatenate((np.full(13, shopper), np.repeat(np.arange(14) + 50 + shopper, 2)))
        for shopper in range(40)
    ]
    assert OwnHistory().fit(log_of(old_favourite_then_pairs)).info["half_life_days"] <= 4.0


def test_where_shoppers_return_to_what_they_had_most_often_the_past_lasts() -> None:
    weekly_with_much_between = [
        [shopper if (day + shopper) % 7 == 0 else 40 + (day * 31 + shopper * 17) % 160 for day in range(63)]
        for shopper in range(40)
    ]
    assert OwnHistory().fit(log_of(weekly_with_much_between)).info["half_life_days"] >= 15.0


def test_a_fit_that_resumes_another_reuses_its_choices(log: TrainingData) -> None:
    first = OwnHistory(half_life_days=7.0, appeal=0.5, bought=0.25).fit(log)
    assert OwnHistory().fit(log, resume=first).info == first.info
    assert OwnHistory(appeal=0.125).fit(log, resume=first).info == {**first.info, "appeal": 0.125}


def test_a_log_too_short_for_a_trial_is_learnt_from_all_the_same() -> None:
    fitted = OwnHistory().fit(log_of([[0, 1]], times=[np.zeros(2)]))
    assert fitted.info == {"half_life_days": 60.0, "appeal": 0.001, "bought": 0.01}


@pytest.mark.parametrize("option", ["half_life_days", "appeal", "bought", "history_length"])
def test_a_senseless_option_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be a positive"):
        OwnHistory(**{option: -1})


def test_a_purchase_is_what_the_log_calls_one() -> None:
    assert PURCHASE == Kind.PURCHASE
