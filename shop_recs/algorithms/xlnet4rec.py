"""XLNet4Rec: self-attention trained on interactions in random order (Moreira et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from shop_recs.algorithms.sequence.batches import Batch, Rows
from shop_recs.algorithms.sequence.queried import QueriedPlaces, rows_with_query
from shop_recs.algorithms.sequence.recommender import SequenceRecommender
from shop_recs.algorithms.sequence.transformer import TransformerOptions


@dataclass(frozen=True, kw_only=True)
class XLNet4Rec(TransformerOptions, SequenceRecommender):
    """The two streams of XLNet (Yang et al. 2019) over the blocks and the softmax of `SASRec`."""

    max_epochs: int = 30

    def objective(self, *, length: int, dropout: float) -> Permutation:
        """Events in random order."""
        # One place more for the query that asks for what comes next.
        network = self.transformer(length=length + 1, dropout=dropout)
        return Permutation(network, dimensions=self.dimensions)


class Permutation(QueriedPlaces):
    """Foresees events in a random order, each from its place and the events that are earlier in the order.

    The events are one stream: each sees itself and those before it in the order. The queries are another: at
    each place one that sees the events before it in the order. A random part of the window is given: it comes
    first, and all of it sees each other. What follows the window comes last.
    """

    def forward(self, x: Tensor, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        length = x.shape[1]
        order = _random_order(batch.valid)
        queries, end = self.with_query(self.query.expand_as(x), batch.lengths)
        asked = functional.pad((order > 0) & batch.valid, (0, 1)) | end
        # A query that is not asked sees everything: attention to nothing has no gradient.
        asked_order = torch.where(asked & ~end, functional.pad(order, (0, 1)), torch.inf)
        places = torch.arange(length + 1, device=x.device)
        states = self.states(
            torch.cat([x, queries], dim=1),
            _visible(order, asked_order),
            positions=torch.cat([places[:-1], places]),
        )[:, length:]
        return states[asked], rows_with_query(batch, following)[asked.cpu().numpy()]


def _random_order(valid: Tensor) -> Tensor:
    """`(B, L)` when each event's turn is: 0 if it is given, else below 1; infinity in the padding."""
    turn = torch.rand(valid.shape, device=valid.device).masked_fill(~valid, torch.inf)
    until = torch.rand((len(valid), 1), device=valid.device)
    return turn.masked_fill(turn <= until.maximum(turn.amin(dim=1, keepdim=True)), 0.0)


def _visible(order: Tensor, asked_order: Tensor) -> Tensor:
    """`(B, 2L + 1, 2L + 1)` what events `(B, L)` and queries `(B, L + 1)` see; no query is seen."""
    events = order[:, None] <= order[:, :, None]
    queries = order[:, None] < asked_order[:, :, None]
    seen = torch.cat([events, queries], dim=1)  # (B, 2L + 1, L)
    return functional.pad(seen, (0, asked_order.shape[1]))
