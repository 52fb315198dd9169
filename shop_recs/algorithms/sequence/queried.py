"""What bidirectional models share: a query in the place of an event that is to be foreseen."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from shop_recs.algorithms.sequence.batches import Batch, Rows
from shop_recs.algorithms.sequence.objectives import Objective, at
from shop_recs.algorithms.sequence.transformer import Transformer

QUERY_STD = 0.02
"""Small, so that what a query says at first is what it sees."""


class QueriedPlaces(Objective):
    """Attention to both sides, and a learned vector that asks what belongs where it stands.

    Events are looked at, queries are not: they could only tell that something is asked. As in `NextEvent` the
    sum of what is seen counts too, without which such models need several times the epochs.
    """

    cuts_windows: ClassVar[bool] = True

    def __init__(self, network: Transformer, *, dimensions: int) -> None:
        super().__init__()
        self.network = network
        self.query = nn.Parameter(QUERY_STD * torch.randn(dimensions))
        self.of_network = nn.Parameter(torch.ones(dimensions))
        self.of_sum = nn.Parameter(torch.ones(dimensions))

    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        x, _ = self.with_query(x, lengths)
        given = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        return at(self.states(x, given[:, None]), lengths)

    def states(self, x: Tensor, visible: Tensor, *, positions: Tensor | None = None) -> Tensor:
        """`(B, L, d)` what each place of `x` is thought to be.

        Args:
            x: events and queries.
            visible: bool, broadcast to `(B, L, L)`, what the place of a row sees; at least one event.
            positions: `(L,)` int64, where each place stands; None: one after the other.
        """
        seen = visible.to(x.dtype)
        total = seen @ x / seen.sum(dim=2, keepdim=True).sqrt()
        states: Tensor = self.network(x, visible=visible[:, None], positions=positions)
        return states * self.of_network + total * self.of_sum

    def with_query(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Histories with the query after the last event, as if one more had happened.

        Returns:
            `(B, L + 1, d)`, and `(B, L + 1)` bool where the query stands.
        """
        end = torch.arange(x.shape[1] + 1, device=x.device) == lengths[:, None]
        longer = torch.cat([x, self.query.expand(x.shape[0], 1, -1)], dim=1)
        return torch.where(end[..., None], self.query, longer), end


def rows_with_query(batch: Batch, following: Rows) -> Rows:
    """`(B, L + 1)` the log's row at each place of `with_query`: at the end what follows the window."""
    valid, lengths = batch.valid.cpu().numpy(), batch.lengths.cpu().numpy()
    rows = np.zeros((len(valid), valid.shape[1] + 1), dtype=np.int64)
    rows[:, :-1][valid] = batch.rows
    rows[np.arange(len(rows)), lengths] = following[np.cumsum(lengths) - 1]
    return rows
