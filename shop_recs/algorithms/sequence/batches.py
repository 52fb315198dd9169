"""Shoppers' histories cut into windows and packed into batches of about equal length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shop_recs.algorithms.base import SECONDS_PER_DAY, TrainingData

Rows = npt.NDArray[np.int64]

BESIDE = 0.5
"""How often a line of an order foresees another of its lines instead of the next order.

Orders teach which items go together, but lists are asked for between orders: on a log of large baskets, half
and half ranks the next one better than either alone.
"""

WIDTH_DIGITS = 3
"""The width of a batch is a number of so many significant binary digits: 8, 10, 12, 14, 16, 20, 24 ..."""

UNKNOWN_GAP = -1.0
"""Gap before the first event that is looked at: nobody asks what came before it."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """A log in the form that windows are cut from; items are indices into `vocabulary`.

    A moment is what a shopper did at one time, an order of several lines, say.

    Attributes:
        items: `(n,)` int64.
        kinds: `(n,)` int64.
        gaps: `(n,)` float32, days since the shopper's event before.
        weights: `(n,)` float32, how much the event counts as a target.
        since: `(n,)` int64, first row of the event's moment.
        until: `(n,)` int64, row after the last of its moment.
        starts: `(n_users,)` int64, row of each shopper's first event.
        stops: `(n_users,)` int64, row after each shopper's last event.
        vocabulary: `(m,)` int64, item index in the log of each item here; items never seen are not in it.
    """

    items: Rows
    kinds: Rows
    gaps: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    since: Rows
    until: Rows
    starts: Rows
    stops: Rows
    vocabulary: Rows

    def __len__(self) -> int:
        """How many events have a later one of the same shopper."""
        return int(self.positions.sum())

    @property
    def positions(self) -> Rows:
        """`(n_users,)` how many of each shopper's events have a later one; they are the first ones."""
        some = self.stops > self.starts
        positions = np.zeros_like(self.starts)
        positions[some] = self.since[self.stops[some] - 1] - self.starts[some]
        return positions

    def first_rows(self) -> Rows:
        """`(n,)` the row of the shopper's first event with the item of each row."""
        users = np.repeat(np.arange(len(self.starts)), self.stops - self.starts)
        _, first, pairs = np.unique(
            users * len(self.vocabulary) + self.items, return_index=True, return_inverse=True
        )
        rows: Rows = first[pairs]
        return rows

    def followers(self, rows: Rows, *, rng: np.random.Generator) -> Rows:
        """The row that each of `rows` should foresee: one of the next moment, or a later one of its own."""
        first = self.until[rows]
        later = rng.integers(first, self.until[first])
        beside = (rows + 1 < first) & (rng.random(len(rows)) < BESIDE)
        rest = rng.integers(np.minimum(rows + 1, first - 1), first)
        return np.where(beside, rest, later)


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of the log, padded on the right.

    Attributes:
        items, kinds: `(B, L)` int64; what stands in the padding means nothing.
        gaps: `(B, L)` float32, days; `UNKNOWN_GAP` in the first column.
        lengths: `(B,)` int64, between 1 and L.
        rows: `(T,)` int64, the log's row at each valid position, window by window.
        covered: how many events of the epoch it stands for: more than it has rows where windows are cut.
    """

    items: Tensor
    kinds: Tensor
    gaps: Tensor
    lengths: Tensor
    rows: Rows
    covered: int

    @property
    def valid(self) -> Tensor:
        """`(B, L)` bool, False in the padding."""
        return torch.arange(self.items.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device; its rows stay where the log is."""
        return replace(
            self,
            items=self.items.to(device),
            kinds=self.kinds.to(device),
            gaps=self.gaps.to(device),
            lengths=self.lengths.to(device),
        )


