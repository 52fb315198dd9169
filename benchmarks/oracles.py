"""Compares the ranking metrics with those of ranx and of ir-measures, on random rankings.

Both live in an environment of their own; run from the project's root:

    python3 -m venv .bench/metrics
    .bench/metrics/bin/pip install -r benchmarks/environments/metrics.txt
    .bench/metrics/bin/python -m benchmarks.oracles
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import ir_measures
import numpy as np
import ranx

from shop_recs.algorithms.metrics import ranking_metrics, target_ranks

CASES, ITEMS, MOST_TARGETS = 200, 120, 30
LENGTHS = (1, 5, 10, 20, 50)
RANX = {
    "ndcg": "ndcg",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "hit_rate": "hit_rate",
    "map": "map",
    "mrr": "mrr",
}
IR_MEASURES = {
    "ndcg": "nDCG",
    "precision": "P",
    "recall": "R",
    "hit_rate": "Success",
    "map": "AP",
    "mrr": "RR",
}

Wanted = dict[str, dict[str, int]]
Given = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="the largest differences as JSON")
    arguments = parser.parse_args()
    differences = compare(np.random.default_rng(0))
    if arguments.json:
        print(json.dumps(differences))
        return
    for library, by_metric in differences.items():
        for metric, difference in by_metric.items():
            print(f"{library:<12} {metric:<10} largest difference {difference:.1e}")


def compare(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """By library and metric, how much the means over the cases differ at most, of all lengths of list."""
    scores = rng.permuted(np.tile(np.arange(ITEMS, dtype=np.float64), (CASES, 1)), axis=1)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    targets = [rng.choice(ITEMS, rng.integers(1, MOST_TARGETS), replace=False) for _ in range(CASES)]
    cases = np.repeat(np.arange(CASES), [len(items) for items in targets])
    ranks = target_ranks(scores, cases, np.concatenate(targets))
    wanted: Wanted = {f"q{case}": {f"i{item}": 1 for item in items} for case, items in enumerate(targets)}
    given: Given = {
        f"q{case}": {f"i{item}": float(row[item]) for item in np.flatnonzero(row > -np.inf)}
        for case, row in enumerate(scores)
    }
    ours = {k: ranking_metrics(ranks, cases, k=k) for k in LENGTHS}
    return {
        "ranx": {name: _largest(ours, name, by_ranx(wanted, given, RANX[name])) for name in RANX},
        "ir-measures": {
            name: _largest(ours, name, by_ir_measures(wanted, given, IR_MEASURES[name]))
            for name in IR_MEASURES
        },
    }


def by_ranx(wanted: Wanted, given: Given, metric: str) -> dict[int, float]:
    names = [f"{metric}@{k}" for k in LENGTHS]
    found: dict[str, Any] = ranx.evaluate(ranx.Qrels(wanted), ranx.Run(given), names)
    return {k: float(found[name]) for k, name in zip(LENGTHS, names, strict=True)}


def by_ir_measures(wanted: Wanted, given: Given, metric: str) -> dict[int, float]:
    measures = {k: ir_measures.parse_measure(f"{metric}@{k}") for k in LENGTHS}
    found = ir_measures.calc_aggregate(list(measures.values()), wanted, given)
    return {k: float(found[measure]) for k, measure in measures.items()}


def _largest(ours: dict[int, dict[str, float]], name: str, theirs: dict[int, float]) -> float:
    return max(abs(ours[k][f"{name}@{k}"] - value) for k, value in theirs.items())


if __name__ == "__main__":
    main()
