"""Places for what is new or seldom chosen, so that somebody learns how good it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from shop_recs.serving.orders import RareRung, ScoreRung
from shop_recs.serving.pools import Pool
from shop_recs.serving.retrieve import Row

EXPLORED = 50
"""Products of each kind that exploration chooses from."""

SOURCE = "exploration"
"""The source of what is in a list by exploration."""

MEMBER = "explored"
"""Name under which a row's `known` says that exploration may choose it."""


def pools(products: QuerySet[Any]) -> list[Pool]:
    """What exploration chooses from: the newest, the least popular, and a sample of what nobody chose."""
    rungs = (None, RareRung("popular"), ScoreRung("unchosen"))
    return [Pool(products, rung, EXPLORED) for rung in rungs]


def marked(row: Row) -> Row:
    """The row as one that is in the list by exploration."""
    return replace(row, placed=SOURCE)


def drawn(rows: Sequence[Row], *, limit: int, whom: Any) -> list[Row]:
    """The rows, where those that only exploration can bring in are marked and follow the others by lot.

    Args:
        rows: the best first.
        limit: of the list.
        whom: the lot is another for each, and each day.
    """
    usual = [row for row in rows if row.placed != SOURCE]
    ordinary = {row.product.pk for row in usual[:limit]}
    chances = [row for row in rows if row.known.get(MEMBER) and row.product.pk not in ordinary]
    others = [row for row in usual if row.product.pk in ordinary or not row.known.get(MEMBER)]
    today = timezone.now().date()
    chances.sort(key=lambda row: _lot(today, whom, row.product.pk))
    return [
        *(replace(row, known={**row.known, MEMBER: False}) for row in others),
        *map(marked, chances),
    ]


def _lot(*parts: Any) -> bytes:
    """A place in a draw, the same for the same parts."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).digest()
