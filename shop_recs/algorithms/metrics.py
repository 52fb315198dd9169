"""Metrics of rankings and of lists over the whole catalogue; numpy only."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Lists = npt.NDArray[np.int32]
"""`(c, k)` item indices, the best first; -1 where a list is shorter."""
Values = npt.NDArray[np.float64]

BLOCKS = 512
UNRANKED = np.iinfo(np.int64).max


def target_ranks(scores: npt.NDArray[np.floating[Any]], cases: Integers, targets: Integers) -> Integers:
    """Where each target stands in its case's ranking, counted from 1.

    An item that scores the same as a target stands above it; targets of one case that tie with each other
    follow one another. What scores `-inf` or NaN is not ranked, however long the list.

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
    ranks[~(own > -np.inf)] = UNRANKED
    return ranks


def _ranks_of_one_case(scores: npt.NDArray[Any], own: npt.NDArray[Any]) -> Integers:
    """Ranks of the targets that score `own` among all `scores`: after the others at least as good."""
    order = np.argsort(-own, kind="stable")
    place = np.empty(len(own), dtype=np.int64)
    place[order] = np.arange(1, len(own) + 1)
    rivals = [np.count_nonzero(scores >= value) - np.count_nonzero(own >= value) for value in own]
    return place + np.array(rivals, dtype=np.int64)


def ranking_metrics(ranks: Integers, cases: Integers, *, k: int) -> dict[str, float]:
    """The means over the cases of what `case_metrics` returns, by names such as `ndcg@10`."""
    return {f"{name}@{k}": float(np.mean(values)) for name, values in case_metrics(ranks, cases, k=k).items()}


def case_metrics(ranks: Integers, cases: Integers, *, k: int) -> dict[str, Values]:
    """How well the first `k` places answer each case, `(c,)` numbers for every metric.

    Gains are binary. NDCG divides by the best order possible, `min(k, targets)` targets on top (Järvelin and
    Kekäläinen 2002); recall by the number of targets; precision by `k`, also where a list is shorter; F1 is
    the harmonic mean of the two. MAP sums the precision at the place of each target found and divides by the
    number of targets; MRR is one over the rank of the first found.

    Args:
        ranks: `(t,)` ranks from `target_ranks`.
        cases: `(t,)` the case of each target, non-decreasing, every case from 0 on present.
        k: how many places of the ranking count.
    """
    sizes = np.bincount(cases)
    found = ranks <= k
    places = np.where(found, ranks, 1)

    def total(gains: npt.NDArray[Any]) -> Values:
        return np.bincount(cases, weights=np.where(found, gains, 0.0)).astype(np.float64)

    hits = total(found)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))
    before = np.cumsum(sizes) - sizes
    found_so_far = np.empty(len(ranks))
    found_so_far[np.lexsort((ranks, cases))] = np.arange(1, len(ranks) + 1) - before[cases]
    first = np.zeros(len(sizes))
    np.maximum.at(first, cases, np.where(found, 1.0 / places, 0.0))
    return {
        "ndcg": total(1.0 / np.log2(places + 1.0)) / ideal[np.minimum(sizes, k) - 1],
        "precision": hits / k,
        "recall": hits / sizes,
        "f1": 2.0 * hits / (k + sizes),
        "hit_rate": (hits > 0).astype(np.float64),
        "map": total(found_so_far / places) / sizes,
        "mrr": first,
    }


def top_lists(scores: npt.NDArray[np.floating[Any]], length: int) -> Lists:
    """`(c, length)` the items that score highest in each row; of equals the lower index comes first.

    What scores `-inf` is not listed.
    """
    n_cases, n_items = scores.shape
    worth_a_look = scores >= np.maximum(_reached(scores, length), np.finfo(scores.dtype).min)
    cases, items = np.divmod(np.flatnonzero(worth_a_look), n_items)
    order = np.lexsort((-scores[cases, items], cases))
    cases, items = cases[order], items[order]
    places = np.arange(len(cases)) - np.searchsorted(cases, np.arange(n_cases))[cases]
    kept = places < length
    lists = np.full((n_cases, length), -1, dtype=np.int32)
    lists[cases[kept], places[kept]] = items[kept]
    return lists


