"""Judges a fitted model by what it would have served: full ranking, beside two baselines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms import metrics
from shop_recs.algorithms.base import Fitted, Floats
from shop_recs.algorithms.history import OwnHistory
from shop_recs.algorithms.popular import Popular
from shop_recs.algorithms.splits import Split, leave_one_out, split_by_time

__all__ = ["GROUPS", "Judge", "Judged", "Split", "evaluate", "leave_one_out", "split_by_time"]

Scores = Iterator[tuple[slice, Floats]]
"""Runs of the cases and their `(c, n_items)` scores, `-inf` where an item is not ranked."""

GROUPS = {"new": 0, "light": 5, "heavy": 20}
"""Shoppers by the interactions in their history: each group from so many on, up to the next."""


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
        baselines: also judge `popular` and `history`, the visitor's own items.

    Returns:
        `{"cases", "cold_targets", "seconds", "all": {...}, "discovery": {...}, "groups": {part: {group:
        {...}}}, "baselines": {name: {...}}}`; the innermost are what `Judge.figures` returns, those of groups
        at the first of `ks` alone. A part without a target is left out.
    """
    started = time.perf_counter()
    judge = Judge(split, ks=ks)
    parts = judge.judge(split.scores(fitted))
    results: dict[str, Any] = {part: judge.figures(judged) for part, judged in parts.items()}
    results["groups"] = {part: judge.by_group(judged) for part, judged in parts.items()}
    if baselines:
        learned = {"popular": Popular().fit(split.train), "history": OwnHistory().fit(split.train)}
        results["baselines"] = {
            name: {part: judge.figures(judged) for part, judged in judge.judge(split.scores(model)).items()}
            for name, model in learned.items()
        }
    return {
        "cases": len(split),
        "cold_targets": split.cold_targets,
        "seconds": round(time.perf_counter() - started, 3),
        **results,
    }


@dataclass(frozen=True, slots=True)
class Judged:
    """How the cases of one part were answered.

    Attributes:
        cases: `(c,)` which cases of the split have targets in this part.
        sizes: `(c,)` how many.
        by_case: `(c,)` numbers of each ranking metric, by names such as `ndcg@10`.
        lists: `(c, k)` what each case was shown, for the longest `k`.
    """

    cases: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    by_case: Mapping[str, metrics.Values]
    lists: metrics.Lists


