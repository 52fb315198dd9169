"""A linear model of items in closed form, for catalogues whose square fits memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix, vstack

from shop_recs.algorithms.base import (
    Earlier,
    FittedNeighbours,
    Floats,
    Integers,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    require_share,
    silent,
)
from shop_recs.algorithms.neighbours import (
    best_of_rows,
    encoder_of,
    fitted_neighbours,
    last_of_each,
    presence_of,
    require_pairs,
    trend_of,
)
from shop_recs.algorithms.spaces import Between, OneOf, Space
from shop_recs.algorithms.trials import UNTRIED_STEP_DECAY, by_step_decay, chosen_step_decay

ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class EASE(Recommender):
    """Embarrassingly shallow autoencoders (Steck 2019): a ridge regression of every item on all others.

    With `X` (shoppers, items) 1 where a shopper had an item, each row over the square root of how many, and
    `P = (X'X + λI)⁻¹`, the score of the pair of items `i` and `j` is `-P[i, j] / P[j, j]` times the trend
    of `j`; of each item the greatest positive ones are its neighbours. `λ` is `regularization` times the mean
    of the diagonal of `X'X`. `P` is dense: time grows with the cube of the catalogue, and a catalogue whose
    square exceeds `gigabytes` is refused.

    Attributes:
        regularization: pulls the model towards zero, in the mean weight of an item.
        neighbours: kept of every item.
        gigabytes: the catalogue's square may take, 4 bytes each.
        trend: power of an item's recent demand that its scores are multiplied by; 0 ignores it.
        step_decay: factor on the weight of a visitor's interaction for every step back; chosen where None.
        history_length: how many of a visitor's last interactions count.
        longest: how many of a shopper's last interactions are learnt from.
    """

    space: ClassVar[Space] = {
        "regularization": Between(0.1, 30.0, log=True),
        "neighbours": Between(50, 400, log=True),
        "trend": Between(0.0, 1.5),
        "step_decay": OneOf((None, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)),
    }

    regularization: float = 5.0
    neighbours: int = 200
    trend: float = 0.5
    gigabytes: float = 1.0
    step_decay: float | None = None
    history_length: int = 100
    longest: int = 300

    def __post_init__(self) -> None:
        for name in ("neighbours", "history_length", "longest"):
            require_positive(name, getattr(self, name), whole=True)
        for name in ("regularization", "gigabytes"):
            require_positive(name, getattr(self, name))
        if self.trend:
            require_positive("trend", self.trend)
        if self.step_decay is not None:
            require_share("step_decay", self.step_decay)

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedNeighbours:
        """Solve; needs as much memory as two squares of the catalogue.

        Raises:
            NotEnoughData: nothing to learn from.
            ValueError: the catalogue is too large for `gigabytes`.
        """
        data = data.select(data.weights > 0)
        require_pairs(data)
        self._require_memory(len(np.unique(data.items)))
        step_decay = self.step_decay or chosen_step_decay(
            data,
            lambda sample: by_step_decay(self._fitted(sample, UNTRIED_STEP_DECAY)),
            seed=seed,
            progress=progress,
            resume=resume,
        )
        return self._fitted(data, step_decay, progress=progress)

    def _require_memory(self, n_items: int) -> None:
        needed = 4 * n_items**2 / 1e9
        if needed > self.gigabytes:
            raise ValueError(
                f"ease needs {needed:.1f} GB for the square of {n_items} products and gigabytes allows"
                f" {self.gigabytes}; set it higher where the memory is there, or train item_knn"
            )

    def _fitted(
        self, data: TrainingData, step_decay: float, *, progress: Progress = silent
    ) -> FittedNeighbours:
        presence = presence_of(last_of_each(data, self.longest))
        return fitted_neighbours(
            self._pairs(presence, trend_of(data) ** self.trend, progress=progress),
            data,
            presence,
            encoder_of(data, step_decay=step_decay, history_length=self.history_length),
            step_decay=step_decay,
        )

    def _pairs(
        self, presence: csr_matrix, appeal: npt.NDArray[np.float64], *, progress: Progress
    ) -> csr_matrix:
        """`(n_items, n_items)` the best pairs."""
        sizes = np.maximum(np.diff(presence.indptr), 1)
        shared = csr_matrix(presence, copy=True)
        shared.data /= np.sqrt(np.repeat(sizes, np.diff(presence.indptr))).astype(np.float32)
        items = np.unique(shared.indices)
        shared = shared[:, items]
        gram = np.zeros((len(items), len(items)), dtype=np.float32, order="F")
        by_item = csr_matrix(shared.T)
        for first in range(0, len(items), ROWS_AT_ONCE):
            gram[first : first + ROWS_AT_ONCE] = (by_item[first : first + ROWS_AT_ONCE] @ shared).toarray()
        progress("solving", 0.1)
        precision = _inverse(gram, self.regularization * float(np.diagonal(gram).mean()))
        progress("solving", 0.9)
        return _placed(precision, appeal[items], items, self.neighbours, n_items=presence.shape[1])


def _inverse(gram: Floats, ridge: float) -> Floats:
    """The lower triangle of the inverse of `gram + ridge I`, in the place of `gram`."""
    gram[np.diag_indices_from(gram)] += ridge
    factor, _ = spotrf(gram, lower=1, overwrite_a=1)
    inverse, problem = spotri(factor, lower=1, overwrite_c=1)
    if problem:
        raise ValueError("the regression has no solution; set a greater regularization")
    return np.asarray(inverse)


def _placed(
    precision: Floats, appeal: npt.NDArray[np.float64], items: Integers, most: int, *, n_items: int
) -> csr_matrix:
    """The best weights of each item, from the lower triangle of the precision matrix."""
    scale = (appeal / np.diagonal(precision)).astype(np.float32)
    blocks = []
    for first in range(0, len(items), ROWS_AT_ONCE):
        rows = slice(first, min(first + ROWS_AT_ONCE, len(items)))
        whole = np.tril(precision[rows], first) + np.triu(precision[:, rows].T, first + 1)
        blocks.append(best_of_rows(csr_matrix(-whole * scale), most, but=first))
    inner = vstack(blocks, format="csr")
    lengths = np.zeros(n_items, dtype=np.int64)
    lengths[items] = np.diff(inner.indptr)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return csr_matrix((inner.data, items[inner.indices], offsets), shape=(n_items, n_items))
