"""Blends what several rungs rank, by their ranks, since their scores do not compare; spreads a list out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from shop_recs.serving.retrieve import Candidate, Row
from shop_recs.serving.rungs import Floats, Rung

RANK_CONSTANT = 60
"""How little the first ranks outweigh the next (Cormack et al., SIGIR 2009, found 60)."""


def fused(candidates: Sequence[Candidate], weights: Mapping[Rung, float]) -> list[Row]:
    """The candidates by weighted reciprocal rank fusion, the best first.

    A row is of the rung that adds most to its score, which its reason then comes from.

    Args:
        candidates: with what each rung says of them.
        weights: of each rung, positive.
    """
    ranks = {rung: _ranks(candidates, rung) for rung in weights}
    rows = []
    for place, candidate in enumerate(candidates):
        parts = {
            rung: weights[rung] / (RANK_CONSTANT + ranks[rung][place])
            for rung in weights
            if rung in candidate.measured
        }
        best = max(parts, key=parts.__getitem__)
        measured = replace(candidate.measured[best], score=sum(parts.values()))
        rows.append(
            Row(candidate.product, best, measured, {rung.source: part for rung, part in parts.items()})
        )
    # Of equals, the newer key first: the same list each time.
    return sorted(rows, key=lambda row: (-row.measured.score, str(row.product.pk)))


def _ranks(candidates: Sequence[Candidate], rung: Rung) -> list[int]:
    """The rank of each candidate by one rung, from 1; after all others where the rung does not know it."""
    scores = [
        candidate.measured[rung].score if rung in candidate.measured else -np.inf for candidate in candidates
    ]
    order = np.argsort(-np.array(scores), kind="stable")
    ranks = np.empty(len(candidates), dtype=np.int64)
    ranks[order] = np.arange(1, len(candidates) + 1)
    return [int(rank) for rank in ranks]


def diversified(rows: Sequence[Row], *, diversity: float, limit: int) -> list[Row]:
    """The rows by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), `limit` of them.

    Each place goes to the row that is best by `(1 - diversity)` times relevance less `diversity` times its
    likeness to the row most like it that stands above. Relevance falls from 1 to 0 along `rows`; likeness is
    the cosine of the vectors, 0 without.
    """
    if diversity <= 0 or len(rows) < 3:
        return list(rows[:limit])
    relevance = np.linspace(1.0, 0.0, len(rows))
    units = _units(rows)
    alike = np.zeros(len(rows))
    left = np.ones(len(rows), dtype=np.bool_)
    chosen: list[int] = []
    while len(chosen) < min(limit, len(rows)):
        worth = np.where(left, (1 - diversity) * relevance - diversity * alike, -np.inf)
        best = int(worth.argmax())
        chosen.append(best)
        left[best] = False
        alike = np.maximum(alike, units @ units[best])
    return [rows[place] for place in chosen]


def _units(rows: Sequence[Row]) -> Floats:
    """`(n, d)` the rows' vectors at length 1; zeros for those without, and for those of another length."""
    vectors = [row.measured.vector for row in rows]
    lengths = [len(vector) for vector in vectors if vector is not None]
    units = np.zeros((len(rows), max(set(lengths), key=lengths.count, default=0)), dtype=np.float32)
    for unit, vector in zip(units, vectors, strict=True):
        if vector is not None and len(vector) == len(unit) and vector.any():
            unit[:] = vector / np.linalg.norm(vector)
    return units
