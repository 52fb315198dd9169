"""Ranking metrics, against a slow and literal reading of their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shop_recs.algorithms.metrics import UNRANKED, listed, ranking_metrics, target_ranks

Rows = npt.NDArray[np.int64]


@st.composite
def scored_cases(draw: st.DrawFn) -> tuple[npt.NDArray[np.float32], list[list[int]]]:
    """Scores with many ties and some items that are not ranked, and one or more targets per case."""
    n_cases, n_items = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    values = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 1.0, 2.0])
    scores = draw(arrays(np.float32, (n_cases, n_items), elements=values))
    targets = [
        draw(st.lists(st.integers(0, n_items - 1), min_size=1, max_size=n_items, unique=True))
        for _ in range(n_cases)
    ]
    return scores, targets


def worst_order(scores: npt.NDArray[Any], targets: list[int]) -> list[int]:
    """The ranked items, best first; of equals, the targets come last."""
    ranked = [item for item in range(len(scores)) if scores[item] > -math.inf]
    return sorted(ranked, key=lambda item: (-scores[item], item in targets))


def metrics_by_definition(scores: npt.NDArray[Any], targets: list[list[int]], k: int) -> dict[str, float]:
    """Each metric for each case, one list at a time."""
    figures: dict[str, list[float]] = {f"{name}@{k}": [] for name in ("ndcg", "recall", "hit_rate", "mrr")}
    for row, wanted in zip(scores, targets, strict=True):
        gains = [1 if item in wanted else 0 for item in worst_order(row, wanted)[:k]]
        ideal = [1] * min(k, len(wanted))
        hits = [place for place, gain in enumerate(gains, start=1) if gain]
        figures[f"ndcg@{k}"].append(dcg(gains) / dcg(ideal))
        figures[f"recall@{k}"].append(len(hits) / len(wanted))
        figures[f"hit_rate@{k}"].append(1.0 if hits else 0.0)
        figures[f"mrr@{k}"].append(1.0 / hits[0] if hits else 0.0)
    return {name: sum(values) / len(values) for name, values in figures.items()}


def dcg(gains: list[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))


def flat(targets: list[list[int]]) -> tuple[Rows, Rows]:
    """The case and the item of each target."""
    cases = np.repeat(np.arange(len(targets)), [len(items) for items in targets])
    return cases, np.concatenate([np.array(items) for items in targets])


@given(scored_cases(), st.integers(1, 12))
def test_metrics_are_what_their_definitions_say(
    scored: tuple[npt.NDArray[np.float32], list[list[int]]], k: int
) -> None:
    scores, targets = scored
    cases, items = flat(targets)
    found = ranking_metrics(target_ranks(scores, cases, items), cases, k=k)
    assert found == pytest.approx(metrics_by_definition(scores, targets, k))


@given(scored_cases())
def test_ranks_are_places_in_the_worst_order(
    scored: tuple[npt.NDArray[np.float32], list[list[int]]],
) -> None:
    scores, targets = scored
    ranks = target_ranks(scores, *flat(targets))
    for case, wanted in enumerate(targets):
        order = worst_order(scores[case], wanted)
        expected = [order.index(item) + 1 if item in order else UNRANKED for item in wanted]
        assert sorted(ranks[flat(targets)[0] == case]) == sorted(expected)


@given(scored_cases(), st.integers(1, 12))
def test_an_item_is_listed_where_it_would_be_found_as_a_target(
    scored: tuple[npt.NDArray[np.float32], list[list[int]]], k: int
) -> None:
    scores, _ = scored
    found = [any(item in worst_order(row, [item])[:k] for row in scores) for item in range(scores.shape[1])]
    assert listed(scores, [k, 1])[0].tolist() == found


def test_a_model_that_scores_all_alike_finds_nothing() -> None:
    ranks = target_ranks(np.zeros((1, 50), dtype=np.float32), np.array([0]), np.array([7]))
    assert ranks.tolist() == [50]


def test_tied_targets_take_the_last_places_of_their_tie() -> None:
    scores = np.array([[1.0, 1.0, 1.0, 0.0]])
    ranks = target_ranks(scores, np.array([0, 0]), np.array([0, 2]))
    assert sorted(ranks) == [2, 3]


def test_an_item_that_is_not_ranked_is_found_nowhere() -> None:
    scores = np.array([[-np.inf, -np.inf, 1.0]])
    ranks = target_ranks(scores, np.array([0]), np.array([1]))
    assert ranks.tolist() == [UNRANKED]
    assert ranking_metrics(ranks, np.array([0]), k=10)["recall@10"] == 0.0
