"""What a sequence model is asked: in training about events of the log, in serving about the one to come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from shop_recs.algorithms.sequence.batches import Batch, Rows


class Objective(nn.Module, ABC):
    """A network between embedded events and states, from which an event is foreseen."""

    @abstractmethod
    def forward(self, x: Tensor, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        """What is to be learned from a batch.

        Args:
            x: `(B, L, d)` the batch's events, embedded.
            batch: the windows that they come from.
            following: `(T,)` the log's row that follows each of `batch.rows`.

        Returns:
            `(N, d)` states, and `(N,)` the row of the event that each should foresee, not having seen it.
        """

    @abstractmethod
    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`(B, d)` states from which validation and serving foresee the event after each history.

        Args:
            x: `(B, L, d)` embedded events, padded on the right.
            lengths: `(B,)` int64, events of each history.
        """


class NextEvent(Objective):
    """Every event of a window foresees what follows it.

    Args:
        network: `(B, L, d) -> (B, L, d)` in which no event sees a later one, so that padding on the right is
            never looked at.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        return self.network(x)[batch.valid], following

    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        return at(self.network(x), lengths - 1)


def at(states: Tensor, places: Tensor) -> Tensor:
    """`(B, d)` the state at one place `(B,)` of each row of `states` `(B, L, d)`."""
    return states.gather(1, places[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)


def cut_short(batch: Batch, following: Rows) -> tuple[Batch, Rows]:
    """The windows cut after a random event each, so that short histories are learned as well."""
    drawn = 1 + (torch.rand(len(batch.lengths), device=batch.lengths.device) * batch.lengths).long()
    shorter = replace(batch, lengths=drawn.minimum(batch.lengths))
    kept = shorter.valid[batch.valid].cpu().numpy()
    return replace(shorter, rows=batch.rows[kept]), following[kept]


def with_query(x: Tensor, lengths: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    """Histories with the vector `query` `(d,)` after the last event, as if one more had happened.

    Returns:
        `(B, L + 1, d)`, and `(B, L + 1)` bool where `query` stands.
    """
    end = torch.arange(x.shape[1] + 1, device=x.device) == lengths[:, None]
    longer = torch.cat([x, query.expand(x.shape[0], 1, -1)], dim=1)
    return torch.where(end[..., None], query, longer), end


def rows_with_query(batch: Batch, following: Rows) -> Rows:
    """`(B, L + 1)` the log's row at each place of `with_query`: at the end what follows the window."""
    valid, lengths = batch.valid.cpu().numpy(), batch.lengths.cpu().numpy()
    rows = np.zeros((len(valid), valid.shape[1] + 1), dtype=np.int64)
    rows[:, :-1][valid] = batch.rows
    rows[np.arange(len(rows)), lengths] = following[np.cumsum(lengths) - 1]
    return rows
