"""What models of neighbours share: sparse products in blocks, of which only the best pairs are kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from shop_recs.algorithms.base import (
    SECONDS_PER_DAY,
    FittedNeighbours,
    NotEnoughData,
    Progress,
    TrainingData,
    silent,
)
from shop_recs.algorithms.encoders.weights import WeightsEncoder

PRODUCTS_AT_ONCE = 10_000_000
"""Multiplications of one block; bounds its memory, whatever the catalogue."""
LEAST_DEMAND = 0.1
"""What nobody bought lately may still be bought."""


def require_pairs(data: TrainingData) -> None:
    """Raise where no two products can have a shopper in common."""
    shoppers, products = len(np.unique(data.users)), len(np.unique(data.items))
    if not shoppers or products < 2:
        raise NotEnoughData(
            f"not enough data: have {shoppers} shoppers and {products} products with interactions,"
            " need 1 shopper and 2 products"
        )


def last_of_each(data: TrainingData, most: int) -> TrainingData:
    """At most the last `most` interactions of every shopper, so that pairs grow as the log does."""
    from_end = data.offsets[data.users + 1] - 1 - np.arange(len(data))
    return data.select(from_end < most)


def matrix_of(data: TrainingData, weights: npt.NDArray[np.floating]) -> csr_matrix:
    """`(n_users, n_items)` float32 with the summed weights of every pair that interacted."""
    shape = (data.n_users, data.n_items)
    matrix = csr_matrix((weights.astype(np.float32), (data.users, data.items)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def presence_of(data: TrainingData) -> csr_matrix:
    """`(n_users, n_items)` float32 with 1 for every pair that interacted."""
    presence = matrix_of(data, np.ones(len(data)))
    presence.data[:] = 1.0
    return presence


def trend_of(data: TrainingData) -> npt.NDArray[np.float64]:
    """`(n_items,)` how much of the demand for an item is of today, positive.

    It is what the item's final interactions weigh by their age, over the number of all of them. Final are
    those of the greatest kind in the log: purchases, where there are any.
    """
    final = data.select(data.kinds == data.kinds.max())
    ages = (data.now - final.times) / SECONDS_PER_DAY
    recent = np.bincount(final.items, weights=0.5 ** (ages / data.half_life_days), minlength=data.n_items)
    interactions = np.bincount(data.items, minlength=data.n_items)
    trend: npt.NDArray[np.float64] = (recent + LEAST_DEMAND) / (interactions + 1)
    return trend


def unit_rows(matrix: csr_matrix) -> csr_matrix:
    """The rows, of length 1 where they are not empty."""
    lengths = np.sqrt(row_sums(matrix.multiply(matrix)))
    return scale_rows(matrix, 1.0 / np.where(lengths > 0, lengths, 1.0))


def scale_rows(matrix: csr_matrix, factors: npt.NDArray[np.floating]) -> csr_matrix:
    """Each row times its factor."""
    scaled = csr_matrix(matrix, copy=True)
    scaled.data *= np.repeat(factors, np.diff(scaled.indptr)).astype(np.float32)
    return scaled


def row_sums(matrix: csr_matrix) -> npt.NDArray[np.float64]:
    """`(rows,)` sums."""
    return np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()


def best_products(
    left: csr_matrix, right: csr_matrix, most: int, *, itself: bool, progress: Progress = silent
) -> csr_matrix:
    """`left @ right` with the greatest positive values of each row, the greatest first.

    Args:
        left: `(n, k)`.
        right: `(k, m)`.
        most: values kept in a row at most.
        itself: whether column `i` may stay in row `i`.
        progress: told after each block.
    """
    blocks = []
    for rows in _blocks(left, right):
        blocks.append(best_of_rows(left[rows] @ right, most, but=None if itself else rows.start))
        progress("multiplying", rows.stop / left.shape[0])
    return vstack(blocks, format="csr")


def best_of_rows(matrix: csr_matrix, most: int, *, but: int | None = None) -> csr_matrix:
    """The greatest positive values of each row, the greatest first, of equals the first column.

    Args:
        matrix: in rows.
        most: values kept in a row at most.
        but: where given, row `i` keeps nothing of column `but + i`.
    """
    matrix = csr_matrix(matrix)
    matrix.sort_indices()
    kept, counts = [], np.zeros(matrix.shape[0], dtype=np.int64)
    for row in range(matrix.shape[0]):
        start, stop = matrix.indptr[row : row + 2]
        values = matrix.data[start:stop]
        places = np.flatnonzero(values > 0)
        if but is not None:
            places = places[matrix.indices[start:stop][places] != but + row]
        if len(places) > most:
            least = np.partition(values[places], len(places) - most)[len(places) - most]
            places = places[values[places] >= least]
        places = places[np.argsort(-values[places], kind="stable")[:most]]
        kept.append(start + places)
        counts[row] = len(places)
    places = np.concatenate(kept)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return csr_matrix((matrix.data[places], matrix.indices[places], offsets), shape=matrix.shape)


def encoder_of(data: TrainingData, *, step_decay: float, history_length: int) -> WeightsEncoder:
    """The encoder that weighs a visitor's history as the log weighs a shopper's."""
    return WeightsEncoder(
        data.kind_weights,
        half_life_days=data.half_life_days,
        step_decay=step_decay,
        history_length=history_length,
    )


def fitted_neighbours(
    pairs: csr_matrix, data: TrainingData, presence: csr_matrix, encoder: WeightsEncoder, **info: object
) -> FittedNeighbours:
    """The neighbours in the rows of `pairs`, best first, with how many shoppers had both of each pair.

    Args:
        pairs: `(n_items, n_items)` scores.
        data: the log, whose items are known.
        presence: `(n_users, n_items)` 1 for every pair that counts as support.
        encoder: weighs a history.
        info: facts worth showing an administrator.
    """
    known = np.zeros(data.n_items, dtype=np.bool_)
    known[data.items] = True
    return FittedNeighbours(
        known=known,
        encoder=encoder,
        info=info,
        offsets=pairs.indptr.astype(np.int64),
        neighbours=pairs.indices.astype(np.int32),
        pair_scores=pairs.data.astype(np.float32),
        support=_support(pairs, presence),
    )


def _support(pairs: csr_matrix, presence: csr_matrix) -> npt.NDArray[np.int32]:
    """For every pair how many rows of `presence` have both."""
    by_item = csr_matrix(presence.T)
    support = np.zeros(pairs.nnz, dtype=np.int32)
    for rows in _blocks(by_item, presence):
        together = csr_matrix(by_item[rows] @ presence)
        together.sort_indices()
        wanted = slice(pairs.indptr[rows.start], pairs.indptr[rows.stop])
        found, sought = _keys(together), _keys(pairs[rows])
        places = np.minimum(np.searchsorted(found, sought), max(0, len(found) - 1))
        if len(found):
            support[wanted] = np.where(found[places] == sought, together.data[places], 0)
    return support


def _keys(matrix: csr_matrix) -> npt.NDArray[np.int64]:
    """One number for the row and column of every stored value."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: npt.NDArray[np.int64] = rows * matrix.shape[1] + matrix.indices
    return keys


def _blocks(left: csr_matrix, right: csr_matrix) -> Iterator[slice]:
    """Runs of rows of `left` whose product with `right` takes a bounded number of multiplications."""
    lengths = np.diff(right.indptr)
    costs = np.add.reduceat(np.append(lengths[left.indices], 0), np.minimum(left.indptr[:-1], left.nnz))
    costs[np.diff(left.indptr) == 0] = 0
    start, ends = 0, np.cumsum(costs)
    while start < left.shape[0]:
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + PRODUCTS_AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop
