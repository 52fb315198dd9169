"""How well item features find products that nobody has seen, and what they cost the others.

A part of the items is taken out of the training altogether. SASRec is then fitted with and without features
and judged, on the validation split, by choices of items that it saw and of items that it did not.

Run from the project's root, `SHOP_RECS_DATA` naming the folder of logs (default `../shared/data`):

    python -m benchmarks.cold beauty
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.logs import PROTOCOLS
from shop_recs.algorithms.base import Fitted, TrainingData
from shop_recs.algorithms.metrics import ranking_metrics, target_ranks
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.splits import Split

COLD_PART = 0.1
LENGTH = 10

Mask = npt.NDArray[np.bool_]


def main() -> None:
    arguments = _arguments()
    name = f"{arguments.data}-features"
    split = PROTOCOLS[name].validation(PROTOCOLS[name].read())
    cold = np.random.default_rng(0).random(split.train.n_items) < COLD_PART
    split = replace(split, train=_without(split.train, cold), log=_without(split.log, cold))
    judged = np.unique(split.cases[np.isin(split.users[split.cases], split.log.users)])
    print(f"{cold.sum()} of {len(cold)} items taken out; {len(judged)} shoppers judged")
    print(
        f"random order: cold among cold HR@10 {LENGTH / cold.sum():.4f}, among all {LENGTH / len(cold):.4f}"
    )
    for features in ((), split.train.features):
        train = replace(split.train, features=features)
        started = time.perf_counter()
        fitted = SASRec(**arguments.options).fit(train)
        seconds = time.perf_counter() - started
        print(f"{len(features)} features, fit {seconds:.0f} s")
        for line in _figures(fitted, split, cold):
            print(f"  {line}", flush=True)


def _without(data: TrainingData, cold: Mask) -> TrainingData:
    return data.select(~cold[data.items])


def _figures(fitted: Fitted, split: Split, cold: Mask) -> Iterator[str]:
    """What becomes of choices new to the shopper, of items seen and of items taken out."""
    for what, chosen, among in (
        ("warm among all", ~cold, np.ones_like(cold)),
        ("warm among warm", ~cold, ~cold),
        ("cold among all", cold, np.ones_like(cold)),
        ("cold among cold", cold, cold),
    ):
        yield f"{what:15} {_shown(_judged(fitted, split, chosen=chosen, among=among))}"


def _judged(fitted: Fitted, split: Split, *, chosen: Mask, among: Mask) -> dict[str, Any]:
    """Ranking metrics of the targets that are `chosen`, in lists of the items `among` which they stand."""
    new, ranks, cases = split.new(), [], []
    for chunk, scores in split.scores(fitted):
        split.hide_seen(scores, chunk)
        scores[:, ~among] = -np.inf
        targets = split.targets_of(chunk)
        targets = targets[new[targets] & chosen[split.targets[targets]]]
        cases.append(split.cases[targets])
        ranks.append(target_ranks(scores, cases[-1] - chunk.start, split.targets[targets]))
    _, case = np.unique(np.concatenate(cases), return_inverse=True)
    return {"cases": int(case.max()) + 1, **ranking_metrics(np.concatenate(ranks), case, k=LENGTH)}


def _shown(figures: dict[str, Any]) -> str:
    return f"NDCG@10 {figures['ndcg@10']:.4f} HR@10 {figures['hit_rate@10']:.4f} ({figures['cases']} cases)"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    with_features = [name for name in PROTOCOLS if f"{name}-features" in PROTOCOLS]
    parser.add_argument("data", choices=with_features)
    parser.add_argument("--options", type=json.loads, default={}, help="options of SASRec as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
