"""Cuts a log into a part to learn from and cases to be judged by; numpy only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import SECONDS_PER_DAY, Fitted, Floats, Integers, NotEnoughData, TrainingData
from shop_recs.algorithms.encoders import History

SCORES_AT_ONCE = 16_000_000


@dataclass(frozen=True, slots=True)
class Split:
    """A log to learn from, and cases: visitors with a history and with items that they chose next.

    Attributes:
        train: what a model may learn from.
        log: what histories are read from; it holds no target of any case.
        users: `(c,)` user index of each case.
        nows: `(c,)` Unix seconds at which the case's list is asked for.
        cases: `(t,)` the case of each target, non-decreasing; every case has one or more.
        targets: `(t,)` item indices, distinct within a case, each known to `train`.
        cold_targets: how many targets were left out because `train` does not know their item.
        discovery_only: whether items in the history are never right answers and so never listed.
    """

    train: TrainingData
    log: TrainingData
    users: npt.NDArray[np.int64]
    nows: npt.NDArray[np.float64]
    cases: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    cold_targets: int
    discovery_only: bool = False

    def __len__(self) -> int:
        return len(self.users)

    def chunks(self) -> Iterator[slice]:
        """The cases in runs whose scores for all items fit into memory."""
        size = max(1, SCORES_AT_ONCE // self.log.n_items)
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))

    def targets_of(self, chunk: slice) -> npt.NDArray[np.int64]:
        """The rows of `targets` that belong to a run of cases."""
        return np.arange(*np.searchsorted(self.cases, [chunk.start, chunk.stop]))

    def seen(self, chunk: slice) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Case, counted within the run, and row of `log` of every interaction in the histories of a run."""
        users, offsets = self.users[chunk], self.log.offsets
        starts, stops = offsets[users], offsets[users + 1]
        rows = [np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)]
        return np.repeat(np.arange(len(users)), stops - starts), np.concatenate(rows)

    def hide_seen(self, scores: Floats, chunk: slice) -> None:
        """Take what is in the histories of a run out of its `(c, n_items)` scores."""
        cases, rows = self.seen(chunk)
        scores[cases, self.log.items[rows]] = -np.inf

    def new(self) -> npt.NDArray[np.bool_]:
        """`(t,)` whether each target is absent from its visitor's history."""
        cases, rows = self.seen(slice(0, len(self)))
        seen = cases * self.log.n_items + self.log.items[rows]
        return np.isin(self.cases * self.log.n_items + self.targets, seen, invert=True)

    def histories(self, fitted: Fitted, chunk: slice) -> tuple[list[History], list[Integers]]:
        """What the encoder gets to see of a run of cases, and the item indices of each history."""
        histories: list[History] = []
        items: list[Integers] = []
        offsets = self.log.offsets
        for user, now in zip(self.users[chunk], self.nows[chunk], strict=True):
            rows = np.arange(offsets[user], offsets[user + 1])
            rows = rows[fitted.known[self.log.items[rows]]]
            rows = rows[max(0, len(rows) - fitted.encoder.history_length) :]
            ages = ((now - self.log.times[rows]) / SECONDS_PER_DAY).astype(np.float32)
            items.append(self.log.items[rows])
            histories.append(fitted.history(self.log.items[rows], self.log.kinds[rows], ages))
        return histories, items

    def scores(self, fitted: Fitted) -> Iterator[tuple[slice, Floats]]:
        """Runs of cases and their `(c, n_items)` scores as served, `-inf` where an item is not ranked."""
        for chunk in self.chunks():
            yield chunk, fitted.scores(*self.histories(fitted, chunk))


