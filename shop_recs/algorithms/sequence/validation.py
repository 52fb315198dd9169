"""Early stopping's measure: how well held-back last events of the training log itself are foreseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shop_recs.algorithms.sequence.batches import Rows, Sequences, batch_of
from shop_recs.algorithms.sequence.model import SequenceModel

USERS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Shoppers whose last event is kept from training.

    Attributes:
        sequences: the whole log, these events included.
        users: `(u,)` int64.
    """

    sequences: Sequences
    users: Rows


def hold_out(
    sequences: Sequences, *, rng: np.random.Generator, users: int = 2_000
) -> tuple[Sequences, HeldOut]:
    """The log without the last event of a sample of shoppers, and those events to validate on."""
    eligible = np.flatnonzero(sequences.stops - sequences.starts >= 2)
    size = min(users, -(-len(eligible) // 4))
    chosen = np.sort(rng.choice(eligible, size=size, replace=False))
    stops = sequences.stops.copy()
    stops[chosen] -= 1
    return replace(sequences, stops=stops), HeldOut(sequences, chosen)


@torch.inference_mode()
def ndcg(model: SequenceModel, held_out: HeldOut, *, length: int, k: int = 10) -> float:
    """NDCG@k of the held-back events among all items, an event counting as much as its kind.

    An item new to the shopper competes with those new to them, a repeated one with all; ties are lost.
    """
    table = model.table()
    log, gained, possible = held_out.sequences, 0.0, 0.0
    model.eval()
    for users in _chunks(held_out):
        last = log.stops[users] - 1
        lengths = np.minimum(last - log.starts[users], length)
        batch = batch_of(log, last - lengths, lengths)
        ends = torch.cumsum(batch.lengths, dim=0) - 1
        scores = model(batch)[ends] @ table.T
        ranks = _ranks(scores, batch.targets[ends], _seen(log, users))
        weights = batch.weights[ends]
        gained += float((weights / torch.log2(ranks + 2.0))[ranks < k].sum())
        possible += float(weights.sum())
    return gained / possible


def _chunks(held_out: HeldOut) -> Iterator[Rows]:
    """The shoppers in groups of about equally long histories."""
    lengths = (held_out.sequences.stops - held_out.sequences.starts)[held_out.users]
    by_length = held_out.users[np.argsort(lengths, kind="stable")]
    yield from np.array_split(by_length, -(-len(by_length) // USERS_AT_ONCE))


def _seen(log: Sequences, users: Rows) -> tuple[Tensor, Tensor]:
    """Row and item of everything that the shoppers had before their last event."""
    counts = log.stops[users] - 1 - log.starts[users]
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
    return (scores >= own).sum(dim=1) - 1
