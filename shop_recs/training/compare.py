"""Compares algorithms on one split, and a blend of them: all metrics, and intervals for the differences."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shop_recs.algorithms.base import Recommender
from shop_recs.algorithms.blend import Candidates, tune
from shop_recs.algorithms.history import OwnHistory
from shop_recs.algorithms.metrics import Values, bootstrap_interval
from shop_recs.training.evaluation import Judge, Judged, Scores, Split

LENGTH = 10
MEASURE = f"ndcg@{LENGTH}"
BLEND = "blend"
BUILT_IN: Mapping[str, Callable[[], Recommender]] = {"history": OwnHistory}
"""Algorithms that are compared and blended but never published."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How one algorithm fared; numbers are means over the seeds.

    Attributes:
        name: of the algorithm, or `BLEND`.
        fit_seconds: of one fit; for a blend, of its parts together.
        figures: what `Judge.figures` says, per part.
        groups: what `Judge.by_group` says, per part.
        by_case: `(c,)` NDCG at 10 of each case with targets in a part.
        info: what the fit tells; for a blend, its weights per part.
    """

    name: str
    fit_seconds: float
    figures: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, Mapping[str, Mapping[str, float]]]
    by_case: Mapping[str, Values]
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the mean NDCG of an entry lies above that of the best, with its interval of 95 %."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Entries judged on the same cases.

    Attributes:
        cases: how many.
        interactions: what was learnt from.
        seeds: fits of each algorithm.
        entries: in the order they were asked for, a blend last.
    """

    cases: int
    interactions: int
    seeds: int
    entries: list[Entry]

    def parts(self) -> list[str]:
        """Of `all` and `discovery` those that have targets."""
        return [part for part in ("all", "discovery") if part in self.entries[0].figures]

    def best(self, part: str) -> Entry:
        """The entry with the highest NDCG."""
        return max(self.entries, key=lambda entry: entry.figures[part][MEASURE])

    def differences(self, part: str) -> dict[str, Difference]:
        """What each entry but the best lacks to it, by paired bootstrap over the cases."""
        best = self.best(part)
        differences = {}
        for entry in self.entries:
            if entry is not best:
                of_cases = entry.by_case[part] - best.by_case[part]
                differences[entry.name] = Difference(float(of_cases.mean()), *bootstrap_interval(of_cases))
        return differences


def compare(
    algorithms: Mapping[str, Recommender],
    split: Split,
    *,
    seeds: int = 1,
    blend: bool = False,
    validation: Split | None = None,
    watch: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Fit all on the split's `train` and judge them on its cases.

    Args:
        algorithms: by the names they are shown under.
        split: what they are judged on.
        seeds: so many fits of each, with the seeds 0, 1, …; figures are their means.
        blend: also judge a blend of all of them.
        validation: a split of what the other may learn from, on which the weights of the blend are chosen.
            Without it they are chosen on the split itself, for each half of its cases by the other half.
        watch: told what is being done.

    Raises:
        NotEnoughData: the log is too small for one of them.
    """
    judge = Judge(split, ks=(LENGTH,))
    runs: dict[str, list[_Run]] = {}
    weights = _weights(algorithms, validation, watch) if blend and validation else None
    for seed in range(seeds):
        brought = _Brought(split)
        for name, algorithm in algorithms.items():
            watch(f"fitting {name} on {len(split.train):,} interactions, seed {seed}")
            started = time.perf_counter()
            fitted = algorithm.fit(split.train, seed=seed)
            seconds = time.perf_counter() - started
            scores = split.scores(fitted)
            judged = judge.judge(brought.collect(name, scores) if blend else scores)
            runs.setdefault(name, []).append(_Run(seconds, judged, fitted.info))
        if blend:
            seconds = sum(of_name[-1].fit_seconds for name, of_name in runs.items() if name != BLEND)
            runs.setdefault(BLEND, []).append(_blended(brought, judge, weights, seconds))
    entries = [_entry(name, of_name, judge) for name, of_name in runs.items()]
    return Comparison(len(split), len(split.train), seeds, entries)


@dataclass(frozen=True, slots=True)
class _Run:
    """One fit, judged."""

    fit_seconds: float
    judged: Mapping[str, Judged]
    info: Mapping[str, Any]


class _Brought:
    """What each model brings to a blend, per part."""

    def __init__(self, split: Split) -> None:
        self.split = split
        parts = ["discovery"] if split.discovery_only else ["all", "discovery"]
        self.parts = {part: Candidates(split, seen=part == "all") for part in parts}

    def collect(self, name: str, scores: Scores) -> Scores:
        """Hand scores through, run by run; whoever takes them may hide in them what was seen."""
        for chunk, part in scores:
            if "all" in self.parts:
                self.parts["all"].bring(name, part)
            yield chunk, part
            self.split.hide_seen(part, chunk)
            self.parts["discovery"].bring(name, part)


def _weights(
    algorithms: Mapping[str, Recommender], validation: Split, watch: Callable[[str], None]
) -> dict[str, Values]:
    """Per part the weights that foretell the choices of an earlier time best."""
    brought = _Brought(validation)
    for name, algorithm in algorithms.items():
        watch(f"fitting {name} on {len(validation.train):,} interactions, to weigh it in the blend")
        for _ in brought.collect(name, validation.scores(algorithm.fit(validation.train))):
            pass
    return {part: tune(candidates) for part, candidates in brought.parts.items()}


def _blended(brought: _Brought, judge: Judge, weights: Mapping[str, Values] | None, seconds: float) -> _Run:
    """The blend of what was brought, with these weights or those of the other half of the cases."""
    judged, info = {}, {}
    for part, candidates in brought.parts.items():
        chosen = _of_the_other_half(candidates) if weights is None else weights[part]
        found = judge.judge(candidates.scores(chosen))
        if part in found:
            judged[part] = found[part]
            means = np.mean(np.atleast_2d(chosen), axis=0)
            info[part] = dict(zip(candidates.names, means.round(4).tolist(), strict=True))
    return _Run(seconds, judged, {"weights": info})


def _of_the_other_half(candidates: Candidates) -> Values:
    """`(c, models)` weights of each case, chosen by cases that it is not among."""
    even = np.arange(len(candidates.split)) % 2 == 0
    return np.where(even[:, None], tune(candidates, cases=~even), tune(candidates, cases=even))


def _entry(name: str, runs: Sequence[_Run], judge: Judge) -> Entry:
    """The means over the seeds."""
    parts = list(runs[0].judged)
    return Entry(
        name,
        float(np.mean([run.fit_seconds for run in runs])),
        _mean([{part: judge.figures(run.judged[part]) for part in parts} for run in runs]),
        _mean([{part: judge.by_group(run.judged[part]) for part in parts} for run in runs]),
        {part: np.mean([run.judged[part].by_case[MEASURE] for run in runs], axis=0) for part in parts},
        runs[0].info,
    )


def _mean(figures: Sequence[Any]) -> Any:
    """The mean of numbers, also of those at the same place of nested mappings."""
    if not isinstance(figures[0], Mapping):
        return float(np.mean(figures))
    return {
        key: _mean([of_seed[key] for of_seed in figures])
        for key in figures[0]
        if all(key in of_seed for of_seed in figures)
    }
