"""Lists of several models, fused into one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_recs.algorithms.blend import CANDIDATES, Candidates, fuse, tune
from shop_recs.algorithms.metrics import ranking_metrics, target_ranks
from shop_recs.algorithms.splits import Split, split_by_time
from tests.algorithms.logs import log_of

DAY = 86_400.0
N_ITEMS = 12


def test_what_two_lists_have_goes_before_what_one_has() -> None:
    fused = fuse(
        {"als": [("hat", 3.0), ("mug", 2.9)], "history": [("pen", 1.0), ("mug", 0.9)]},
        {"als": 1.0, "history": 1.0},
    )
    assert [item.key for item in fused] == ["mug", "hat", "pen"]
    assert fused[0].places == {"als": 2, "history": 2}
    assert fused[1].places == {"als": 1}


def test_the_score_of_an_item_is_its_weighted_share_of_the_best_by_its_place() -> None:
    (first, second) = fuse({"als": [("hat", 4.0), ("mug", 1.0)]}, {"als": 0.5})
    assert first.score == pytest.approx(0.5 * 20 / 21)
    assert second.score == pytest.approx(0.5 * 0.25 * 20 / 22)


def test_a_list_whose_scores_are_negative_counts_by_its_places_alone() -> None:
    fused = fuse({"als": [("hat", -1.0), ("mug", -4.0)]}, {"als": 1.0})
    assert [round(item.score, 4) for item in fused] == [0.9524, 0.9091]


def test_what_has_no_weight_is_not_listed_but_remembered_where_another_lists_it() -> None:
    fused = fuse({"als": [("hat", 1.0)], "popular": [("hat", 1.0), ("mug", 1.0)]}, {"als": 1.0})
    assert [(item.key, item.places) for item in fused] == [("hat", {"als": 1, "popular": 1})]


@pytest.mark.parametrize("lists", [{}, {"als": []}])
def test_nothing_fused_is_nothing(lists: dict[str, list[tuple[int, float]]]) -> None:
    assert fuse(lists, {"als": 1.0}) == []


@pytest.fixture(scope="module")
def split() -> Split:
    """Forty shoppers who each choose one to three items after the cut, some of them again."""
    rng = np.random.default_rng(3)
    histories = [rng.integers(0, N_ITEMS, size=8) for _ in range(40)]
    return split_by_time(log_of(histories), cut=4.5 * DAY)


def brought(split: Split, models: dict[str, np.ndarray], *, seen: bool = True) -> Candidates:
    """What models bring that score the cases of a split so."""
    candidates = Candidates(split, seen=seen)
    for name, scores in models.items():
        for chunk in split.chunks():
            part = scores[chunk].copy()
            if not seen:
                split.hide_seen(part, chunk)
            candidates.bring(name, part)
    return candidates


def noise(split: Split, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((len(split), N_ITEMS)).astype(np.float32) + 0.1


def ndcg(candidates: Candidates, weights: np.ndarray) -> float:
    split = candidates.split
    scores = np.concatenate([part for _, part in candidates.scores(weights)])
    return ranking_metrics(target_ranks(scores, split.cases, split.targets), split.cases, k=10)["ndcg@10"]


@given(st.lists(st.sampled_from([0.0, 0.125, 0.5, 1.0]), min_size=2, max_size=2))
def test_cases_are_fused_as_single_lists_are(split: Split, weights: list[float]) -> None:
    models = {"one": noise(split, seed=1), "two": noise(split, seed=2)}
    models["two"][:, ::3] = -np.inf
    (_, scores), *_ = brought(split, models).scores(np.array(weights))
    for case in range(3):
        lists = {
            name: [(int(item), float(of[case, item])) for item in np.argsort(-of[case]) if of[case, item] > 0]
            for name, of in models.items()
        }
        fused = fuse(lists, dict(zip(models, weights, strict=True)))
        assert {item.key for item in fused} == set(np.flatnonzero(scores[case] > 0))
        assert [scores[case, item.key] for item in fused] == pytest.approx([item.score for item in fused])


def test_a_model_brings_no_more_than_its_best() -> None:
    split = split_by_time(log_of([[0, 1, 0]] * 5, n_items=3 * CANDIDATES), cut=1.5 * DAY)
    many = np.random.default_rng(0).random((len(split), 3 * CANDIDATES)).astype(np.float32)
    candidates = Candidates(split, seen=True)
    candidates.bring("one", many)
    keys, strengths = candidates.pairs()
    assert len(keys) == CANDIDATES * len(split)
    assert strengths.min() > 0
    assert set(keys[:CANDIDATES]) == set(np.argsort(-many[0])[:CANDIDATES])


def test_a_model_that_knows_gets_the_weight_and_one_that_guesses_gets_little(split: Split) -> None:
    knows = noise(split, seed=1)
    knows[split.cases, split.targets] += 0.7
    candidates = brought(split, {"guesses": noise(split, seed=2), "knows": knows})
    weights = tune(candidates)
    assert weights[1] == 1.0
    assert weights[0] < 0.5
    assert ndcg(candidates, weights) >= max(ndcg(candidates, np.eye(2)[model]) for model in range(2))


def test_two_models_that_know_something_else_are_better_together(split: Split) -> None:
    rng = np.random.default_rng(4)
    half = rng.random(len(split.targets)) < 0.5
    models = {"one": noise(split, seed=1), "two": noise(split, seed=2)}
    models["one"][split.cases[half], split.targets[half]] += 0.6
    models["two"][split.cases[~half], split.targets[~half]] += 0.6
    candidates = brought(split, models)
    together = ndcg(candidates, tune(candidates))
    assert together > 1.05 * max(ndcg(candidates, np.eye(2)[model]) for model in range(2))


def test_weights_are_chosen_by_the_cases_named(split: Split) -> None:
    even = np.arange(len(split)) % 2 == 0
    models = {"even": noise(split, seed=1), "odd": noise(split, seed=2)}
    for name, knows in (("even", even), ("odd", ~even)):
        targets = knows[split.cases]
        models[name][split.cases[targets], split.targets[targets]] += 2.0
    candidates = brought(split, models)
    assert tune(candidates, cases=even)[0] == 1.0 > tune(candidates, cases=even)[1]
    assert tune(candidates, cases=~even)[1] == 1.0 > tune(candidates, cases=~even)[0]


def test_in_discovery_only_new_targets_choose_the_weights(split: Split) -> None:
    new = split.new()
    models = {"repeats": noise(split, seed=1), "discovers": noise(split, seed=2)}
    models["repeats"][split.cases[~new], split.targets[~new]] += 2.0
    models["discovers"][split.cases[new], split.targets[new]] += 2.0
    assert tune(brought(split, models, seen=False)).tolist()[1] == 1.0


def test_without_anything_to_foretell_all_weigh_the_same(split: Split) -> None:
    candidates = brought(split, {"one": noise(split, seed=1), "two": noise(split, seed=2)})
    assert tune(candidates, cases=np.zeros(len(split), dtype=np.bool_)).tolist() == [1.0, 1.0]
