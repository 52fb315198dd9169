"""Weighs a visitor's history by kind and recency: for neighbours of products, and for sums of vectors."""

from __future__ import annotations

import io
import zipfile
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import AdditiveEncoder, Encoder, History

Floats = npt.NDArray[np.float32]


def recency_weights(
    history: History, kind_weights: Floats, *, half_life_days: float, step_decay: float
) -> Floats:
    """`(k,)` weight of each interaction by its kind and by how long and how many steps ago it was.

    Ages count from the visitor's last interaction, so that who comes back after a year finds the list they
    left. Interactions at the same time are one step, as the lines of an order are.
    """
    if not len(history):
        return np.empty(0, dtype=np.float32)
    ages = history.ages - history.ages[-1]
    steps = np.concatenate(([0], np.cumsum(np.diff(ages) != 0)))
    decay = 0.5 ** (ages / half_life_days) * step_decay ** (steps[-1] - steps)
    return np.asarray(kind_weights[history.kinds] * decay, dtype=np.float32)


class WeightsEncoder(Encoder):
    """The weights themselves, which `FittedNeighbours` multiplies pair scores by.

    An interaction weighs what its kind weighs, halved every `half_life_days` and multiplied by `step_decay`
    for every step back.

    Args:
        kind_weights: `(kinds,)` weight of one interaction of each kind.
        half_life_days: days in which a weight halves.
        step_decay: above 0, at most 1; 1 where order does not matter.
        history_length: how many of the last interactions count.
    """

    name: ClassVar[str] = "weights"

    def __init__(
        self, kind_weights: Floats, *, half_life_days: float, step_decay: float, history_length: int
    ) -> None:
        self.kind_weights = np.asarray(kind_weights, dtype=np.float32)
        self.half_life_days = half_life_days
        self.step_decay = step_decay
        self.history_length = history_length

    def __call__(self, history: History) -> Floats | None:
        weights = self.weights(history)[-self.history_length :]
        return weights if weights.any() else None

    def weights(self, history: History) -> Floats:
        weights = recency_weights(
            history, self.kind_weights, half_life_days=self.half_life_days, step_decay=self.step_decay
        )
        weights[: -self.history_length] = 0
        return weights

    def dumps(self) -> bytes:
        content = io.BytesIO()
        np.savez(
            content,
            kind_weights=self.kind_weights,
            recency=np.array([self.half_life_days, self.step_decay]),
            history_length=np.array(self.history_length),
        )
        return content.getvalue()

    @classmethod
    def loads(cls, content: bytes) -> Self:
        arrays = _read(content)
        half_life_days, step_decay = arrays["recency"].tolist()
        return cls(
            arrays["kind_weights"],
            half_life_days=half_life_days,
            step_decay=step_decay,
            history_length=int(arrays["history_length"]),
        )


class WeightedSumEncoder(WeightsEncoder, AdditiveEncoder):
    """The sum of the items' vectors by the same weights, `(d,)`."""

    name: ClassVar[str] = "weighted-sum"

    def __call__(self, history: History) -> Floats | None:
        weights = super().__call__(history)
        if weights is None:
            return None
        return np.asarray(weights @ history.vectors[-len(weights) :], dtype=np.float32)

    def parts(self, history: History) -> Floats:
        return np.asarray(self.weights(history)[:, None] * history.vectors, dtype=np.float32)


def _read(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the bytes of an encoder by weights."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("kind_weights", "recency", "history_length")}
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"not the content of an encoder by weights: {error}") from error