def sequences_of(data: TrainingData, *, other_kinds: float = 1.0) -> Sequences:
    """The whole log as sequences, an event weighing as much as its kind and its age say.

    Args:
        data: the log.
        other_kinds: factor of the weights of all kinds but the log's last, the purchase.
    """
    vocabulary, items = np.unique(data.items, return_inverse=True)
    gaps = np.diff(data.times, prepend=data.times[:1]) / SECONDS_PER_DAY
    offsets = data.offsets
    moments = np.flatnonzero(np.diff(data.users, prepend=-1) | (np.diff(data.times, prepend=-1.0) != 0))
    sizes = np.diff(moments, append=len(data))
    return Sequences(
        items=items.astype(np.int64),
        kinds=data.kinds.astype(np.int64),
        gaps=gaps.astype(np.float32),
        weights=(np.where(data.kinds == data.kinds.max(initial=0), 1.0, other_kinds) * data.weights).astype(
            np.float32
        ),
        since=np.repeat(moments, sizes),
        until=np.repeat(moments + sizes, sizes),
        starts=offsets[:-1],
        stops=offsets[1:],
        vocabulary=vocabulary.astype(np.int64),
    )


def windows(sequences: Sequences, *, length: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Every event that has a later one, in windows of at most `length`.

    A history longer than that is cut at a random phase, so that over the epochs every event is seen with much
    of its past.

    Returns:
        First row and length of each window.
    """
    positions = sequences.positions
    phases = np.where(positions > length, rng.integers(length, size=len(positions)), 0)
    counts = np.where(positions > 0, -(-(positions + phases) // length), 0)
    users = np.repeat(np.arange(len(positions)), counts)
    nth = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    begin = np.maximum(nth * length - phases[users], 0)
    end = np.minimum((nth + 1) * length - phases[users], positions[users])
    return sequences.starts[users] + begin, end - begin


def batches(
    sequences: Sequences, *, length: int, tokens: int, rng: np.random.Generator, cut: bool = False
) -> Iterator[Batch]:
    """One epoch in random order: batches of at most `tokens` places, each of windows of similar length.

    Few different shapes occur: oneDNN compiles its kernels anew for each.

    Args:
        sequences: the log.
        length: events of a window at most.
        tokens: places of a batch.
        rng: source of everything random.
        cut: end each window after a random event of it, so that short histories are learned as well.
    """
    starts, whole = windows(sequences, length=length, rng=rng)
    lengths = rng.integers(whole) + 1 if cut else whole
    # An epoch keeps its number of steps: the less is left of the windows, the smaller are its batches.
    tokens = int(tokens * lengths.sum() // whole.sum())
    groups = list(_groups(_widths(lengths, limit=length), tokens=tokens, rng=rng))
    for number in rng.permutation(len(groups)):
        width, chosen = groups[number]
        batch = batch_of(sequences, starts[chosen], lengths[chosen], width=width)
        yield replace(batch, covered=int(whole[chosen].sum()))


def _widths(lengths: Rows, *, limit: int) -> Rows:
    """The lengths rounded up to one of few widths, at most `limit`."""
    steps = 2 ** np.maximum(np.ceil(np.log2(lengths)).astype(np.int64) - WIDTH_DIGITS, 0)
    widths: Rows = np.minimum(-(-lengths // steps) * steps, limit)
    return widths


def _groups(widths: Rows, *, tokens: int, rng: np.random.Generator) -> Iterator[tuple[int, Rows]]:
    """Width and windows of each batch; what does not fill one goes on to the next wider one."""
    order = rng.permutation(len(widths))
    order = order[np.argsort(widths[order], kind="stable")]
    present, first = np.unique(widths[order], return_index=True)
    waiting = order[:0]
    for width, chosen in zip(present.tolist(), np.split(order, first[1:]), strict=True):
        waiting = np.concatenate([waiting, chosen])
        size = max(1, tokens // width)
        for start in range(0, len(waiting) - size + 1, size):
            yield width, waiting[start : start + size]
        waiting = waiting[len(waiting) // size * size :]
    if len(waiting):
        yield int(present[-1]), waiting


def batch_of(sequences: Sequences, starts: Rows, lengths: Rows, *, width: int | None = None) -> Batch:
    """The windows that begin at rows `starts`, `lengths` events long, padded to `width` or the longest."""
    steps = np.arange(width or lengths.max())
    valid = steps < lengths[:, None]
    rows = np.where(valid, starts[:, None] + steps, starts[:, None])
    gaps = sequences.gaps[rows]
    gaps[:, 0] = UNKNOWN_GAP
    return Batch(
        items=_tensor(sequences.items[rows]),
        kinds=_tensor(sequences.kinds[rows]),
        gaps=_tensor(gaps),
        lengths=_tensor(lengths),
        rows=rows[valid],
        covered=int(lengths.sum()),
    )


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
