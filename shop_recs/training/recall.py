"""How much of an exact search an index finds, measured before anybody is served from it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from shop_recs.algorithms.base import SECONDS_PER_DAY, Fitted, FittedVectors, Floats, TrainingData
from shop_recs.training import partitions

logger = logging.getLogger(__name__)

LENGTH = 20
"""Products that a search is asked for."""

QUERIES = 200
"""Searches of each kind that are made both ways."""

WIDTHS = (64, 100, 160, 250, 400)
"""Values of `hnsw.ef_search` that are tried until one finds `ENOUGH`; the last stays, whatever it finds."""

ENOUGH, SOUND = 0.975, 0.9
"""Shares of what an exact search finds: which is aimed at, and below which the log has a warning."""

ITEMS_AT_ONCE = 65_536
PRECISION = 1e-5
"""Of the lengths of two vectors: by which their distance in the database may differ from ours in float32."""


def queries_of(fitted: Fitted, data: TrainingData, *, seed: int = 0) -> Floats | None:
    """`(q, d)` queries that shoppers drawn from the log would make; None where no search begins with one."""
    if not isinstance(fitted, FittedVectors) or not fitted.encoder.history_length:
        return None
    rng, offsets = np.random.default_rng(seed), data.offsets
    shoppers = rng.permutation(np.flatnonzero(np.diff(offsets)))[:QUERIES]
    queries = []
    for start, end in zip(offsets[shoppers], offsets[shoppers + 1], strict=True):
        rows = np.arange(start, end)[-fitted.encoder.history_length :]
        rows = rows[fitted.known[data.items[rows]]]
        ages = ((data.now - data.times[rows]) / SECONDS_PER_DAY).astype(np.float32)
        query = fitted.encoder(fitted.history(data.items[rows], data.kinds[rows], ages))
        if query is not None:
            queries.append(query)
    return np.array(queries, dtype=np.float32) if queries else None


def measured(
    version_id: int, fitted: FittedVectors, *, personal: Floats | None, similar: bool, seed: int = 0
) -> dict[str, Any]:
    """The width of search that each use of a version's index needs, and the share that it finds.

    Args:
        version_id: whose table it is, indexed.
        fitted: what lies in the table.
        personal: `(q, d)` queries of shoppers.
        similar: products like one another are searched, too.
        seed: draws the products of these searches.

    Returns:
        `{"personal": {"ef_search": 160, "recall@20": 0.985}, "similar": {…}}`
    """
    vectors = fitted.item_vectors[fitted.known]
    found = {}
    if personal is not None:
        found["personal"] = _narrowest(version_id, vectors, personal, by_angle=False)
    if similar:
        drawn = np.random.default_rng(seed).permutation(len(vectors))[:QUERIES]
        found["similar"] = _narrowest(version_id, vectors, vectors[drawn], by_angle=not fitted.unit_norm)
    for use, search in found.items():
        if search[f"recall@{LENGTH}"] < SOUND:
            logger.warning(
                "The index of version %s finds %.0f %% of what an exact search does, for %s lists; a larger "
                'SHOP_RECS["EXACT_BELOW"] or fewer dimensions may help.',
                version_id,
                100 * search[f"recall@{LENGTH}"],
                use,
            )
    return found


def by_width(
    version_id: int, vectors: Floats, queries: Floats, *, by_angle: bool, widths: Iterable[int] = WIDTHS
) -> Iterator[tuple[int, float]]:
    """The share that searches of each width find; what nobody asks for is not searched.

    Args:
        version_id: whose table it is, indexed.
        vectors: `(n, d)`, what lies in the table.
        queries: `(q, d)`.
        by_angle: by cosine instead of the inner product.
        widths: of the searches.
    """
    if by_angle:
        vectors, queries = _units(vectors), _units(queries)
    longest = np.linalg.norm(vectors, axis=1).max()
    farthest = _farthest(vectors, queries) + by_angle + PRECISION * longest * np.linalg.norm(queries, axis=1)
    wanted = len(queries) * min(LENGTH, len(vectors))
    for width in widths:
        yield width, _near(version_id, queries, farthest, by_angle=by_angle, width=width) / wanted


def _narrowest(version_id: int, vectors: Floats, queries: Floats, *, by_angle: bool) -> dict[str, Any]:
    """The narrowest search that finds enough, or else the widest."""
    for width, recall in by_width(version_id, vectors, queries, by_angle=by_angle):  # noqa: B007
        if recall >= ENOUGH:
            break
    return {"ef_search": width, f"recall@{LENGTH}": round(recall, 4)}


def _farthest(vectors: Floats, queries: Floats) -> Floats:
    """`(q,)` the distance of each query's twentieth product in an exact search: less the inner product."""
    best = np.full((len(queries), 0), np.inf, dtype=np.float32)
    for start in range(0, len(vectors), ITEMS_AT_ONCE):
        distances = -queries @ vectors[start : start + ITEMS_AT_ONCE].T
        best = np.concatenate([best, distances], axis=1)
        best = np.partition(best, min(LENGTH, best.shape[1]) - 1, axis=1)[:, :LENGTH]
    farthest: Floats = best.max(axis=1)
    return farthest


def _near(version_id: int, queries: Floats, farthest: Floats, *, by_angle: bool, width: int) -> int:
    """How many of the queries' nearest products searches of this width find.

    Products at the same distance are as good as one another.
    """
    operator = "<=>" if by_angle else "<#>"
    found = partitions.nearest(version_id, queries, operator=operator, width=width, limit=LENGTH)
    return sum(
        sum(distance <= limit for distance in distances)
        for distances, limit in zip(found, farthest.tolist(), strict=True)
    )


def _units(vectors: Floats) -> Floats:
    units: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units
