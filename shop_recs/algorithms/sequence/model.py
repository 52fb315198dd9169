"""What every sequence model shares around its network: item vectors, embedded events and the cosine head."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from shop_recs.algorithms.base import KINDS
from shop_recs.algorithms.sequence.batches import Batch, Rows
from shop_recs.algorithms.sequence.dropout import Dropout
from shop_recs.algorithms.sequence.features import Codes, ItemFeatures
from shop_recs.algorithms.sequence.objectives import Objective

GAP_EDGES = (-0.5, 2e-5, 3e-4, 1.5e-3, 6e-3, 0.025, 0.09, 0.3, 0.8, 2.3, 5.5, 11.0, 25.0, 60.0, 150.0, 400.0)
"""Days between buckets of the time since the event before, from about 2 s; below zero it is unknown."""

ITEM_STD = 0.01
"""An item's vector turns by its gradient over its length: short rows learn fast, and grow as they learn."""

CIRCUMSTANCE_STD = 0.1
"""Kinds and gaps are much the same from event to event: were they as long as items, they would drown them."""


class SequenceModel(nn.Module):
    """An objective between unit item vectors that go in and unit query vectors that come out."""

    gap_edges: Tensor

    def __init__(
        self,
        objective: Objective,
        *,
        n_items: int,
        dimensions: int,
        dropout: float,
        codes: Codes | None = None,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.n_items, self.dimensions = n_items, dimensions
        self.items = nn.Embedding(n_items, dimensions)
        nn.init.normal_(self.items.weight, std=ITEM_STD)
        self.features = None
        if codes is not None and codes.shape[1]:
            self.features = ItemFeatures(codes, dimensions=dimensions, std=ITEM_STD)
        self.kinds = nn.Embedding(KINDS, dimensions)
        self.gaps = nn.Embedding(len(GAP_EDGES) + 1, dimensions)
        for circumstances in (self.kinds, self.gaps):
            nn.init.normal_(circumstances.weight, std=CIRCUMSTANCE_STD)
        self.input_scale = nn.Parameter(torch.full((dimensions,), math.sqrt(dimensions)))
        self.norm = nn.LayerNorm(dimensions)
        self.dropout = Dropout(dropout)
        self.register_buffer("gap_edges", torch.tensor(GAP_EDGES), persistent=False)

    def table(self) -> Tensor:
        """`(n_items, d)` unit vectors of all items."""
        return self.vectors(torch.arange(self.n_items, device=self.items.weight.device))

    def vectors(self, items: Tensor) -> Tensor:
        """`(..., d)` unit vectors of the items, the same as input and as output (tied)."""
        vectors = self.items(items)
        if self.features is not None:
            vectors = self.features(vectors, items)
        return functional.normalize(vectors, dim=-1)

    def unseen(self, codes: Tensor) -> Tensor:
        """`(m, d)` unit vectors of items of which only the values of their features are known, `(m, f)`."""
        if self.features is None:
            return torch.zeros(len(codes), self.dimensions)
        return functional.normalize(self.features.told(codes), dim=-1)

    def forward(self, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        """What is to be learned from a batch.

        Args:
            batch: windows of the log.
            following: `(T,)` the log's row that follows each of `batch.rows`.

        Returns:
            `(N, d)` unit query vectors, and `(N,)` the row of the event that each should foresee.
        """
        states, rows = self.objective(self._events_of(batch), batch, following)
        return self._queries(states), rows

    def after(self, batch: Batch) -> Tensor:
        """`(B, d)` unit query vectors for what comes after each window."""
        return self._queries(self.objective.last(self._events_of(batch), batch.lengths))

    def query(self, vectors: Tensor, kinds: Tensor, gaps: Tensor) -> Tensor:
        """`(d,)` unit query vector for what comes after one history.

        Args:
            vectors: `(k, d)` unit item vectors.
            kinds: `(k,)` int64.
            gaps: `(k,)` days since the event before, negative where it is unknown.
        """
        length = torch.ones_like(kinds).sum()
        states = self.objective.last(self._events(vectors, kinds, gaps)[None], length[None])
        return self._queries(states)[0]

    def _events_of(self, batch: Batch) -> Tensor:
        return self._events(self.vectors(batch.items), batch.kinds, batch.gaps)

    def _events(self, vectors: Tensor, kinds: Tensor, gaps: Tensor) -> Tensor:
        """`(..., d)` events as the network sees them."""
        buckets = (gaps[..., None] > self.gap_edges).sum(dim=-1)
        x: Tensor = self.dropout(vectors * self.input_scale + self.kinds(kinds) + self.gaps(buckets))
        return x

    def _queries(self, states: Tensor) -> Tensor:
        return functional.normalize(self.norm(states), dim=-1)
