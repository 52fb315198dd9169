"""SASRec: self-attention over a visitor's last interactions (Kang & McAuley 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from shop_recs.algorithms.base import require_positive
from shop_recs.algorithms.sequence.objectives import NextEvent
from shop_recs.algorithms.sequence.recommender import SequenceRecommender
from shop_recs.algorithms.sequence.transformer import Transformer


@dataclass(frozen=True, kw_only=True)
class SASRec(SequenceRecommender):
    """Causal self-attention with today's practice: gated blocks and a softmax over many items.

    Klenitskiy & Vasilev (2023) and Petrov & Macdonald (gSASRec, 2023) found that the loss matters most, the
    eSASRec study (2025) what gated blocks add.

    Attributes:
        blocks: layers of self-attention.
        heads: attention heads of each; must divide half of `dimensions`.
    """

    blocks: int = 1
    heads: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("blocks", self.blocks, whole=True)
        require_positive("heads", self.heads, whole=True)
        if self.dimensions % (2 * self.heads):
            raise ValueError(
                f"heads must divide half of the dimensions ({self.dimensions}), not be {self.heads}"
            )

    def objective(self, *, length: int, dropout: float) -> NextEvent:
        """Blocks of causal self-attention."""
        return NextEvent(
            Transformer(
                dimensions=self.dimensions,
                blocks=self.blocks,
                heads=self.heads,
                length=length,
                dropout=dropout,
            )
        )
