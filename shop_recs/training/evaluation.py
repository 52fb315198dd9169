"""Judges a fitted model by what it would have served: full ranking, beside two baselines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import Fitted
from shop_recs.algorithms.metrics import listed, ranking_metrics, target_ranks
from shop_recs.algorithms.popular import Popular
from shop_recs.algorithms.splits import Split, leave_one_out, split_by_time

__all__ = ["Split", "evaluate", "leave_one_out", "split_by_time"]

Scores = Iterator[tuple[slice, npt.NDArray[np.float32]]]
"""A slice of the cases and their `(c, n_items)` scores, `-inf` where an item is not ranked."""


def evaluate(
    fitted: Fitted, split: Split, *, ks: Sequence[int] = (10, 20), baselines: bool = True
) -> dict[str, Any]:
    """How well a model fitted on `split.train` foretells the targets, in JSON types.

    The visitor's history goes through the encoder that serves, and every product that was known is ranked.
    `all` keeps in the list what is in the visitor's history; `discovery` removes it and counts only targets
    that are new to the visitor. A visitor for whom the encoder has no answer counts as a miss.

    Args:
        fitted: what `fit(split.train)` returned.
        split: from `split_by_time` or `leave_one_out` (which has no `all`).
        ks: lengths of list to report.
        baselines: also judge `popular` and `history`, the visitor's own items by weight.

    Returns:
        `{"cases", "cold_targets", "seconds", "all": {...}, "discovery": {...}, "baselines": {name: {...}}}`;
        the innermost hold `cases`, `targets` and per k `ndcg@k`, `recall@k`, `hit_rate@k`, `mrr@k`,
        `coverage@k` (the share of the products with interactions that some list showed). A part without a
        target is left out.
    """
    started = time.perf_counter()
    results: dict[str, Any] = _judge(split.scores(fitted), split, ks=ks)
    if baselines:
        popular = Popular().fit(split.train)
        results["baselines"] = {
            "popular": _judge(split.scores(popular), split, ks=ks),
            "history": _judge(_history_scores(split), split, ks=ks),
        }
    return {
        "cases": len(split),
        "cold_targets": split.cold_targets,
        "seconds": round(time.perf_counter() - started, 3),
        **results,
    }


def _judge(scores: Scores, split: Split, *, ks: Sequence[int]) -> dict[str, Any]:
    """The figures of one scorer: for all targets, and for those new to the visitor."""
    everything, discovery = _Tally(split, ks), _Tally(split, ks)
    new = split.new()
    for chunk, part in scores:
        targets = split.targets_of(chunk)
        if not split.discovery_only:
            everything.count(part, chunk.start, targets)
        split.hide_seen(part, chunk)
        discovery.count(part, chunk.start, targets[new[targets]])
    parts = {"all": everything.metrics(), "discovery": discovery.metrics()}
    return {name: metrics for name, metrics in parts.items() if metrics}


def _history_scores(split: Split) -> Scores:
    """Scores of the visitor's own items by the weight of their interactions; nothing else is listed."""
    for chunk in split.chunks():
        scores = np.zeros((chunk.stop - chunk.start, split.log.n_items), dtype=np.float32)
        cases, rows = split.seen(chunk)
        np.add.at(scores, (cases, split.log.items[rows]), split.log.weights[rows])
        scores[scores == 0] = -np.inf
        yield chunk, scores


class _Tally:
    """Gathers ranks and lists chunk by chunk."""

    def __init__(self, split: Split, ks: Sequence[int]) -> None:
        self.split = split
        self.ks = ks
        self.ranks: list[npt.NDArray[np.int64]] = []
        self.cases: list[npt.NDArray[np.int64]] = []
        self.shown = np.zeros((len(ks), split.log.n_items), dtype=np.bool_)

    def count(self, scores: npt.NDArray[np.float32], first: int, rows: npt.NDArray[np.int64]) -> None:
        """Rank the targets in `rows` of the split by the scores of the cases from `first` on."""
        cases = self.split.cases[rows]
        self.ranks.append(target_ranks(scores, cases - first, self.split.targets[rows]))
        self.cases.append(cases)
        self.shown |= listed(scores[np.unique(cases) - first], self.ks)

    def metrics(self) -> dict[str, Any]:
        """The figures of what was counted, or nothing where no target was."""
        if not sum(map(len, self.cases)):
            return {}
        _, cases = np.unique(np.concatenate(self.cases), return_inverse=True)
        ranks = np.concatenate(self.ranks)
        figures: dict[str, Any] = {"cases": int(cases[-1]) + 1, "targets": len(cases)}
        sellable = len(np.unique(self.split.train.items))
        for k, shown in zip(self.ks, self.shown, strict=True):
            figures |= ranking_metrics(ranks, cases, k=k)
            figures[f"coverage@{k}"] = float(np.count_nonzero(shown) / sellable)
        return figures
