"""What a version's table holds: the vectors of its products, or their neighbours, as rows to copy in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import Fitted, FittedNeighbours, FittedVectors, NotEnoughData
from shop_recs.models import ItemNeighbour, ItemVector
from shop_recs.training import graph
from shop_recs.training.partitions import Parent

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What is stored of a fit.

    Attributes:
        parent: the model whose partition holds it.
        rows: values of the parent's columns that follow the version; a product's rows lie together.
        facts: what the version says of it.
    """

    parent: Parent
    rows: Iterable[Row]
    facts: Mapping[str, Any]


def contents_of(fitted: Fitted, product_keys: Sequence[Any]) -> Contents:
    """What is stored of a fit, in the order in which it is; nothing of the items that it does not know.

    Args:
        fitted: vectors or neighbours.
        product_keys: the key of each item index.

    Raises:
        NotEnoughData: there is nothing to store.
        TypeError: it is neither vectors nor neighbours.
    """
    known = np.flatnonzero(fitted.known)
    if not len(known):
        raise NotEnoughData("not enough data: the fit gave no product a vector or a neighbour")
    facts: dict[str, Any] = {"item_count": len(known)}
    if isinstance(fitted, FittedVectors):
        if graph.is_large(fitted):
            known = known[graph.insertion_order(fitted.item_vectors[known])]
        rows = vector_rows([product_keys[item] for item in known.tolist()], fitted.item_vectors[known])
        facts |= {"dimensions": fitted.item_vectors.shape[1], "unit_norm": fitted.unit_norm}
        return Contents(ItemVector, rows, facts)
    if isinstance(fitted, FittedNeighbours):
        facts |= {"pair_count": len(fitted.neighbours)}
        return Contents(ItemNeighbour, neighbour_rows(fitted, product_keys), facts)
    raise TypeError(f"only vectors and neighbours can be stored, not {type(fitted).__name__}")


def vector_rows(product_keys: Sequence[Any], vectors: npt.NDArray[np.float32]) -> Iterator[Row]:
    """`n` keys and `(n, d)` vectors as rows of `ItemVector`."""
    return zip(product_keys, _packed(vectors), strict=True)


def neighbour_rows(fitted: FittedNeighbours, product_keys: Sequence[Any]) -> Iterator[Row]:
    """Pairs as rows of `ItemNeighbour`, made one product at a time, since there are millions."""
    for item in np.flatnonzero(np.diff(fitted.offsets)).tolist():
        pairs = slice(fitted.offsets[item], fitted.offsets[item + 1])
        columns = (fitted.neighbours[pairs], fitted.pair_scores[pairs], fitted.support[pairs])
        for neighbour, score, support in zip(*(column.tolist() for column in columns), strict=True):
            yield product_keys[item], product_keys[neighbour], score, support


def _packed(vectors: npt.NDArray[np.float32]) -> list[bytes]:
    """Each row of `(n, d)` as pgvector receives it: d and 0 in 16 bits each, then big-endian floats."""
    n, d = vectors.shape
    rows = np.zeros(n, dtype=[("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f4", (d,))])
    rows["dimensions"] = d
    rows["values"] = vectors
    packed: list[bytes] = rows.view(f"V{rows.itemsize}").tolist()
    return packed
