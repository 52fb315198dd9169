"""The figures of a model, against a slow and literal evaluation of what it would serve."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pytest

from shop_recs.algorithms.base import FittedVectors, TrainingData
from shop_recs.algorithms.encoders import Encoder, History
from shop_recs.algorithms.popular import Popular
from shop_recs.training.evaluation import Judge, Split, evaluate, leave_one_out, split_by_time
from tests.algorithms.logs import log_of

DAY = 86_400.0
N_ITEMS = 25
NAMES = (
    *("ndcg", "precision", "recall", "f1", "hit_rate", "map", "mrr"),
    *("coverage", "gini", "novelty", "diversity", "popularity_lift"),
)


class NewestFirst(Encoder):
    """Asks for items like the last one of the history; has no answer after a kind 1."""

    name: ClassVar[str] = "newest-first"
    history_length = 3

    def __call__(self, history: History) -> npt.NDArray[np.float32] | None:
        return None if not len(history) or history.kinds[-1] == 1 else history.vectors[-1]

    def dumps(self) -> bytes:
        raise NotImplementedError

    @classmethod
    def loads(cls, content: bytes) -> Self:
        raise NotImplementedError


@pytest.fixture(scope="module")
def log() -> TrainingData:
    """Sixty shoppers with three to nine interactions of two kinds, some items seen again."""
    rng = np.random.default_rng(11)
    lengths = rng.integers(3, 10, size=60)
    return log_of(
        [rng.integers(0, N_ITEMS, size=n) for n in lengths],
        kinds=[rng.choice([1, 4], size=n, p=[0.2, 0.8]) for n in lengths],
        times=[DAY * np.sort(rng.integers(0, 40, size=n)) for n in lengths],
        n_items=N_ITEMS,
    )


@pytest.fixture(scope="module")
def fitted() -> FittedVectors:
    """Vectors of few values, so that many scores tie; three items are not known."""
    vectors = np.random.default_rng(2).integers(-1, 2, size=(N_ITEMS, 4)).astype(np.float32)
    vectors[:, 0] = 1.0
    known = np.ones(N_ITEMS, dtype=np.bool_)
    known[[4, 9, 17]] = False
    return FittedVectors(item_vectors=vectors, known=known, encoder=NewestFirst())


def list_of(fitted: FittedVectors, split: Split, case: int, *, without_seen: bool) -> list[int]:
    """What is served to a case, best first, targets after all that ties with them."""
    user = split.users[case]
    rows = [row for row in range(len(split.log)) if split.log.users[row] == user]
    targets = set(split.targets[split.cases == case].tolist())
    known_rows = [row for row in rows if fitted.known[split.log.items[row]]][-fitted.encoder.history_length :]
    query = fitted.encoder(
        History(
            vectors=fitted.item_vectors[split.log.items[known_rows]],
            kinds=split.log.kinds[known_rows],
            ages=((split.nows[case] - split.log.times[known_rows]) / DAY).astype(np.float32),
        )
    )
    if query is None:
        return []
    seen = {int(split.log.items[row]) for row in rows} if without_seen else set()
    items = [item for item in range(N_ITEMS) if fitted.known[item] and item not in seen]
    return sorted(items, key=lambda item: (-float(fitted.item_vectors[item] @ query), item in targets))


def recall_by_hand(fitted: FittedVectors, split: Split, *, k: int, discovery: bool) -> float:
    """Mean share of a case's targets in its list; for discovery, of its new ones."""
    shares = []
    for case in range(len(split)):
        seen = {int(split.log.items[row]) for row in np.flatnonzero(split.log.users == split.users[case])}
        targets = set(split.targets[split.cases == case].tolist()) - (seen if discovery else set())
        top = list_of(fitted, split, case, without_seen=discovery)[:k]
        if targets:
            shares.append(len(targets & set(top)) / len(targets))
    return sum(shares) / len(shares)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_lists_are_those_that_would_be_served(log: TrainingData, fitted: FittedVectors, k: int) -> None:
    split = split_by_time(log, fraction=0.3)
    figures = evaluate(fitted, split, ks=[k], baselines=False)
    for part, discovery in (("all", False), ("discovery", True)):
        by_hand = recall_by_hand(fitted, split, k=k, discovery=discovery)
        assert figures[part][f"recall@{k}"] == pytest.approx(by_hand), part


