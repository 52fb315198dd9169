"""Blends what several rungs rank, by their ranks, since their scores do not compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from shop_recs.serving.retrieve import Candidate, Row
from shop_recs.serving.rungs import Measured, Rung

RANK_CONSTANT = 60
"""How little the first ranks outweigh the next (Cormack et al., SIGIR 2009, found 60)."""


def fused(candidates: Sequence[Candidate], weights: Mapping[Rung, float]) -> list[Row]:
    """The candidates that some rung knows, by weighted reciprocal rank fusion, the best first.

    A row is of the rung that adds most to its worth, which its reason then comes from.

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
        if parts:
            best, worth = max(parts, key=parts.__getitem__), sum(parts.values())
            rows.append(
                Row(
                    candidate.product,
                    best,
                    replace(candidate.measured[best], score=worth),
                    worth,
                    {rung.source: part for rung, part in parts.items()},
                    known=candidate.known,
                )
            )
    # Of equals, the newer key first: the same list each time.
    return sorted(rows, key=lambda row: (-row.worth, str(row.product.pk)))


def in_turn(candidates: Sequence[Candidate], rungs: Sequence[Rung], *, after: float, place: int) -> list[Row]:
    """The candidates by several rungs in turn, each for what those before do not know; then in their order.

    Of what a rung ranks alike for everybody, products of `known["own_category"]` come first.

    Args:
        candidates: the newest first.
        rungs: the best first.
        after: the worth of the row before these, from which theirs falls as it does with ranks.
        place: of the first of these rows in the list, from 1.
    """

    def order(candidate: Candidate) -> tuple[float, ...]:
        elsewhere = float(not candidate.known.get("own_category"))
        key: list[float] = []
        for rung in rungs:
            measured = candidate.measured.get(rung)
            unknown = measured is None
            key += [unknown, 0.0 if rung.personal or unknown else elsewhere]
            key.append(0.0 if measured is None else -measured.score)
        return (*key, elsewhere)

    rows: list[Row] = []
    for candidate in sorted(candidates, key=order):
        rung = next((rung for rung in rungs if rung in candidate.measured), None)
        measured = candidate.measured[rung] if rung else Measured(0.0)
        worth = after * (RANK_CONSTANT + place - 1) / (RANK_CONSTANT + place + len(rows))
        rows.append(Row(candidate.product, rung, measured, worth, known=candidate.known))
    return rows


def _ranks(candidates: Sequence[Candidate], rung: Rung) -> list[int]:
    """The rank of each candidate by one rung, from 1; after all others where the rung does not know it."""
    scores = [
        candidate.measured[rung].score if rung in candidate.measured else -np.inf for candidate in candidates
    ]
    order = np.argsort(-np.array(scores), kind="stable")
    ranks = np.empty(len(candidates), dtype=np.int64)
    ranks[order] = np.arange(1, len(candidates) + 1)
    return [int(rank) for rank in ranks]
