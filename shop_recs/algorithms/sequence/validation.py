"""Early stopping's measure: how well held-back last events of the training log itself are foreseen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shop_recs.algorithms.sequence.batches import Batch, Rows, Sequences, batch_of
from shop_recs.algorithms.sequence.model import SequenceModel

USERS_AT_ONCE = 128
UNRANKED = torch.iinfo(torch.int64).max
"""The rank of a target whose score is not a number."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Shoppers whose last moment is kept from training.

    Attributes:
        log: what training sees, the histories of these shoppers among it.
        users: `(t,)` int64, the shopper of each target.
        targets: `(t,)` int64, rows of events of the moments that were kept back.
    """

    log: Sequences
    users: Rows
    targets: Rows


def hold_out(
    sequences: Sequences, *, rng: np.random.Generator, users: int = 2_000, targets: int = 4_000
) -> tuple[Sequences, HeldOut]:
    """The log without the last moment of a sample of shoppers, and events of it to validate on.

    They are of items new to the shopper, where there are some: what shoppers choose again is learned in an
    epoch or two, and would stop a training that still gets better at what they discover.
    """
    owners, rows = _last_moments(sequences)
    new = sequences.first_rows()[rows] >= sequences.since[rows]
    if new.any():
        owners, rows = owners[new], rows[new]
    eligible = np.unique(owners)
    chosen = np.sort(rng.choice(eligible, size=min(users, -(-len(eligible) // 4)), replace=False))
    stops = sequences.stops.copy()
    stops[chosen] = sequences.since[stops[chosen] - 1]
    judged = np.flatnonzero(np.isin(owners, chosen))
    if len(judged) > targets:
        judged = np.sort(rng.choice(judged, size=targets, replace=False))
    log = replace(sequences, stops=stops)
    return log, HeldOut(log, owners[judged], rows[judged])


def _last_moments(sequences: Sequences) -> tuple[Rows, Rows]:
    """Shopper and row of every event of the last moments of those who have an earlier one."""
    users = np.flatnonzero(sequences.positions)
    begins = sequences.since[sequences.stops[users] - 1]
    sizes = sequences.stops[users] - begins
    steps = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(users, sizes), np.repeat(begins, sizes) + steps


@torch.inference_mode()
def ndcg(model: SequenceModel, held_out: HeldOut, *, length: int, k: int = 10) -> float:
    """NDCG@k of the held-back events among all items, an event counting as much as its kind.

    An item new to the shopper competes with those new to them, a repeated one with all; ties are lost, and
    so are scores that are not numbers.
    """
    model.eval()
    table, log = model.table(), held_out.log
    gained = possible = 0.0
    for chosen in _groups(held_out):
        users, targets = held_out.users[chosen], held_out.targets[chosen]
        batch = _histories(log, users, length=length).to(table.device)
        scores = (model.after(batch) @ table.T).cpu()
        ranks = _ranks(scores, torch.from_numpy(log.items[targets]), _seen(log, users))
        weights = torch.from_numpy(log.weights[targets])
        gained += float((weights / torch.log2(ranks + 2.0))[ranks < k].sum())
        possible += float(weights.sum())
    return gained / possible if possible else 0.0


def _groups(held_out: HeldOut) -> list[Rows]:
    """The shoppers' places in `held_out`, in groups of about equally long histories."""
    lengths = (held_out.log.stops - held_out.log.starts)[held_out.users]
    return np.array_split(np.argsort(lengths, kind="stable"), -(-len(lengths) // USERS_AT_ONCE))


def _histories(log: Sequences, users: Rows, *, length: int) -> Batch:
    """The last events of each of the shoppers."""
    lengths = np.minimum(log.stops[users] - log.starts[users], length)
    return batch_of(log, log.stops[users] - lengths, lengths)


def _seen(log: Sequences, users: Rows) -> tuple[Tensor, Tensor]:
    """Row and item of everything in the shoppers' histories."""
    counts = log.stops[users] - log.starts[users]
    rows = np.repeat(np.arange(len(users)), counts)
    steps = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return torch.from_numpy(rows), torch.from_numpy(log.items[log.starts[users][rows] + steps])


def _ranks(scores: Tensor, targets: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
    """`(B,)` how many competitors score at least as high as the target."""
    row, item = seen
    own = scores.gather(1, targets[:, None])
    repeated = torch.zeros(len(targets), dtype=torch.bool)
    repeated[row[item == targets[row]]] = True
    hidden = ~repeated[row]
    scores[row[hidden], item[hidden]] = -torch.inf
    # Not `scores >= own`, by which the NaN of a network that diverged would be ahead of nobody.
    ranks = (~(scores < own)).sum(dim=1) - 1
    return ranks.masked_fill(own.isnan().squeeze(1), UNRANKED)
