"""Choosing on the log itself: a bounded part of it to learn from, later choices to be judged by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import TypeVar

import numpy as np

from shop_recs.algorithms.base import Earlier, Fitted, NotEnoughData, Progress, TrainingData
from shop_recs.algorithms.encoders.weights import WeightsEncoder
from shop_recs.algorithms.metrics import ranking_metrics, target_ranks
from shop_recs.algorithms.splits import Split, split_by_time

FittedOf = TypeVar("FittedOf", bound=Fitted)

STEP_DECAYS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
UNTRIED_STEP_DECAY = 0.8
"""Where the log is too short to try out what is best."""
INTERACTIONS = 200_000
CASES = 800
HOLDOUT = 0.5
"""So much, because the last few per cent of a log are of its busiest shoppers, whose past fades slower."""


def chosen_step_decay(
    data: TrainingData,
    variants: Callable[[TrainingData], Iterable[Fitted]],
    *,
    seed: int,
    progress: Progress,
    resume: Earlier | None,
) -> float:
    """The step decay that an earlier fit chose, or that of the best of a trial's `variants`."""
    if resume is not None and "step_decay" in resume.info:
        return float(resume.info["step_decay"])
    progress("choosing", 0.0)
    found = trial(data, seed=seed)
    if found is None:
        return UNTRIED_STEP_DECAY
    sample, split = found
    return float(best(variants(sample), split).info["step_decay"])


def by_step_decay(fitted: FittedOf) -> Iterator[FittedOf]:
    """The same fit once for every step decay of its encoder, which is a `WeightsEncoder`."""
    for step_decay in STEP_DECAYS:
        encoder = copy(fitted.encoder)
        assert isinstance(encoder, WeightsEncoder)
        encoder.step_decay = step_decay
        yield replace(fitted, encoder=encoder, info={**fitted.info, "step_decay": step_decay})


def trial(
    data: TrainingData, *, seed: int, target_kinds: Collection[int] | None = None
) -> tuple[TrainingData, Split] | None:
    """Some shoppers' first half of the log, and what shoppers chose next; None where the log is too short.

    With `target_kinds`, only interactions of these kinds count as chosen.
    """
    try:
        split = split_by_time(
            data,
            fraction=HOLDOUT,
            basket_seconds=0.0,
            target_kinds=target_kinds,
            max_cases=CASES,
            seed=seed,
        )
    except NotEnoughData:
        return None
    return _some_users(split.train, interactions=INTERACTIONS, seed=seed), split


def best(trials: Iterable[FittedOf], split: Split) -> FittedOf:
    """The fit that foretells best what was chosen next, the first of equals."""
    return max(trials, key=lambda fitted: foresight(fitted, split))


def foresight(fitted: Fitted, split: Split) -> float:
    """NDCG at 10; a target new to the visitor competes with what is new to them, a repeated one with all."""
    new = split.new()
    ranks = np.empty(len(split.targets), dtype=np.int64)
    for chunk, scores in split.scores(fitted):
        targets = split.targets_of(chunk)
        repeated, discovered = targets[~new[targets]], targets[new[targets]]
        ranks[repeated] = target_ranks(scores, split.cases[repeated] - chunk.start, split.targets[repeated])
        split.hide_seen(scores, chunk)
        ranks[discovered] = target_ranks(
            scores, split.cases[discovered] - chunk.start, split.targets[discovered]
        )
    return ranking_metrics(ranks, split.cases, k=10)["ndcg@10"]


def _some_users(data: TrainingData, *, interactions: int, seed: int) -> TrainingData:
    """About so many interactions: all those of some shoppers, drawn by `seed`."""
    order = np.random.default_rng(seed).permutation(data.n_users)
    counts = np.diff(data.offsets)[order]
    chosen = np.zeros(data.n_users, dtype=np.bool_)
    chosen[order[np.cumsum(counts) <= interactions]] = True
    return data if chosen.all() else data.select(chosen[data.users])