def split_by_time(
    data: TrainingData,
    *,
    cut: float | None = None,
    fraction: float = 0.1,
    target_kinds: Collection[int] | None = None,
    basket_seconds: float | None = None,
    max_cases: int | None = 5_000,
    seed: int = 0,
) -> Split:
    """Learn from what happened before a moment; the cases are the shoppers who went on after it.

    Args:
        data: the log.
        cut: the moment, Unix seconds; without it, the moment after which `fraction` of the interactions lie.
        fraction: share of the interactions to hold out.
        target_kinds: kinds of interaction that count as targets; without it, all.
        basket_seconds: only interactions at most so long after a shopper's first target count (0: the same
            time, one basket); without it, all after the cut.
        max_cases: so many shoppers, drawn by `seed`, are judged; without it, all.

    Raises:
        NotEnoughData: nobody has interactions both before and after the cut.
    """
    if cut is None:
        cut = _moment_before_the_last(data.times, fraction)
    past = data.times < cut
    wanted = ~past if target_kinds is None else ~past & np.isin(data.kinds, list(target_kinds))
    rows = np.flatnonzero(wanted)
    if basket_seconds is not None:
        rows = rows[_since_first(data, rows) <= basket_seconds]
    train = data.select(past, now=cut)
    return _judge(data, rows, train=train, log=train, max_cases=max_cases, seed=seed, now=cut)


def leave_one_out(
    data: TrainingData, *, strict: bool = True, max_cases: int | None = None, seed: int = 0
) -> Split:
    """Every shopper's last interaction is the target, what went before it the history.

    Sequence papers report this; it learns from other shoppers' future, so it says little about a live shop.

    Args:
        data: the log.
        strict: the interaction before the last is history, but is not learnt from (it is the validation item
            of those papers).
        max_cases: so many shoppers, drawn by `seed`, are judged; without it, all.

    Raises:
        NotEnoughData: nobody has enough interactions.
    """
    from_end = data.offsets[data.users + 1] - 1 - np.arange(len(data))
    log = data.select(from_end >= 1)
    train = data.select(from_end >= (2 if strict else 1))
    split = _judge(data, np.flatnonzero(from_end == 0), train=train, log=log, max_cases=max_cases, seed=seed)
    last_seen = log.times[log.offsets[split.users + 1] - 1]
    return replace(split, nows=last_seen, discovery_only=True)


def _moment_before_the_last(times: npt.NDArray[np.float64], fraction: float) -> float:
    """The moment at and after which about `fraction` of `times` lie."""
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, not {fraction}; 0.1 holds out the last tenth")
    if not len(times):
        raise NotEnoughData("not enough data: have 0 interactions, need some to split by time")
    place = int(len(times) * (1 - fraction))
    return float(np.partition(times, place)[place])


def _since_first(data: TrainingData, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Seconds between each of `rows` and the first of them of the same shopper."""
    _, first, shopper = np.unique(data.users[rows], return_index=True, return_inverse=True)
    times = data.times[rows]
    since: npt.NDArray[np.float64] = times - times[first][shopper]
    return since


def _judge(
    data: TrainingData,
    rows: npt.NDArray[np.int64],
    *,
    train: TrainingData,
    log: TrainingData,
    max_cases: int | None,
    seed: int,
    now: float = 0.0,
) -> Split:
    """The split whose targets are the items in `rows` of shoppers that have a history."""
    pairs = np.unique(data.users[rows].astype(np.int64) * data.n_items + data.items[rows])
    users, items = np.divmod(pairs, data.n_items)
    warm = np.isin(items, train.items)
    judged = np.unique(users[warm & np.isin(users, log.users)])
    if not len(judged):
        raise NotEnoughData(
            "not enough data: have 0 shoppers with interactions to learn from and later ones to be judged by,"
            " need 1 or more"
        )
    if max_cases is not None and len(judged) > max_cases:
        judged = np.sort(np.random.default_rng(seed).choice(judged, max_cases, replace=False))
    of_judged = np.isin(users, judged)
    return Split(
        train=train,
        log=log,
        users=judged,
        nows=np.full(len(judged), now),
        cases=np.searchsorted(judged, users[of_judged & warm]),
        targets=items[of_judged & warm],
        cold_targets=int(np.count_nonzero(of_judged & ~warm)),
    )
