"""Weighs each interaction of a history by its kind and its age."""

from __future__ import annotations

import json
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import Encoder, History


class RecencyEncoder(Encoder):
    """The weight of each interaction: that of its kind, halved every `half_life_days`.

    Ages count from the visitor's last interaction, so that who comes back after a year finds the list they
    left.

    Args:
        kind_weights: `(kinds,)` weight of one interaction of each kind.
        half_life_days: days in which a weight halves.
        history_length: how many of the last interactions count.
    """

    name: ClassVar[str] = "recency"

    def __init__(
        self, kind_weights: npt.NDArray[np.float32], *, half_life_days: float, history_length: int
    ) -> None:
        self.kind_weights = kind_weights
        self.half_life_days = half_life_days
        self.history_length = history_length

    def __call__(self, history: History) -> npt.NDArray[np.float32] | None:
        """`(k,)` weights of the last `history_length` interactions, or None where there are none."""
        if not len(history):
            return None
        ages = history.ages[-self.history_length :]
        decay = 0.5 ** ((ages - ages[-1]) / self.half_life_days)
        return np.asarray(self.kind_weights[history.kinds[-self.history_length :]] * decay, dtype=np.float32)

    def dumps(self) -> bytes:
        options = {
            "kind_weights": self.kind_weights.tolist(),
            "half_life_days": self.half_life_days,
            "history_length": self.history_length,
        }
        return json.dumps(options).encode()

    @classmethod
    def loads(cls, content: bytes) -> Self:
        try:
            options = json.loads(content)
            weights = np.array(options.pop("kind_weights"), dtype=np.float32)
            return cls(weights, **options)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the content of a recency encoder: {error}") from error
