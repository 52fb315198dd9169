"""Similarities against `implicit`, co-visits against counting by hand, and what is chosen by the log."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

from shop_recs.algorithms import item_knn, neighbours
from shop_recs.algorithms.base import FittedNeighbours, TrainingData
from shop_recs.algorithms.item_knn import ItemKNN
from shop_recs.algorithms.neighbours import matrix_of
from tests.algorithms.contract import tastes
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training


def weighted_tastes() -> TrainingData:
    log = tastes()
    rng = np.random.default_rng(2)
    return dataclasses.replace(log, weights=rng.uniform(0.5, 2, len(log)).astype(np.float32))


def pairs_of(fitted: FittedNeighbours) -> dict[tuple[int, int], float]:
    items = np.repeat(np.arange(len(fitted.known)), np.diff(fitted.offsets))
    keys = zip(items.tolist(), fitted.neighbours.tolist(), strict=True)
    return dict(zip(keys, fitted.pair_scores.tolist(), strict=True))


def covisits_by_hand(log: TrainingData, **options: Any) -> dict[tuple[int, int], float]:
    """The co-visits, one pair of interactions at a time."""
    known = ItemKNN(similarity="covisitation", **options)
    scores: dict[tuple[int, int], float] = defaultdict(float)
    for a in range(len(log)):
        for b in range(len(log)):
            near = log.users[a] == log.users[b] and 0 < abs(a - b) <= known.reach
            together = log.times[a] == log.times[b]
            if not near or (b < a and not together) or log.items[a] == log.items[b]:
                continue
            if known.window_days is not None and log.times[b] - log.times[a] > 86_400 * known.window_days:
                continue
            between = {time for time in log.times[a:b] if log.times[a] < time < log.times[b]}
            scores[int(log.items[a]), int(log.items[b])] += float(
                log.weights[b]
            ) * known.distance_decay ** len(between)
    counts = np.bincount(log.items)
    return {
        (i, j): score / counts[i] ** 0.5 / counts[j] ** known.popularity for (i, j), score in scores.items()
    }


@pytest.mark.parametrize(
    ("similarity", "library"),
    [("cosine", CosineRecommender), ("tfidf", TFIDFRecommender), ("bm25", BM25Recommender)],
)
@pytest.mark.filterwarnings("ignore:Method expects CSR")
def test_the_neighbours_are_those_of_implicit(similarity: str, library: type[Any]) -> None:
    log = weighted_tastes()
    fitted = ItemKNN(similarity=similarity, neighbours=6, step_decay=1.0, trend=0).fit(log)
    # It counts the item itself among its own neighbours.
    oracle = library(K=7, num_threads=1)
    oracle.fit(matrix_of(log, log.weights), show_progress=False)
    for item in np.flatnonzero(fitted.known):
        ids, scores = oracle.similar_items(item, 7)
        expected = dict(zip(ids[ids != item].tolist(), scores[ids != item].tolist(), strict=True))
        own = slice(fitted.offsets[item], fitted.offsets[item + 1])
        found = dict(zip(fitted.neighbours[own].tolist(), fitted.pair_scores[own].tolist(), strict=True))
        assert found == pytest.approx(expected, rel=1e-4)


def test_a_follower_counts_less_for_every_step_and_a_basket_is_one_step_both_ways() -> None:
    # One shopper: item 0, then 1 and 2 in one basket, then 3, a day between each.
    log = log_of([[0, 1, 2, 3]], times=[86_400.0 * np.array([0, 1, 1, 2])])
    fitted = ItemKNN(similarity="covisitation", distance_decay=0.5, step_decay=1.0, trend=0).fit(log)
    expected = {(0, 1): 1, (0, 2): 1, (0, 3): 0.5, (1, 2): 1, (2, 1): 1, (1, 3): 1, (2, 3): 1}
    assert pairs_of(fitted) == pytest.approx(expected)


def test_what_came_after_the_window_is_no_covisit() -> None:
    log = log_of([[0, 1, 2]], times=[86_400.0 * np.array([0, 1, 3])])
    fitted = ItemKNN(similarity="covisitation", window_days=1.0, step_decay=1.0, trend=0).fit(log)
    assert set(pairs_of(fitted)) == {(0, 1)}


def test_a_covisit_counts_what_the_kind_of_the_later_interaction_weighs() -> None:
    weights = np.array([0, 1, 2, 3, 5, 0, 0, 0], dtype=np.float32)
    log = log_of([[0, 1], [0, 2]], kinds=[[4, 1], [1, 4]], kind_weights=weights)
    fitted = ItemKNN(similarity="covisitation", step_decay=1.0, trend=0).fit(log)
    assert pairs_of(fitted) == pytest.approx({(0, 1): 1 / 2**0.5, (0, 2): 5 / 2**0.5})


@given(
    histories=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=8), min_size=1, max_size=5),
    reach=st.integers(1, 4),
    popularity=st.sampled_from([0.0, 0.5]),
    window_days=st.sampled_from([None, 1.5]),
    together=st.booleans(),
    at_once=st.integers(1, 40),
)
@settings(max_examples=40, deadline=None)
def test_covisits_are_those_counted_by_hand(
    histories: list[list[int]],
    reach: int,
    popularity: float,
    window_days: float | None,
    together: bool,
    at_once: int,
) -> None:
    if len({item for history in histories for item in history}) < 2:
        return
    times = [86_400.0 * (np.arange(len(history)) // (2 if together else 1)) for history in histories]
    log = log_of(histories, times=times)
    options = {"reach": reach, "popularity": popularity, "window_days": window_days, "distance_decay": 0.6}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_knn, "PRODUCTS_AT_ONCE", at_once)
        patch.setattr(neighbours, "PRODUCTS_AT_ONCE", at_once)
        fitted = ItemKNN(similarity="covisitation", step_decay=1.0, trend=0, **options).fit(log)
    assert pairs_of(fitted) == pytest.approx(covisits_by_hand(log, **options))


def test_blocks_do_not_change_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ItemKNN(similarity="bm25", step_decay=1.0, trend=0).fit(weighted_tastes())
    monkeypatch.setattr(neighbours, "PRODUCTS_AT_ONCE", 500)
    parts = ItemKNN(similarity="bm25", step_decay=1.0, trend=0).fit(weighted_tastes())
    assert pairs_of(parts) == pairs_of(whole)
    assert parts.support.tolist() == whole.support.tolist()


def one_way_streets(*, shoppers: int = 200, streets: int = 11) -> TrainingData:
    """Shoppers who chose first and second of some triples of items, or second and third, in this order."""
    rng = np.random.default_rng(3)
    starts = [3 * rng.permutation(streets) + rng.integers(0, 2, size=streets) for _ in range(shoppers)]
    return log_of([np.stack([start, start + 1], axis=1).ravel() for start in starts])


def test_order_is_found_out_where_there_is_one() -> None:
    assert ItemKNN(step_decay=0.5).fit(one_way_streets()).info["similarity"] == "covisitation"


def test_a_resumed_fit_reuses_both_choices() -> None:
    part = ItemKNN(similarity="tfidf", step_decay=0.55).fit(tastes())
    whole = ItemKNN().fit(tastes(), resume=part)
    assert (whole.info["similarity"], whole.info["step_decay"]) == ("tfidf", 0.55)


def test_a_log_too_short_to_choose_on_still_fits() -> None:
    fitted = ItemKNN().fit(log_of([[0, 1], [1, 2], [2, 0]], times=[np.zeros(2)] * 3))
    assert fitted.info["step_decay"] == 0.8


def test_no_more_neighbours_are_kept_than_asked_for() -> None:
    fitted = ItemKNN(similarity="cosine", neighbours=3, step_decay=1.0, trend=0).fit(tastes())
    assert np.diff(fitted.offsets).max() == 3


def test_a_long_history_is_learnt_from_by_its_end() -> None:
    log = log_of([[0, 1, 2, 3]])
    fitted = ItemKNN(similarity="cosine", longest=2, step_decay=1.0, trend=0).fit(log)
    assert set(pairs_of(fitted)) == {(2, 3), (3, 2)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"similarity": "jaccard"}, "similarity must be one of cosine, tfidf, bm25, covisitation"),
        ({"neighbours": 0}, "neighbours must be a positive integer"),
        ({"reach": 1.5}, "reach must be a positive integer"),
        ({"window_days": -1}, "window_days must be a positive number"),
        ({"distance_decay": 1.2}, "distance_decay must be at most 1"),
        ({"popularity": 2}, "popularity must be at most 1"),
        ({"step_decay": 0}, "step_decay must be a positive number"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemKNN(**options)


@pytest.mark.parametrize("similarity", ["bm25", "covisitation"])
def test_scores_are_multiplied_by_the_share_of_today(similarity: str) -> None:
    log = dataclasses.replace(weighted_tastes(), half_life_days=2.0)
    plain, trending = (
        pairs_of(ItemKNN(similarity=similarity, trend=trend, step_decay=1.0).fit(log)) for trend in (0, 0.7)
    )
    trend = neighbours.trend_of(log) ** 0.7
    assert trending == pytest.approx({(i, j): score * trend[j] for (i, j), score in plain.items()}, rel=1e-4)


def test_the_trend_of_an_item_is_its_recent_purchases_over_its_interactions() -> None:
    view, purchase = 1, 4
    log = log_of(
        [[0, 1, 1], [1]],
        kinds=[np.array([purchase, view, purchase]), np.array([purchase])],
        times=[86_400.0 * np.array([0, 1, 4]), 86_400.0 * np.array([2])],
        n_items=3,
    )
    trend = neighbours.trend_of(dataclasses.replace(log, half_life_days=2.0))
    assert trend.tolist() == pytest.approx([(0.25 + 0.1) / 2, (1 + 0.5 + 0.1) / 4, 0.1])
