"""SASRec: self-attention over a visitor's last interactions (Kang & McAuley 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from shop_recs.algorithms.sequence.objectives import NextEvent
from shop_recs.algorithms.sequence.recommender import SequenceRecommender
from shop_recs.algorithms.sequence.transformer import TransformerOptions


@dataclass(frozen=True, kw_only=True)
class SASRec(TransformerOptions, SequenceRecommender):
    """Causal self-attention with today's practice: gated blocks and a softmax over many items.

    Klenitskiy & Vasilev (2023) and Petrov & Macdonald (gSASRec, 2023) found that the loss matters most, the
    eSASRec study (2025) what gated blocks add.
    """

    def objective(self, *, length: int, dropout: float) -> NextEvent:
        """Blocks of causal self-attention."""
        network = self.transformer(length=length, dropout=dropout)
        return NextEvent(network, dimensions=self.dimensions)
