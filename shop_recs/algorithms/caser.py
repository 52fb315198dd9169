"""Caser: convolutions over a visitor's last few interactions as if they were a picture (Tang & Wang 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from shop_recs.algorithms.base import require_positive
from shop_recs.algorithms.sequence.objectives import NextEvent
from shop_recs.algorithms.sequence.recommender import SequenceRecommender
from shop_recs.algorithms.spaces import OneOf, Space


@dataclass(frozen=True, kw_only=True)
class Caser(SequenceRecommender):
    """Horizontal and vertical filters over the last events, without the paper's vector per shopper.

    Attributes:
        window: events that the filters look at.
        horizontal: filters of each height from 1 to `window`, as wide as a vector: they find runs of items.
        vertical: filters over each coordinate of the vectors: weighted sums of the last items.
    """

    space: ClassVar[Space] = {**SequenceRecommender.space, "window": OneOf((3, 5, 10, 20))}

    window: int = 5
    horizontal: int = 16
    vertical: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("window", "horizontal", "vertical"):
            require_positive(name, getattr(self, name), whole=True)

    def objective(self, *, length: int, dropout: float) -> NextEvent:
        """Filters of both directions."""
        return NextEvent(
            Filters(
                dimensions=self.dimensions,
                window=self.window,
                horizontal=self.horizontal,
                vertical=self.vertical,
                dropout=dropout,
            ),
            dimensions=self.dimensions,
        )


class Filters(nn.Module):
    """Horizontal filters, the strongest answer of each, and vertical ones, added to the last event."""

    def __init__(
        self, *, dimensions: int, window: int, horizontal: int, vertical: int, dropout: float
    ) -> None:
        super().__init__()
        self.window = window
        self.horizontal = nn.ModuleList(
            nn.Conv1d(dimensions, horizontal, height) for height in range(1, window + 1)
        )
        self.vertical = nn.Conv2d(1, vertical, (window, 1))
        self.dropout = nn.Dropout(dropout)
        self.outward = nn.Linear(window * horizontal + vertical * dimensions, dimensions)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, L, d)` what the filters find in the window that ends with each event of `x` `(B, L, d)`."""
        nothing = x.new_zeros(x.shape[0], self.window - 1, x.shape[2])
        before = torch.cat([nothing, x], dim=1)  # (B, L + window - 1, d)
        found = [self._most(filters, before.transpose(1, 2)) for filters in self.horizontal]
        sums = self.vertical(before[:, None]).transpose(1, 2).flatten(2)  # (B, L, vertical * d)
        out: Tensor = x + self.outward(self.dropout(torch.cat([*found, sums], dim=2)))
        return out

    def _most(self, filters: nn.Module, columns: Tensor) -> Tensor:
        """`(B, L, horizontal)` the strongest answer of each filter anywhere in a window."""
        answers = functional.relu(filters(columns))
        places = answers.shape[2] - columns.shape[2] + self.window
        return functional.max_pool1d(answers, kernel_size=places, stride=1).transpose(1, 2)