class Judge:
    """Judges any number of scorers on one split, all by the same measure.

    Args:
        split: whose cases are judged.
        ks: lengths of list.
    """

    def __init__(self, split: Split, *, ks: Sequence[int] = (10, 20)) -> None:
        self.split = split
        self.ks = ks
        self._new = split.new()
        self._sellable = np.unique(split.train.items)
        users, items = _distinct_pairs(split)
        n_items, shoppers = split.train.n_items, len(np.unique(users))
        # What nobody chose is as telling as what one shopper did.
        self._popularity = np.bincount(items, minlength=n_items) / shoppers
        self._bits = metrics.self_information(np.maximum(self._popularity, 1 / shoppers))
        self._vectors = metrics.audience_vectors(users, items, n_items=n_items)
        of_cases, rows = split.seen(slice(0, len(split)))
        self._lengths = np.bincount(of_cases, minlength=len(split))
        popularity = np.bincount(of_cases, weights=self._popularity[split.log.items[rows]])
        self._popularity_of_histories = popularity / self._lengths

    def judge(self, scores: Scores) -> dict[str, Judged]:
        """What became of `all` targets and of those in `discovery`; a part without a target is left out."""
        everything, discovery = _Answers(self.split, max(self.ks)), _Answers(self.split, max(self.ks))
        for chunk, part in scores:
            targets = self.split.targets_of(chunk)
            if not self.split.discovery_only:
                everything.note(part, chunk.start, targets)
            self.split.hide_seen(part, chunk)
            discovery.note(part, chunk.start, targets[self._new[targets]])
        parts = {"all": everything, "discovery": discovery}
        return {name: answers.judged(self.ks) for name, answers in parts.items() if answers}

    def figures(
        self, judged: Judged, *, chosen: npt.NDArray[np.bool_] | None = None, ks: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """The figures of a part, in JSON types, `chosen` of its cases or all.

        `cases`, `targets`, and per k `ndcg@k`, `precision@k`, `recall@k`, `f1@k`, `hit_rate@k`, `map@k` and
        `mrr@k`, the means over the cases; `coverage@k`, the share of the products with interactions that some
        list showed, and `gini@k` of how often each; `novelty@k` in bits; `diversity@k`, 1 less the mean
        cosine of the items in a list; `popularity_lift@k`, how many times as popular the lists are as the
        histories. A figure that lists so short do not have is left out.
        """
        chosen = np.ones(len(judged.cases), dtype=np.bool_) if chosen is None else chosen
        figures: dict[str, Any] = {
            "cases": int(np.count_nonzero(chosen)),
            "targets": int(judged.sizes[chosen].sum()),
        }
        for k in ks or self.ks:
            figures |= {
                name: float(values[chosen].mean())
                for name, values in judged.by_case.items()
                if name.endswith(f"@{k}")
            }
            figures |= self._of_lists(judged.lists[chosen, :k], judged.cases[chosen], k=k)
        return figures

    def by_group(self, judged: Judged) -> dict[str, dict[str, Any]]:
        """The same for each of the `GROUPS` that has cases, at the first length of list."""
        bounds = np.array(list(GROUPS.values()))
        group = np.searchsorted(bounds, self._lengths[judged.cases], side="right") - 1
        return {
            name: self.figures(judged, chosen=group == place, ks=self.ks[:1])
            for place, name in enumerate(GROUPS)
            if np.any(group == place)
        }

    def _of_lists(self, lists: metrics.Lists, cases: npt.NDArray[np.int64], *, k: int) -> dict[str, float]:
        """What the lists of these cases show, however right they are."""
        shown = metrics.exposures(lists, n_items=len(self._popularity))[self._sellable]
        listed = lists[:, 0] >= 0
        figures: dict[str, Any] = {"coverage": np.count_nonzero(shown) / len(shown)}
        if listed.any():
            figures["gini"] = metrics.gini(shown)
            figures["novelty"] = metrics.mean_of_lists(lists, self._bits)[listed].mean()
            popularity = metrics.mean_of_lists(lists, self._popularity)[listed].mean()
            if own := self._popularity_of_histories[cases[listed]].mean():
                figures["popularity_lift"] = popularity / own
        diversity = metrics.diversity(lists, self._vectors)
        if (defined := ~np.isnan(diversity)).any():
            figures["diversity"] = diversity[defined].mean()
        return {f"{name}@{k}": float(value) for name, value in figures.items()}


class _Answers:
    """Gathers ranks and lists, run by run."""

    def __init__(self, split: Split, length: int) -> None:
        self.split = split
        self.length = length
        self.ranks: list[npt.NDArray[np.int64]] = []
        self.cases: list[npt.NDArray[np.int64]] = []
        self.lists: list[metrics.Lists] = []

    def __bool__(self) -> bool:
        return any(map(len, self.cases))

    def note(self, scores: Floats, first: int, rows: npt.NDArray[np.int64]) -> None:
        """Rank the targets in `rows` of the split by the scores of the cases from `first` on."""
        cases = self.split.cases[rows]
        self.ranks.append(metrics.target_ranks(scores, cases - first, self.split.targets[rows]))
        self.cases.append(cases)
        self.lists.append(metrics.top_lists(scores[np.unique(cases) - first], self.length))

    def judged(self, ks: Sequence[int]) -> Judged:
        cases, case, sizes = np.unique(np.concatenate(self.cases), return_inverse=True, return_counts=True)
        ranks = np.concatenate(self.ranks)
        by_case = {
            f"{name}@{k}": values
            for k in ks
            for name, values in metrics.case_metrics(ranks, case, k=k).items()
        }
        return Judged(cases, sizes, by_case, np.concatenate(self.lists))


def _distinct_pairs(split: Split) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Shopper and item of every pair in what may be learnt from."""
    train = split.train
    pairs = np.unique(train.users.astype(np.int64) * train.n_items + train.items)
    users, items = np.divmod(pairs, train.n_items)
    return users, items
