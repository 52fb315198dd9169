"""Ranking metrics, against a slow and literal reading of their definitions."""

from __future__ import annotations

import json
import math
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shop_recs.algorithms import metrics
from shop_recs.algorithms.metrics import (
    UNRANKED,
    bootstrap_interval,
    ranking_metrics,
    target_ranks,
    top_lists,
)

Rows = npt.NDArray[np.int64]
ROOT = Path(__file__).parent.parent.parent


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
    names = ("ndcg", "precision", "recall", "f1", "hit_rate", "map", "mrr")
    figures: dict[str, list[float]] = {f"{name}@{k}": [] for name in names}
    for row, wanted in zip(scores, targets, strict=True):
        gains = [1 if item in wanted else 0 for item in worst_order(row, wanted)[:k]]
        ideal = [1] * min(k, len(wanted))
        hits = [place for place, gain in enumerate(gains, start=1) if gain]
        precision, recall = len(hits) / k, len(hits) / len(wanted)
        figures[f"ndcg@{k}"].append(dcg(gains) / dcg(ideal))
        figures[f"precision@{k}"].append(precision)
        figures[f"recall@{k}"].append(recall)
        figures[f"f1@{k}"].append(2 * precision * recall / (precision + recall) if hits else 0.0)
        figures[f"hit_rate@{k}"].append(1.0 if hits else 0.0)
        figures[f"map@{k}"].append(sum(sum(gains[:place]) / place for place in hits) / len(wanted))
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
def test_lists_hold_the_best_items_and_of_equals_the_first(
    scored: tuple[npt.NDArray[np.float32], list[list[int]]], length: int
) -> None:
    scores, _ = scored
    for row, found in zip(scores, top_lists(scores, length), strict=True):
        expected = worst_order(row, [])[:length]
        assert found.tolist() == expected + [-1] * (length - len(expected))


@pytest.mark.parametrize("length", [1, 20, 700])
def test_lists_from_a_large_catalogue_are_those_of_a_full_sort(length: int) -> None:
    scores = np.random.default_rng(1).integers(0, 400, (7, 1_500)).astype(np.float32)
    scores[3, 9:] = -np.inf
    for row, found in zip(scores, top_lists(scores, length), strict=True):
        expected = worst_order(row, [])[:length]
        assert found.tolist() == expected + [-1] * (length - len(expected))


@st.composite
def short_lists(draw: st.DrawFn) -> npt.NDArray[np.int32]:
    """Lists of distinct items of seven, filled up with -1; some are empty."""
    lists = draw(st.lists(st.lists(st.integers(0, 6), max_size=4, unique=True), min_size=1, max_size=6))
    return np.array([items + [-1] * (4 - len(items)) for items in lists], dtype=np.int32)


def items_of(row: npt.NDArray[np.int32]) -> list[int]:
    return [item for item in row.tolist() if item >= 0]


@given(short_lists())
def test_exposures_count_the_lists_that_show_an_item(lists: npt.NDArray[np.int32]) -> None:
    shown = metrics.exposures(lists, n_items=7)
    assert shown.tolist() == [sum(item in items_of(row) for row in lists) for item in range(7)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_gini_is_half_the_mean_difference_over_the_mean(shown: list[int]) -> None:
    differences = [abs(one - other) for one in shown for other in shown]
    expected = sum(differences) / len(shown) ** 2 / 2 / (sum(shown) / len(shown))
    assert metrics.gini(np.array(shown)) == pytest.approx(expected)


def test_gini_is_zero_for_equal_exposures_and_nears_one_for_a_single_item() -> None:
    assert metrics.gini(np.full(100, 7)) == pytest.approx(0.0)
    assert metrics.gini(np.eye(100)[3]) == pytest.approx(0.99)


@given(short_lists(), arrays(np.float64, 7, elements=st.floats(0, 1)))
def test_the_mean_of_a_list_leaves_out_its_empty_places(
    lists: npt.NDArray[np.int32], values: npt.NDArray[np.float64]
) -> None:
    for row, found in zip(lists, metrics.mean_of_lists(lists, values), strict=True):
        listed = [values[item] for item in items_of(row)]
        assert found == pytest.approx(sum(listed) / len(listed) if listed else math.nan, nan_ok=True)


def test_self_information_counts_bits() -> None:
    assert metrics.self_information(np.array([1.0, 0.5, 0.125])).tolist() == [0.0, 1.0, 3.0]


@given(short_lists(), arrays(np.float32, (7, 3), elements=st.integers(-3, 3)))
def test_diversity_is_the_mean_distance_of_all_pairs(
    lists: npt.NDArray[np.int32], vectors: npt.NDArray[np.float32]
) -> None:
    for row, found in zip(lists, metrics.diversity(lists, vectors), strict=True):
        pairs = list(combinations(items_of(row), 2))
        distances = [1 - cosine(vectors[one], vectors[other]) for one, other in pairs]
        expected = sum(distances) / len(pairs) if pairs else math.nan
        assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


def cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return float(one @ other) / lengths if lengths else 0.0


def test_audiences_that_overlap_make_vectors_that_do() -> None:
    rng = np.random.default_rng(5)
    chosen = rng.random((400, 12)) < 0.3
    chosen[:, 1] = chosen[:, 0]
    chosen[:, 2] &= ~chosen[:, 0]
    users, items = np.nonzero(chosen)
    vectors = metrics.audience_vectors(users, items, n_items=12, dimensions=2_000)
    expected = [[cosine(one, other) for other in chosen.T.astype(float)] for one in chosen.T.astype(float)]
    found = [[cosine(one, other) for other in vectors] for one in vectors]
    np.testing.assert_allclose(found, expected, atol=0.1)


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


def test_the_bootstrap_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.exponential(scale=2.0, size=(200, 80))
    intervals = np.array([bootstrap_interval(sample, resamples=400, seed=7) for sample in samples])
    covered = np.mean((intervals[:, 0] < 2.0) & (intervals[:, 1] > 2.0))
    assert 0.88 < covered < 0.98  # 95 % but for the skew of so small samples
    widths = intervals[:, 1] - intervals[:, 0]
    assert np.mean(widths) == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(80), rel=0.06)


def test_two_libraries_of_metrics_agree() -> None:
    python = ROOT / ".bench" / "metrics" / "bin" / "python"
    if not python.exists():
        pytest.skip("ranx and ir-measures have an environment of their own; see benchmarks/oracles.py")
    command = [python, "-W", "ignore", "-m", "benchmarks.oracles", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    differences: dict[str, dict[str, float]] = json.loads(done.stdout)
    assert set(differences["ranx"]) == {"ndcg", "precision", "recall", "f1", "hit_rate", "map", "mrr"}
    assert set(differences["ir-measures"]) == set(differences["ranx"]) - {"f1"}
    assert max(max(of_library.values()) for of_library in differences.values()) < 1e-12


def test_a_target_without_a_number_for_a_score_is_not_ranked():
    scores = np.array([[np.nan, np.nan, np.nan], [0.5, np.nan, 0.1], [-np.inf, 0.1, 0.2]])
    ranks = target_ranks(scores, np.arange(3), np.array([0, 1, 0]))
    assert (ranks == UNRANKED).all()
