"""Folds a visitor into a matrix factorisation by its closed form, with weights by kind and recency."""

from __future__ import annotations

import io
import zipfile
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import AdditiveEncoder, History
from shop_recs.algorithms.encoders.weights import recency_weights

Floats = npt.NDArray[np.float32]


class FoldInEncoder(AdditiveEncoder):
    """The user vector that alternating least squares would give to this history.

    `x = (Y'Y + λI + Yu'(C - I)Yu)⁻¹ Yu'C 1` (Hu, Koren and Volinsky 2008). An interaction weighs what its
    kind weighs, halved every `half_life_days` and multiplied by `step_decay` for every step back; those at
    the same time are one step. Ages count from the visitor's last interaction, so that who comes back after
    a year finds the list they left. Confidences are `alpha` times the weights over the square root of
    their sum.

    Args:
        gram: `(d, d)` Y'Y + λI over all item vectors, regularisation included.
        kind_weights: `(kinds,)` weight of one interaction of each kind.
        alpha: confidence of a history that is one interaction of weight 1.
        half_life_days: days in which a weight halves.
        step_decay: above 0, at most 1; 1 where order does not matter.
        history_length: how many of the last interactions count.
    """

    name: ClassVar[str] = "fold-in"

    def __init__(
        self,
        gram: Floats,
        kind_weights: Floats,
        *,
        alpha: float,
        half_life_days: float,
        step_decay: float,
        history_length: int,
    ) -> None:
        self.gram = gram
        self._inverse = np.linalg.inv(gram.astype(np.float64)).astype(np.float32)
        self.kind_weights = kind_weights
        self.alpha = alpha
        self.half_life_days = half_life_days
        self.step_decay = step_decay
        self.history_length = history_length

    def __call__(self, history: History) -> Floats | None:
        history = history.last(self.history_length)
        weights = self.weights(history)
        vectors, weights = _sum_by_item(history.vectors[weights > 0], weights[weights > 0])
        if not len(vectors):
            return None
        confidences = self.alpha * weights / np.sqrt(weights.sum())
        if len(vectors) < len(self.gram):
            # The same answer from a system as large as the history (push-through identity):
            # (A + V'DV)⁻¹V' = A⁻¹V'(I + DVA⁻¹V')⁻¹
            seen = vectors @ self._inverse
            system = np.eye(len(vectors)) + (confidences - 1)[:, None] * (seen @ vectors.T)
            query = np.linalg.solve(system, confidences) @ seen
        else:
            system = self.gram + (vectors.T * (confidences - 1)) @ vectors
            query = np.linalg.solve(system, confidences @ vectors)
        return np.asarray(query, dtype=np.float32)

    def parts(self, history: History) -> Floats:
        """What each interaction adds to the query vector, exactly (section 5 of the paper).

        For an interaction e with item i it is `(Y'Y + λI + Yu'(C - I)Yu)⁻¹ c_e y_i`; those with the same
        item share its confidence by their weights.
        """
        weights = self.weights(history)
        parts = np.zeros_like(history.vectors)
        counting = weights > 0
        if not counting.any():
            return parts
        vectors = history.vectors[counting].astype(np.float64)
        confidences = self.alpha * weights[counting] / np.sqrt(weights.sum())
        seen = np.unique(vectors, axis=0)
        system = self.gram + (vectors.T * confidences) @ vectors - seen.T @ seen
        parts[counting] = np.linalg.solve(system, vectors.T * confidences).T
        return parts

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
            gram=self.gram,
            kind_weights=self.kind_weights,
            recency=np.array([self.alpha, self.half_life_days, self.step_decay]),
            history_length=np.array(self.history_length),
        )
        return content.getvalue()

    @classmethod
    def loads(cls, content: bytes) -> Self:
        arrays = _read(content)
        alpha, half_life_days, step_decay = arrays["recency"].tolist()
        return cls(
            arrays["gram"],
            arrays["kind_weights"],
            alpha=alpha,
            half_life_days=half_life_days,
            step_decay=step_decay,
            history_length=int(arrays["history_length"]),
        )


def _sum_by_item(vectors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The distinct vectors and the summed weight of each; an item is known by its vector."""
    places: dict[bytes, int] = {}
    place = [places.setdefault(vector.tobytes(), len(places)) for vector in vectors]
    _, first = np.unique(place, return_index=True)
    return vectors[first], np.bincount(place, weights=weights).astype(np.float32)


def _read(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a fold-in encoder's bytes."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("gram", "kind_weights", "recency", "history_length")}
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"not the content of a fold-in encoder: {error}") from error
