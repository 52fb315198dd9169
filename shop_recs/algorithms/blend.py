"""Fuses the ranked lists of several models into one, by weights that were found on earlier choices."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import Floats
from shop_recs.algorithms.metrics import UNRANKED, Integers, Lists, Values, ranking_metrics, top_lists
from shop_recs.algorithms.splits import Split

CANDIDATES = 100
"""How many items each model brings."""
SMOOTHING = 20
"""Places after which an item counts half of what the first one does."""
STEPS = (0.0, 0.03, 0.3, 0.7, 1.4, 3.0)
"""What one weight after the other is multiplied by in the search."""
REVIVED = 0.1
"""Where the search goes on for a weight that it had set to 0."""
ROUNDS = 4

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Fused(Generic[Key]):
    """An item of a fused list.

    Attributes:
        key: of the item.
        score: what it ranks by.
        places: where it stands, counted from 1, in each of the lists that have it.
    """

    key: Key
    score: float
    places: Mapping[str, int]


def fuse(lists: Mapping[str, Sequence[tuple[Key, float]]], weights: Mapping[str, float]) -> list[Fused[Key]]:
    """One list of several: weighted reciprocal rank, times the score as a share of the list's best.

    The reciprocal rank is that of Cormack, Clarke and Büttcher (2009). The score tells more than the place
    where a list is short or falls off steeply, as that of a shopper's own items does.

    Args:
        lists: for each source its items with their scores, the best first.
        weights: of each source; one without weight counts nothing.

    Returns:
        All items with a positive score, the best first; of equals, the one that was met first.
    """
    scores: dict[Key, float] = {}
    places: dict[Key, dict[str, int]] = {}
    for source, items in lists.items():
        strengths = _strengths(np.array([[score for _, score in items]], dtype=np.float32))[0]
        for place, ((key, _), strength) in enumerate(zip(items, strengths, strict=True), start=1):
            scores[key] = scores.get(key, 0.0) + weights.get(source, 0.0) * float(strength)
            places.setdefault(key, {})[source] = place
    ranked = sorted(scores, key=lambda key: -scores[key])
    return [Fused(key, scores[key], places[key]) for key in ranked if scores[key] > 0]


def _strengths(scores: Floats) -> Floats:
    """`(c, k)` from 0 to 1, how much each place of a list says; its scores are `-inf` after its end."""
    best = scores[:, :1]
    shares = np.where(best > 0, np.clip(scores, 0, None) / np.where(best > 0, best, 1), scores > -np.inf)
    places = np.arange(1, scores.shape[1] + 1)
    return np.asarray(shares * SMOOTHING / (SMOOTHING + places), dtype=np.float32)


class Candidates:
    """The items that several models bring for the cases of a split, and how much each says of them.

    Args:
        split: whose cases.
        seen: whether what is in a visitor's history may be brought.
    """

    def __init__(self, split: Split, *, seen: bool) -> None:
        self.split = split
        self.seen = seen
        self._brought: dict[str, list[tuple[Lists, Floats]]] = {}

    @property
    def names(self) -> list[str]:
        """The models, in the order of weights."""
        return list(self._brought)

    def bring(self, name: str, scores: Floats) -> None:
        """Keep the best items of the next run of cases, by their `(c, n_items)` scores from one model."""
        lists = top_lists(scores, CANDIDATES)
        of_lists = np.where(lists >= 0, np.take_along_axis(scores, lists, axis=1), np.float32(-np.inf))
        self._brought.setdefault(name, []).append((lists, _strengths(of_lists)))

    def scores(self, weights: Values) -> Iterator[tuple[slice, Floats]]:
        """Runs of cases and their fused `(c, n_items)` scores, `-inf` for what is not in the fused list.

        Args:
            weights: `(models,)`, or `(c, models)` of each case.
        """
        weights = np.broadcast_to(weights, (len(self.split), len(self.names))).astype(np.float32)
        for run, chunk in enumerate(self.split.chunks()):
            scores = np.zeros((chunk.stop - chunk.start, self.split.log.n_items), dtype=np.float32)
            for brought, of_cases in zip(self._brought.values(), weights[chunk].T, strict=True):
                cases, places = np.nonzero(brought[run][0] >= 0)
                lists, strengths = brought[run]
                scores[cases, lists[cases, places]] += (of_cases[:, None] * strengths)[cases, places]
            scores[scores <= 0] = -np.inf
            yield chunk, scores

    def pairs(self) -> tuple[Integers, Floats]:
        """Case times number of items plus item of every candidate, ascending, and `(p, models)` strengths."""
        n_items = self.split.log.n_items
        keys, strengths = [], []
        for brought in self._brought.values():
            lists = np.concatenate([lists for lists, _ in brought])
            cases, places = np.nonzero(lists >= 0)
            keys.append(cases * n_items + lists[cases, places])
            strengths.append(np.concatenate([of_lists for _, of_lists in brought])[cases, places])
        distinct = np.unique(np.concatenate(keys))
        said = np.zeros((len(distinct), len(keys)), dtype=np.float32)
        for column, (of_model, strength) in enumerate(zip(keys, strengths, strict=True)):
            said[np.searchsorted(distinct, of_model), column] = strength
        return distinct, said


def tune(candidates: Candidates, *, cases: npt.NDArray[np.bool_] | None = None) -> Values:
    """The weights with the best NDCG at 10, by a search along one model after the other.

    Args:
        candidates: of all models, on a split that the models have not seen.
        cases: `(c,)` by which of the split's cases to choose; without it, by all.

    Returns:
        `(models,)` from 0 to 1.
    """
    goal = _Goal(candidates, np.ones(len(candidates.split), dtype=np.bool_) if cases is None else cases)
    weights = np.ones(len(candidates.names))
    best = goal.ndcg(weights)
    for _ in range(ROUNDS):
        before = best
        for model, step in product(range(len(weights)), STEPS):
            tried = weights.copy()
            tried[model] = step * (weights[model] or REVIVED)
            if tried.any() and (reached := goal.ndcg(tried)) > best:
                best, weights = reached, tried
        if best == before:
            break
    weights /= weights.max()
    return weights


class _Goal:
    """How well weights foretell the targets; only what can change the answer is looked at."""

    def __init__(self, candidates: Candidates, cases: npt.NDArray[np.bool_]) -> None:
        split = candidates.split
        n_items = split.log.n_items
        judged = cases[split.cases] if candidates.seen else cases[split.cases] & split.new()
        _, self.cases = np.unique(split.cases[judged], return_inverse=True)
        keys, self.strengths = candidates.pairs()
        wanted = split.cases[judged] * n_items + split.targets[judged]
        self.found = np.flatnonzero(np.isin(wanted, keys))
        self.own = np.searchsorted(keys, wanted[self.found])
        # Every candidate of the case of every target found is a rival of it, and so is the target itself.
        of_case = keys // n_items
        starts, stops = (np.searchsorted(of_case, of_case[self.own], side=side) for side in ("left", "right"))
        self.target = np.repeat(np.arange(len(self.own)), stops - starts)
        first = np.cumsum(stops - starts) - (stops - starts)
        self.rivals = np.arange(len(self.target)) - first[self.target] + starts[self.target]

    def ndcg(self, weights: Values) -> float:
        """NDCG at 10 of the fused lists; 0 where nothing is to be foretold."""
        if not len(self.cases):
            return 0.0
        scores = self.strengths @ weights.astype(np.float32)
        own = scores[self.own]
        above = np.bincount(self.target, weights=scores[self.rivals] >= own[self.target], minlength=len(own))
        ranks = np.full(len(self.cases), UNRANKED)
        ranks[self.found] = np.where(own > 0, above.astype(np.int64), UNRANKED)
        return ranking_metrics(ranks, self.cases, k=10)["ndcg@10"]
