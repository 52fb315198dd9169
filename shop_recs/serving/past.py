"""What a shopper had to do with products, whole and not only the last events: to remind them of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import log
from typing import Any, NamedTuple

from django.db import connections
from django.utils import timezone

from shop_recs.models import Kind
from shop_recs.serving.attempts import attempt
from shop_recs.serving.orders import ListedRung
from shop_recs.serving.whose import NOBODY
from shop_recs.serving.whose import of_shopper as rows_of
from shop_recs.tracking.identity import Shopper

AT_MOST = 500
"""Products of a shopper that are looked at, the latest first."""

EARLIEST, LATEST = 0.5, 4.0
"""A product is due again between these multiples of its interval; after that it was given up."""

_PAST = """
    SELECT seen.product_id, interval.days,
           max(seen.occurred_at) FILTER (WHERE seen.kind = {view}),
           max(seen.occurred_at) FILTER (WHERE seen.kind = {favourite}),
           max(seen.occurred_at) FILTER (WHERE seen.kind = {cart}),
           max(seen.occurred_at) FILTER (WHERE seen.kind = {purchase}),
           min(seen.occurred_at) FILTER (WHERE seen.kind = {purchase}),
           count(DISTINCT date_trunc('day', seen.occurred_at)) FILTER (WHERE seen.kind = {purchase})
    FROM shop_recs_interaction AS seen
    LEFT JOIN shop_recs_repeatinterval AS interval ON interval.product_id = seen.product_id
    WHERE {of_shopper}
    GROUP BY seen.product_id, interval.days
    ORDER BY max(seen.occurred_at) DESC LIMIT {at_most}
"""


class Past(NamedTuple):
    """What a shopper did with a product, when last, and how often it was bought."""

    product: Any
    interval: float | None
    viewed: Any
    saved: Any
    carted: Any
    bought: Any
    first_bought: Any
    days_bought: int


def of_shopper(shopper: Shopper, *, using: str) -> list[Past]:
    """All that a shopper did, by product, the latest first; one statement. Nothing without an answer."""
    if shopper == NOBODY:
        return []
    condition, whom = rows_of(shopper)
    statement = _PAST.format(
        of_shopper=condition,
        at_most=AT_MOST,
        **{kind.name.lower(): kind.value for kind in Kind},
    )
    return attempt("past", lambda: _read(statement, whom, using=using), using=using) or []


def _read(statement: str, whom: Sequence[Any], *, using: str) -> list[Past]:
    with connections[using].cursor() as cursor:
        cursor.execute(statement, whom)
        return [Past(*row) for row in cursor.fetchall()]


def recently_viewed(past: list[Past], *, days: int) -> ListedRung:
    """What was viewed, the latest first."""
    since = timezone.now() - timedelta(days=days)
    seen = sorted((row for row in past if row.viewed and row.viewed > since), key=_viewed, reverse=True)
    return _listed("recently_viewed", [(row.product, Kind.VIEW) for row in seen])


def still_in_mind(past: list[Past], *, days: int) -> ListedRung:
    """What was saved or put into the cart and not bought since, the latest first."""
    since = timezone.now() - timedelta(days=days)
    wanted = [
        (moment, row.product, kind)
        for row in past
        for moment, kind in [max(_wanted(row), default=(None, Kind.CART))]
        if moment and moment > since and (row.bought is None or row.bought < moment)
    ]
    wanted.sort(key=lambda found: found[0], reverse=True)
    return _listed("still_in_mind", [(product, kind) for _, product, kind in wanted])


def buy_again(past: list[Past]) -> ListedRung:
    """What is bought again and again and due by now: first what is nearest to its interval.

    The interval is the shopper's own from the third purchase on, else that of all who bought it again.
    """
    now = timezone.now()
    due = []
    for row in past:
        if row.bought is None or not (interval := _interval(row)):
            continue
        lateness = max(now - row.bought, timedelta(hours=1)) / timedelta(days=interval)
        if EARLIEST <= lateness <= LATEST:
            due.append((abs(log(lateness)), row.product))
    due.sort(key=lambda found: found[0])
    return _listed("buy_again", [(product, Kind.PURCHASE) for _, product in due])


def _viewed(row: Past) -> Any:
    return row.viewed


def _wanted(row: Past) -> Iterator[tuple[Any, Kind]]:
    for moment, kind in ((row.saved, Kind.FAVOURITE), (row.carted, Kind.CART)):
        if moment:
            yield moment, kind


def _interval(row: Past) -> float | None:
    """Days after which the product is due again; None where nobody knows."""
    if row.days_bought > 2:
        own: float = (row.bought - row.first_bought) / timedelta(days=row.days_bought - 1)
        return own
    return row.interval


def _listed(name: str, products: list[tuple[Any, Kind]]) -> ListedRung:
    return ListedRung(name, [product for product, _ in products], [kind for _, kind in products])
