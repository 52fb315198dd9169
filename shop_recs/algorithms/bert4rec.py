"""BERT4Rec: self-attention to both sides, which fills in masked interactions (Sun et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from shop_recs.algorithms.base import require_positive
from shop_recs.algorithms.sequence.batches import Batch, Rows
from shop_recs.algorithms.sequence.queried import QueriedPlaces, rows_with_query
from shop_recs.algorithms.sequence.recommender import SequenceRecommender
from shop_recs.algorithms.sequence.transformer import Transformer, TransformerOptions
from shop_recs.algorithms.spaces import Between, Space


@dataclass(frozen=True, kw_only=True)
class BERT4Rec(TransformerOptions, SequenceRecommender):
    """Bidirectional self-attention with the blocks and the softmax of `SASRec`.

    Attributes:
        masked: part of the events of a window that are masked, beside the one after it.
    """

    space: ClassVar[Space] = {**TransformerOptions.space, "masked": Between(0.1, 0.7)}

    max_epochs: int = 30
    masked: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("masked", self.masked)
        if self.masked >= 1.0:
            raise ValueError(f"masked must be below 1, not {self.masked!r}; try 0.3")

    def objective(self, *, length: int, dropout: float) -> MaskedEvents:
        """Masked events."""
        # One place more for the mask that asks for what comes next.
        network = self.transformer(length=length + 1, dropout=dropout)
        return MaskedEvents(network, dimensions=self.dimensions, masked=self.masked)


class MaskedEvents(QueriedPlaces):
    """Foresees masked events from those around them; the one after the history is always masked."""

    def __init__(self, network: Transformer, *, dimensions: int, masked: float) -> None:
        super().__init__(network, dimensions=dimensions)
        self.masked = masked

    def forward(self, x: Tensor, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        hidden = batch.valid & (torch.rand(x.shape[:2], device=x.device) < self.masked)
        # Of every window something is given: one that would be masked whole is left whole.
        hidden &= (batch.valid & ~hidden).any(dim=1, keepdim=True)
        x, end = self.with_query(torch.where(hidden[..., None], self.query, x), batch.lengths)
        given = functional.pad(batch.valid & ~hidden, (0, 1))
        asked = functional.pad(hidden, (0, 1)) | end
        states = self.states(x, given[:, None])
        return states[asked], rows_with_query(batch, following)[asked.cpu().numpy()]