def _reached(scores: npt.NDArray[np.floating[Any]], length: int) -> npt.NDArray[np.floating[Any]]:
    """`(c, 1)` a score that `length` items of each row reach, or all where there are fewer.

    The best of blocks of items are looked at alone, which is several times as fast as partitioning the rows.
    """
    n_cases, n_items = scores.shape
    blocks = min(max(BLOCKS, length), n_items)
    width = n_items // blocks
    best = scores[:, : width * blocks].reshape(n_cases, width, blocks).max(axis=1)
    place = blocks - min(length, blocks)
    return np.partition(best, place, axis=1)[:, [place]]


def exposures(lists: Lists, *, n_items: int) -> Integers:
    """`(n_items,)` how many lists show each item."""
    return np.bincount(lists[lists >= 0], minlength=n_items)


def gini(shown: npt.NDArray[Any]) -> float:
    """How unequally the exposures are spread: 0 where all items are shown alike, towards 1 where one is."""
    ascending = np.sort(shown).astype(np.float64)
    n, total = len(ascending), ascending.sum()
    if not total:
        return 0.0
    return float(2.0 * (np.arange(1, n + 1) @ ascending) / (n * total) - (n + 1) / n)


def mean_of_lists(lists: Lists, values: npt.NDArray[np.floating[Any]]) -> Values:
    """`(c,)` mean over each list of what `values` says of its items; NaN where a list is empty."""
    listed = lists >= 0
    sums = np.where(listed, values[lists], 0.0).sum(axis=1)
    return _divided(sums, listed.sum(axis=1))


def self_information(shares: npt.NDArray[np.floating[Any]]) -> Values:
    """Bits that it tells of a shopper to have chosen each item; its mean over a list is the list's novelty.

    Args:
        shares: the share of the shoppers who chose each item, above 0.
    """
    bits: Values = -np.log2(shares)
    return bits


def diversity(lists: Lists, vectors: npt.NDArray[np.float32]) -> Values:
    """`(c,)` mean over the pairs of items in a list of 1 less their cosine; NaN for fewer than two items.

    Args:
        lists: from `top_lists`.
        vectors: `(n_items, d)`; one without length is like nothing.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    listed = lists >= 0
    counts = listed.sum(axis=1)
    of_lists = np.where(listed[:, :, None], unit[lists], np.float32(0))
    # The squared length of a sum is the sum of all cosines, each pair twice and each item with itself.
    sums = of_lists.sum(axis=1)
    cosines = np.einsum("cd,cd->c", sums, sums) - np.einsum("ckd,ckd->c", of_lists, of_lists)
    return 1.0 - _divided(cosines, counts * (counts - 1))


def audience_vectors(users: Integers, items: Integers, *, n_items: int, dimensions: int = 64) -> Any:
    """`(n_items, dimensions)` float32 vectors, alike where the same shoppers chose the items.

    Their cosines estimate those of the columns of the matrix of shoppers by items, by random projection on
    signs (Achlioptas 2003). They belong to no model, so that the lists of all are measured alike.

    Args:
        users: `(n,)` the shoppers of distinct pairs.
        items: `(n,)` their items.
        n_items: number of item indices.
        dimensions: more estimate better.
    """
    rng = np.random.default_rng(0)
    vectors = np.empty((n_items, dimensions), dtype=np.float32)
    for dimension in range(dimensions):
        signs = rng.integers(0, 2, size=users.max(initial=0) + 1) * 2.0 - 1.0
        vectors[:, dimension] = np.bincount(items, weights=signs[users], minlength=n_items)
    return vectors


def bootstrap_interval(values: Values, *, resamples: int = 1_000, seed: int = 0) -> tuple[float, float]:
    """Between which the mean of the cases lies with 95 %: percentiles of the means of cases drawn anew.

    Given the differences between two models' answers to the same cases, it is a paired comparison: one is
    better where the interval lies on one side of 0 (Efron 1979).
    """
    rng, n = np.random.default_rng(seed), len(values)
    means = [values[rng.integers(0, n, n)].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _divided(sums: npt.NDArray[Any], counts: npt.NDArray[Any]) -> Values:
    """The quotients, NaN where the count is 0."""
    quotients = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=quotients, where=counts > 0)
    return quotients
