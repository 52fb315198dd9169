"""The part of an item's vector that its features tell: all there is of an item nobody has seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from shop_recs.algorithms.base import TrainingData

IDENTITY_DROPOUT = 0.1
"""How often features must do without an item's identity in training, so that they can for a new item."""

Codes = npt.NDArray[np.int64]


class ItemFeatures(nn.Module):
    """A vector for every value of every feature; an item's values are added to its identity.

    Args:
        codes: `(n_items, f)` the items' values as `codes_of` numbers them.
        dimensions: length of a vector.
        std: of the vectors at first.
    """

    codes: Tensor

    def __init__(self, codes: Codes, *, dimensions: int, std: float) -> None:
        super().__init__()
        self.register_buffer("codes", torch.from_numpy(codes))
        self.values = nn.Embedding(int(codes.max(initial=0)) + 1, dimensions, padding_idx=0)
        nn.init.normal_(self.values.weight[1:], std=std)

    def forward(self, identities: Tensor, items: Tensor) -> Tensor:
        """`(..., d)` identity and values of each of `items` `(...)`; in training some lack the identity."""
        codes = self.codes[items]
        if self.training:
            kept = torch.rand(items.shape, device=items.device) >= IDENTITY_DROPOUT
            identities = identities * (kept | ~codes.any(dim=-1))[..., None]
        return identities + self.told(codes)

    def told(self, codes: Tensor) -> Tensor:
        """`(..., d)` what `codes` `(..., f)` say, zero where they say nothing."""
        told: Tensor = self.values(codes).sum(dim=-2)
        return told


def codes_of(data: TrainingData) -> Codes:
    """`(n_items, f)` the value of each item's features, numbered across features from 1.

    0 stands for none, and for a value that no item of the log has, of which nothing can be learned.
    """
    seen = np.unique(data.items)
    columns = [np.zeros((data.n_items, 0), dtype=np.int64)]
    first = 1
    for feature in data.features:
        taught = np.zeros(feature.size + 1, dtype=np.int64)
        taught[feature.codes[seen]] = 1
        taught[-1] = 0
        columns.append((taught[feature.codes] * (first + feature.codes))[:, None])
        first += feature.size
    return np.hstack(columns)
