"""The options that all sequence models share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shop_recs.algorithms.base import TrainingData, require_positive
from shop_recs.algorithms.sequence.device import DEVICES, PRECISIONS
from shop_recs.algorithms.spaces import Between, OneOf, Space

LOSSES = ("auto", "softmax", "sampled", "gbce")
FULL_SOFTMAX_ITEMS = 20_000
"""Up to so many items the softmax over all is affordable, and better than a sample."""
SHORT_HISTORY, LONG_HISTORY = 50, 200
LARGEST_SCALE = 40.0
"""Beyond it the exponential of the least likely item is too small for float32."""


@dataclass(frozen=True, kw_only=True)
class SequenceOptions:
    """Defaults that hold for small and large, sparse and dense logs.

    Attributes:
        dimensions: length of an item vector.
        history_length: events looked at; None: 50, or 200 where half of the shoppers have more than 50.
        dropout: None: from .5 where an item has few interactions to .2 where it has hundreds.
        batch_tokens: events per step.
        max_epochs: passes over the log at most; early stopping usually ends sooner.
        max_minutes: stop after the epoch that passes it; such a fit is not reproducible.
        patience: epochs without a better NDCG@10 on the held-back events before stopping.
        loss: `softmax` over all items, `sampled` over some with a correction for popularity, `gbce` over a
            uniform sample; `auto`: `softmax` up to `FULL_SOFTMAX_ITEMS` items, `sampled` beyond.
        negatives: sampled items that each batch shares.
        other_kinds: how much an event counts as a target, besides its weight, that is not of the log's last
            kind: what is to be foreseen is the purchase, and views and carts are seen as events before it.
        scale: factor of the cosine inside the softmax.
        learning_rate: its peak, after the warm-up.
        precision: `float32`, `bfloat16` for large products, or `auto`: what this machine is faster in.
        device: `cpu`, `cuda`, or `auto`: a GPU where there is one.
    """

    space: ClassVar[Space] = {
        "dimensions": OneOf((32, 64, 96, 128)),
        "dropout": OneOf((None, 0.1, 0.2, 0.3, 0.4, 0.5)),
        "history_length": OneOf((None, 20, 50, 100, 200)),
        "learning_rate": Between(1e-3, 2e-2, log=True),
        "scale": Between(8.0, 24.0),
    }

    dimensions: int = 128
    history_length: int | None = None
    dropout: float | None = None
    batch_tokens: int = 2048
    max_epochs: int = 12
    max_minutes: float | None = None
    patience: int = 6
    negatives: int = 2048
    scale: float = 14.0
    learning_rate: float = 6e-3
    loss: str = "auto"
    other_kinds: float = 0.1
    precision: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("dimensions", "batch_tokens", "max_epochs", "patience", "negatives"):
            require_positive(name, getattr(self, name), whole=True)
        for name in ("scale", "learning_rate"):
            require_positive(name, getattr(self, name))
        if self.history_length is not None:
            require_positive("history_length", self.history_length, whole=True)
        if self.max_minutes is not None:
            require_positive("max_minutes", self.max_minutes)
        if self.scale > LARGEST_SCALE:
            raise ValueError(f"scale must be at most {LARGEST_SCALE}, not {self.scale!r}; try 14")
        if self.dropout is not None and not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, or None, not {self.dropout!r}")

        if not 0.0 <= self.other_kinds <= 1.0:
            raise ValueError(f"other_kinds must be between 0 and 1, not {self.other_kinds!r}")
        for name, known in (("loss", LOSSES), ("precision", PRECISIONS), ("device", DEVICES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")

    def loss_for(self, n_items: int) -> str:
        """The loss, chosen by the size of the catalogue where the option leaves it open."""
        if self.loss == "auto":
            return "softmax" if n_items <= FULL_SOFTMAX_ITEMS else "sampled"
        return self.loss

    def length_for(self, data: TrainingData) -> int:
        """The history length, chosen by the data where the option leaves it open."""
        if self.history_length is not None:
            return self.history_length
        counts = np.diff(data.offsets)
        return LONG_HISTORY if np.median(counts[counts > 1]) > SHORT_HISTORY else SHORT_HISTORY

    def dropout_for(self, data: TrainingData) -> float:
        """The dropout, chosen by the data where the option leaves it open."""
        if self.dropout is not None:
            return self.dropout
        per_item = len(data) / len(np.unique(data.items))
        return float(np.interp(np.log10(per_item), [1.0, 2.5], [0.5, 0.2]))