def test_memory_for_few_scores_gives_the_same_figures(
    log: TrainingData, fitted: FittedVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_by_time(log, fraction=0.3)
    whole = evaluate(fitted, split)
    monkeypatch.setattr("shop_recs.algorithms.splits.SCORES_AT_ONCE", 7 * N_ITEMS)
    pieces = evaluate(fitted, split)
    for part in ("all", "discovery", "baselines"):
        assert pieces[part] == whole[part]


def test_leaving_one_out_judges_discovery_alone(log: TrainingData, fitted: FittedVectors) -> None:
    split = leave_one_out(log)
    figures = evaluate(fitted, split, ks=[5])
    assert "all" not in figures
    assert figures["discovery"]["recall@5"] == pytest.approx(
        recall_by_hand(fitted, split, k=5, discovery=True)
    )


def test_the_visitors_own_history_is_a_baseline_that_discovers_nothing(fitted: FittedVectors) -> None:
    log = log_of([[0, 1, 0, 0], [2, 3, 2, 2]], n_items=N_ITEMS)
    baseline = evaluate(fitted, split_by_time(log, cut=2.5 * DAY), ks=[1])["baselines"]["history"]
    assert baseline["all"]["hit_rate@1"] == 1.0
    assert baseline["all"]["coverage@1"] == 0.5
    assert "discovery" not in baseline


def test_the_popular_baseline_is_the_popular_algorithm(log: TrainingData, fitted: FittedVectors) -> None:
    split = split_by_time(log, fraction=0.3)
    alone = evaluate(Popular().fit(split.train), split, baselines=False)
    baseline = evaluate(fitted, split)["baselines"]["popular"]
    assert baseline == {part: alone[part] for part in ("all", "discovery")}


def test_a_visitor_without_an_answer_is_a_miss(fitted: FittedVectors) -> None:
    split = split_by_time(log_of([[0, 1, 0]] * 4, kinds=[np.array([4, 1, 4])] * 4), cut=1.5 * DAY)
    assert split.train.kinds[-1] == 1
    small = FittedVectors(item_vectors=fitted.item_vectors[:2], known=fitted.known[:2], encoder=NewestFirst())
    assert evaluate(small, split, baselines=False)["all"]["hit_rate@10"] == 0.0


def test_groups_share_out_the_cases_by_the_length_of_their_histories() -> None:
    histories = [np.arange(n + 1) for n in (4, 5, 6, 20)] + [np.arange(22)[::-1]]
    split = leave_one_out(log_of(histories), strict=False)
    judge = Judge(split, ks=[5])
    popular = Popular().fit(split.train)
    judged = judge.judge(split.scores(popular))["discovery"]
    groups = judge.by_group(judged)
    assert {name: group["cases"] for name, group in groups.items()} == {"new": 1, "light": 2, "heavy": 2}
    whole = judge.figures(judged)["ndcg@5"] * len(split)
    assert sum(group["ndcg@5"] * group["cases"] for group in groups.values()) == pytest.approx(whole)


def test_lists_of_bestsellers_are_as_popular_as_counted_by_hand() -> None:
    log = log_of([[0, 1, 0], [0, 2, 0], [0, 3, 0], [3, 0, 0]])
    split = split_by_time(log, cut=1.5 * DAY)
    figures = evaluate(Popular().fit(split.train), split, ks=[1], baselines=False)["all"]
    assert figures["popularity_lift@1"] == pytest.approx(1.0 / np.mean([0.625, 0.625, 0.75, 0.75]))
    assert figures["novelty@1"] == 0.0
    assert figures["coverage@1"] == 0.25
    assert figures["gini@1"] == pytest.approx(0.75)
    assert "diversity@1" not in figures


def test_figures_are_json_and_counted(log: TrainingData, fitted: FittedVectors) -> None:
    split = split_by_time(log, fraction=0.3)
    figures: dict[str, Any] = json.loads(json.dumps(evaluate(fitted, split), allow_nan=False))
    assert figures["cases"] == len(split) == figures["all"]["cases"]
    assert figures["all"]["targets"] == len(split.targets)
    assert figures["discovery"]["targets"] == split.new().sum()
    assert set(figures["all"]) == {"cases", "targets"} | {f"{name}@{k}" for name in NAMES for k in (10, 20)}


def test_evaluation_does_without_django() -> None:
    program = "import sys, shop_recs.training.evaluation; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
