"""Ranking metrics over the whole catalogue, with ties counted against the model; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Metrics = dict[str, float]

UNRANKED = np.iinfo(np.int64).max


def target_ranks(scores: npt.NDArray[np.floating[Any]], cases: Integers, targets: Integers) -> Integers:
    """Where each target stands in its case's ranking, counted from 1.

    An item that scores the same as a target stands above it; targets of one case that tie with each other
    follow one another. What scores `-inf` is not ranked, however long the list.

    Args:
        scores: `(c, n_items)`, one row per case.
        cases: `(t,)`, the case of each target, non-decreasing.
        targets: `(t,)`, item indices, distinct within a case.

    Returns:
        `(t,)` ranks; `UNRANKED` where the target is not ranked.
    """
    own = scores[cases, targets]
    ranks = np.empty(len(targets), dtype=np.int64)
    starts = np.searchsorted(cases, np.arange(len(scores) + 1))
    for case, (start, stop) in enumerate(pairwise(starts)):
        ranks[start:stop] = _ranks_of_one_case(scores[case], own[start:stop])
    ranks[np.isneginf(own)] = UNRANKED
    return ranks


def _ranks_of_one_case(scores: npt.NDArray[Any], own: npt.NDArray[Any]) -> Integers:
    """Ranks of the targets that score `own` among all `scores`: after the others at least as good."""
    order = np.argsort(-own, kind="stable")
    place = np.empty(len(own), dtype=np.int64)
    place[order] = np.arange(1, len(own) + 1)
    rivals = [np.count_nonzero(scores >= value) - np.count_nonzero(own >= value) for value in own]
    return place + np.array(rivals, dtype=np.int64)


def ranking_metrics(ranks: Integers, cases: Integers, *, k: int) -> Metrics:
    """NDCG, recall, hit rate and MRR in the first `k` places, each the mean over the cases.

    Gains are binary. NDCG divides by the best order possible, `min(k, targets)` targets on top (Järvelin and
    Kekäläinen 2002); recall divides by the number of targets; MRR is of the first target found.

    Args:
        ranks: `(t,)` ranks from `target_ranks`.
        cases: `(t,)` the case of each target, non-decreasing, every case from 0 on present.
        k: how many places of the ranking count.
    """
    sizes = np.bincount(cases)
    found = ranks <= k
    gains = np.where(found, 1.0 / np.log2(ranks + 1.0), 0.0)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))
    reciprocal = np.zeros(len(sizes))
    np.maximum.at(reciprocal, cases, np.where(found, 1.0 / ranks, 0.0))
    hits = np.bincount(cases, weights=found)
    return {
        f"ndcg@{k}": float(np.mean(np.bincount(cases, weights=gains) / ideal[np.minimum(sizes, k) - 1])),
        f"recall@{k}": float(np.mean(hits / sizes)),
        f"hit_rate@{k}": float(np.mean(hits > 0)),
        f"mrr@{k}": float(np.mean(reciprocal)),
    }


def listed(scores: npt.NDArray[np.floating[Any]], ks: Sequence[int]) -> npt.NDArray[np.bool_]:
    """`(len(ks), n_items)` which items are in the first `k` places of some case, however ties fall."""
    n_cases, n_items = scores.shape
    reach = min(max(ks) + 1, n_items)
    best = np.full((n_cases, max(ks) + 1), -np.inf, dtype=scores.dtype)
    best[:, :reach] = -np.sort(-np.partition(scores, n_items - reach, axis=1)[:, n_items - reach :], axis=1)
    return np.stack([np.any(scores > best[:, [k]], axis=0) for k in ks])
