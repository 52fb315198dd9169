"""Self-attention over a history, with rotary positions and LiGR's gated blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from shop_recs.algorithms.base import require_positive
from shop_recs.algorithms.sequence.dropout import Dropout
from shop_recs.algorithms.sequence.options import SequenceOptions
from shop_recs.algorithms.spaces import OneOf, Space

ROTARY_BASE = 10_000.0


@dataclass(frozen=True, kw_only=True)
class TransformerOptions(SequenceOptions):
    """The options of all models that are transformers.

    Attributes:
        blocks: layers of self-attention.
        heads: attention heads of each; must divide half of `dimensions`.
    """

    space: ClassVar[Space] = {**SequenceOptions.space, "blocks": OneOf((1, 2, 3))}

    blocks: int = 2
    heads: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("blocks", self.blocks, whole=True)
        require_positive("heads", self.heads, whole=True)
        if self.dimensions % (2 * self.heads):
            raise ValueError(
                f"heads must divide half of the dimensions ({self.dimensions}), not be {self.heads}"
            )

    def transformer(self, *, length: int, dropout: float) -> Transformer:
        """A new network for at most `length` places."""
        return Transformer(
            dimensions=self.dimensions, blocks=self.blocks, heads=self.heads, length=length, dropout=dropout
        )


class Transformer(nn.Module):
    """Pre-norm blocks of self-attention, causal unless told otherwise; gates of Borisyuk et al. (2025)."""

    def __init__(self, *, dimensions: int, blocks: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(dimensions=dimensions, heads=heads, length=length, dropout=dropout) for _ in range(blocks)
        )

    def forward(self, x: Tensor, *, visible: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        """`(B, L, d)` what is known at each place of `x` `(B, L, d)`.

        Args:
            x: embedded events.
            visible: bool, broadcast to `(B, 1, L, L)`, whether the place of a row looks at that of a column;
                None: at itself and at what comes before.
            positions: `(L,)` int64, where each place stands; None: one after the other.
        """
        for block in self.blocks:
            x = block(x, visible, positions)
        return x


class Block(nn.Module):
    """Attention and SwiGLU, each added to the stream through a sigmoid gate."""

    def __init__(self, *, dimensions: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(dimensions=dimensions, heads=heads, length=length)
        self.feed_forward = FeedForward(dimensions=dimensions)
        self.attention_norm = nn.LayerNorm(dimensions)
        self.feed_forward_norm = nn.LayerNorm(dimensions)
        self.attention_gate = nn.Linear(dimensions, dimensions)
        self.feed_forward_gate = nn.Linear(dimensions, dimensions)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor | None, positions: Tensor | None) -> Tensor:
        gate = torch.sigmoid(self.attention_gate(x))
        x = x + gate * self.dropout(self.attention(self.attention_norm(x), visible, positions))
        gate = torch.sigmoid(self.feed_forward_gate(x))
        out: Tensor = x + gate * self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return out


class Attention(nn.Module):
    """Multi-head self-attention.

    Positions are rotations of queries and keys (RoFormer, Su et al. 2021), so that only distances count: what
    long histories teach holds for a visitor with two events, who has no such place in a table of positions.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, *, dimensions: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(dimensions, 3 * dimensions)
        self.outward = nn.Linear(dimensions, dimensions)
        half = dimensions // heads // 2
        frequencies = ROTARY_BASE ** -(torch.arange(half) / half)
        angles = torch.arange(length)[:, None] * frequencies  # (length, d / H / 2)
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, x: Tensor, visible: Tensor | None, positions: Tensor | None) -> Tensor:
        batch, length, dimensions = x.shape
        split = (batch, length, self.heads, dimensions // self.heads)
        query, key, value = (part.reshape(split).transpose(1, 2) for part in self.inward(x).chunk(3, dim=-1))
        places = slice(length) if positions is None else positions
        query, key = self._rotated(query, places), self._rotated(key, places)
        # Processors have no fast attention in bfloat16.
        with torch.autocast("cpu", enabled=False):
            # Padding stands on the right, where a causal mask never looks: it needs no mask tensor.
            mixed = functional.scaled_dot_product_attention(
                query, key, value.to(query.dtype), attn_mask=visible, is_causal=visible is None
            )  # (B, H, L, d / H)
        out: Tensor = self.outward(mixed.transpose(1, 2).reshape(batch, length, dimensions))
        return out

    def _rotated(self, x: Tensor, places: slice | Tensor) -> Tensor:
        cosines, sines = self.cosines[places], self.sines[places]
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, *, dimensions: int) -> None:
        super().__init__()
        self.inward = nn.Linear(dimensions, 8 * dimensions)
        self.outward = nn.Linear(4 * dimensions, dimensions)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.inward(x).chunk(2, dim=-1)
        out: Tensor = self.outward(functional.silu(gate) * value)
        return out
