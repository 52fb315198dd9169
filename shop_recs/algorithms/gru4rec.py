"""GRU4Rec: a recurrent network over a visitor's last interactions (Hidasi et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from shop_recs.algorithms.base import require_positive
from shop_recs.algorithms.sequence.objectives import NextEvent
from shop_recs.algorithms.sequence.recommender import SequenceRecommender
from shop_recs.algorithms.spaces import OneOf, Space


@dataclass(frozen=True, kw_only=True)
class GRU4Rec(SequenceRecommender):
    """Gated recurrent units, trained on whole histories at once.

    As its authors found best later (Hidasi & Czapp 2023), items go in and come out with the same vectors, and
    the loss is a softmax over many items.

    Attributes:
        layers: recurrent layers, one on top of the other.
        hidden: units of each.
    """

    space: ClassVar[Space] = {
        **SequenceRecommender.space,
        "layers": OneOf((1, 2)),
        "hidden": OneOf((64, 128, 256)),
    }

    layers: int = 1
    hidden: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("layers", self.layers, whole=True)
        require_positive("hidden", self.hidden, whole=True)

    def objective(self, *, length: int, dropout: float) -> NextEvent:
        """Recurrent layers."""
        return NextEvent(
            Recurrence(dimensions=self.dimensions, layers=self.layers, hidden=self.hidden, dropout=dropout),
            dimensions=self.dimensions,
        )


class Recurrence(nn.Module):
    """GRU layers; what they remember is added to the last event, so that they learn only the way from it."""

    def __init__(self, *, dimensions: int, layers: int, hidden: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.units = nn.GRU(dimensions, hidden, num_layers=layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.outward = nn.Linear(hidden, dimensions)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, L, d)` what is remembered after each event of `x` `(B, L, d)`."""
        remembered, _ = self.units(x)  # (B, L, hidden)
        out: Tensor = x + self.outward(self.dropout(remembered))
        return out
