"""Algorithms side by side, without a database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from shop_recs.algorithms.base import TrainingData
from shop_recs.algorithms.history import OwnHistory
from shop_recs.algorithms.popular import Popular
from shop_recs.algorithms.splits import leave_one_out, split_by_time
from shop_recs.training import plot, report
from shop_recs.training.compare import Comparison, compare
from shop_recs.training.evaluation import evaluate
from tests.algorithms.logs import log_of

ALGORITHMS = {"history": OwnHistory(half_life_days=5.0, appeal=0.001, bought=1.0), "popular": Popular()}


@pytest.fixture(scope="module")
def log() -> TrainingData:
    """Shoppers who each come back to three items of their own, and choose bestsellers in between."""
    rng = np.random.default_rng(6)
    appeal = 0.9 ** np.arange(40)
    histories, times = [], []
    for shopper in range(120):
        own, length = 40 + rng.choice(160, 3, replace=False), 3 + shopper % 25
        bestsellers = rng.choice(40, length, p=appeal / appeal.sum())
        histories.append(np.where(rng.random(length) < 0.5, rng.choice(own, length), bestsellers))
        times.append(86_400.0 * np.sort(rng.choice(100, length, replace=False)))
    return log_of(histories, times=times, n_items=200)


@pytest.fixture(scope="module")
def comparison(log: TrainingData) -> Comparison:
    split = split_by_time(log, fraction=0.25)
    return compare(ALGORITHMS, split, blend=True, validation=split_by_time(split.train, fraction=0.25))


def test_every_algorithm_is_judged_as_it_would_be_alone(comparison: Comparison, log: TrainingData) -> None:
    split = split_by_time(log, fraction=0.25)
    for entry in comparison.entries[:2]:
        alone = evaluate(ALGORITHMS[entry.name].fit(split.train), split, ks=[10], baselines=False)
        assert entry.figures == {part: alone[part] for part in ("all", "discovery")}
        assert entry.groups == alone["groups"]


def test_a_blend_takes_of_each_what_it_knows(comparison: Comparison) -> None:
    history, popular, blend = comparison.entries
    assert blend.name == "blend"
    assert blend.figures["all"]["ndcg@10"] > history.figures["all"]["ndcg@10"]
    assert blend.figures["all"]["ndcg@10"] > popular.figures["all"]["ndcg@10"]
    assert blend.fit_seconds == pytest.approx(history.fit_seconds + popular.fit_seconds)
    assert set(blend.info["weights"]["all"]) == {"history", "popular"}


def test_in_discovery_a_blend_with_nothing_but_popular_is_popular(comparison: Comparison) -> None:
    _, popular, blend = comparison.entries
    assert blend.figures["discovery"]["ndcg@10"] == pytest.approx(popular.figures["discovery"]["ndcg@10"])


def test_differences_are_to_the_best_and_paired(comparison: Comparison) -> None:
    differences = comparison.differences("all")
    assert comparison.best("all").name == "blend"
    assert set(differences) == {"history", "popular"}
    for name, lacking in differences.items():
        entry = next(entry for entry in comparison.entries if entry.name == name)
        gap = entry.figures["all"]["ndcg@10"] - comparison.best("all").figures["all"]["ndcg@10"]
        assert lacking.mean == pytest.approx(gap)
        assert lacking.low < lacking.mean < lacking.high


def test_without_a_validation_each_half_of_the_shoppers_chooses_for_the_other(log: TrainingData) -> None:
    split = split_by_time(log, fraction=0.25)
    *parts, blend = compare(ALGORITHMS, split, blend=True).entries
    assert blend.figures["all"]["ndcg@10"] > max(part.figures["all"]["ndcg@10"] for part in parts)


def test_leaving_one_out_compares_discovery_alone(log: TrainingData) -> None:
    comparison = compare(ALGORITHMS, leave_one_out(log), blend=True)
    assert comparison.parts() == ["discovery"]
    assert "discovery" in report.tables(comparison)


def test_seeds_are_averaged(log: TrainingData) -> None:
    split = split_by_time(log, fraction=0.25)
    told: list[str] = []
    once, thrice = (compare(ALGORITHMS, split, seeds=seeds, watch=told.append) for seeds in (1, 3))
    assert len(told) == 8
    for one, other in zip(once.entries, thrice.entries, strict=True):
        assert other.figures["all"] == pytest.approx(one.figures["all"])  # these two do not depend on it
    assert "means of 3 fits" in report.tables(thrice)


def test_the_tables_say_all_that_was_measured(comparison: Comparison) -> None:
    text = report.tables(comparison)
    assert "difference to blend" in text
    for name in comparison.entries[1].figures["all"]:
        assert "@" not in name or name in text
    assert f"{comparison.entries[0].figures['all']['ndcg@10']:.4f}" in text
    assert "ndcg@10, new (" in text
    assert max(map(len, text.splitlines())) < 80


def test_a_plot_names_every_algorithm_that_foretells_anything(comparison: Comparison, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    for path in (one, two):
        plot.save(comparison, path)
    assert one.read_bytes() == two.read_bytes()
    texts = [element.text for element in ElementTree.parse(one).iter() if element.text]
    assert [texts.count(name) for name in ("popular", "blend", "history")] == [4, 4, 2]
    assert {"coverage@10", "seconds of training", "NDCG@10"} <= set(texts)


def test_a_file_that_is_no_picture_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end with \.svg or \.png"):
        plot.save(comparison, tmp_path / "plot.pdf")


def test_a_plot_in_no_folder_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no folder"):
        plot.require_plottable(tmp_path / "missing" / "plot.svg")


def test_without_matplotlib_the_extra_is_named(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"shop_recs\[plots\]"):
        plot.save(comparison, tmp_path / "plot.svg")


def test_comparing_does_without_django() -> None:
    program = (
        "import sys, shop_recs.training.report, shop_recs.training.plot; sys.exit('django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
