"""Folds a visitor into a matrix factorisation by its closed form, with weights by kind and recency."""

from __future__ import annotations

import io
import zipfile
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import Encoder, History

Floats = npt.NDArray[np.float32]


class FoldInEncoder(Encoder):
    """The user vector that alternating least squares would give to this history.

    `x = (Y'Y + λI + Yu'(C - I)Yu)⁻¹ Yu'C 1` (Hu, Koren and Volinsky 2008), where an interaction's confidence is the
    weight of its kind, halved every `half_life_days` and multiplied by `step_decay` for every step back; interactions
    at the same time are one step. Ages count from the visitor's last interaction, so that who comes back after a
    year finds the list that he left.

    Args:
        gram: `(d, d)` Y'Y + λI over all item vectors, regularisation included.
        kind_weights: `(kinds,)` confidence of one interaction of each kind, now.
        half_life_days: infinite where age does not matter.
        step_decay: above 0, at most 1; 1 where order does not matter.
        history_length: how many of the last interactions count.
    """

    name: ClassVar[str] = "fold-in"

    def __init__(
        self,
        gram: Floats,
        kind_weights: Floats,
        *,
        half_life_days: float,
        step_decay: float,
        history_length: int,
    ) -> None:
        self.gram = np.asarray(gram, dtype=np.float32)
        self.kind_weights = np.asarray(kind_weights, dtype=np.float32)
        self.half_life_days = float(half_life_days)
        self.step_decay = float(step_decay)
        self.history_length = int(history_length)

    def __call__(self, history: History) -> Floats | None:
        weights = self.confidences(history.kinds, history.ages)
        vectors, confidences = _sum_by_item(history.vectors[weights > 0], weights[weights > 0])
        if not len(vectors):
            return None
        system = self.gram + (vectors.T * (confidences - 1)) @ vectors
        query: Floats = np.linalg.solve(system, confidences @ vectors)
        return query

    def confidences(self, kinds: npt.NDArray[np.int8], ages: Floats) -> Floats:
        """`(k,)` confidence of each interaction of a history, oldest first."""
        if not len(ages):
            return np.empty(0, dtype=np.float32)
        newer = np.count_nonzero(np.diff(ages)) - np.concatenate(([0], np.cumsum(np.diff(ages) != 0)))
        decay = 0.5 ** ((ages - ages[-1]) / self.half_life_days) * self.step_decay**newer
        return (self.kind_weights[kinds] * decay).astype(np.float32)

    def dumps(self) -> bytes:
        content = io.BytesIO()
        np.savez(
            content,
            gram=self.gram,
            kind_weights=self.kind_weights,
            decay=np.array([self.half_life_days, self.step_decay]),
            history_length=np.array(self.history_length),
        )
        return content.getvalue()

    @classmethod
    def loads(cls, content: bytes) -> Self:
        arrays = _read(content)
        half_life_days, step_decay = arrays["decay"]
        return cls(
            arrays["gram"],
            arrays["kind_weights"],
            half_life_days=half_life_days,
            step_decay=step_decay,
            history_length=arrays["history_length"],
        )


def _sum_by_item(vectors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The distinct vectors and the summed weights of each; the same item has the same vector."""
    places: dict[bytes, int] = {}
    place = [places.setdefault(vector.tobytes(), len(places)) for vector in vectors]
    distinct, first = np.unique(place, return_index=True)
    return vectors[first], np.bincount(place, weights=weights).astype(np.float32)


def _read(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a fold-in encoder's bytes."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("gram", "kind_weights", "decay", "history_length")}
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"not the content of a fold-in encoder: {error}") from error
