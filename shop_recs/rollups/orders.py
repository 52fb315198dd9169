"""What is bought together in one order, and what the same people buy at all: pairs with lift and support.

Lift: how many times more often two products meet than they would by chance (Brin et al., "Beyond market
baskets", SIGMOD 1997).
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from shop_recs.conf import settings
from shop_recs.models import Interaction, ItemNeighbour, Kind, ModelVersion, Visitor
from shop_recs.training import partitions, publish

BASKETS = {
    # An order without a reference is what one shopper bought in a day.
    "bought_together": (
        "coalesce(nullif(event.order_reference, ''), {shopper} || date_trunc('day', event.occurred_at)::text)"
    ),
    "also_bought": "{shopper}",
}
"""Whose versions `roll_up_orders` makes, and what counts as one basket for each."""

SHOPPER = "coalesce(visitor.user_id::text, visitor.id::text)"
LARGEST = 100
"""A basket of more products is a reseller's or a test's; its pairs say little, and are thousands."""
PAIRS_PER_PRODUCT = 50

# The score is the lower end of the 90 % interval of the lift, so that a pair seen five times does not beat
# one seen five hundred times by luck: the logarithm of a lift of n meetings errs by about 1 / sqrt(n).
_PAIRS = """
INSERT INTO {table} (version_id, product_id, neighbour_id, score, support)
WITH line AS (
    SELECT DISTINCT event.product_id, {basket} AS basket, {shopper} AS shopper
    FROM {interaction} AS event JOIN {visitor} AS visitor ON visitor.id = event.visitor_id
    WHERE event.kind = %(purchase)s
    AND event.occurred_at > statement_timestamp() - %(days)s * interval '1 day'
), basket AS MATERIALIZED (
    SELECT product_id, basket, shopper
    FROM (SELECT *, count(*) OVER (PARTITION BY basket) AS size FROM line) AS sized
    WHERE size <= %(largest)s
), product AS MATERIALIZED (
    SELECT product_id, count(DISTINCT basket)::float8 AS baskets, count(DISTINCT shopper) AS shoppers
    FROM basket GROUP BY product_id HAVING count(DISTINCT shopper) >= %(support)s
), frequent AS MATERIALIZED (SELECT * FROM basket JOIN product USING (product_id)),
pair AS (
    SELECT one.product_id AS first, other.product_id AS second, one.baskets AS of_first,
           other.baskets AS of_second, count(DISTINCT one.basket)::float8 AS meetings,
           count(DISTINCT one.shopper) AS support
    FROM frequent AS one JOIN frequent AS other
    ON one.basket = other.basket AND one.product_id < other.product_id
    GROUP BY 1, 2, 3, 4 HAVING count(DISTINCT one.shopper) >= %(support)s
), lifted AS (
    SELECT first, second, support,
           meetings * (SELECT count(DISTINCT basket) FROM basket) / (of_first * of_second)
           * exp(-1.645 / sqrt(meetings)) AS score
    FROM pair
), both_ways AS (
    SELECT first AS product_id, second AS neighbour_id, score, support FROM lifted WHERE score > 1
    UNION ALL SELECT second, first, score, support FROM lifted WHERE score > 1
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY product_id ORDER BY score DESC, neighbour_id) AS place
    FROM both_ways
)
SELECT %(version)s, product_id, neighbour_id, score, support FROM ranked WHERE place <= %(pairs)s
ORDER BY product_id, place
"""


def roll_up_orders() -> None:
    """Publish new versions of `bought_together` and `also_bought`, made of the purchases in the log."""
    for name in BASKETS:
        version = _stored(name)
        partitions.wait_for_readers(ItemNeighbour)
        publish.publish(version)
        publish.retire_old(name)


def _stored(name: str) -> ModelVersion:
    """A ready version whose pairs are stored and attached, all in one transaction: it is there, or is not."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"shop_recs {name}"])
        version = ModelVersion.objects.create(
            algorithm=name, status=ModelVersion.Status.READY, percent=100.0, finished_at=timezone.now()
        )
        partitions.create(ItemNeighbour, version.pk)
        cursor.execute(_statement(name, version.pk), _parameters(version.pk))
        partitions.complete(ItemNeighbour, version.pk)
        _count(version)
        partitions.attach(ItemNeighbour, version.pk)
    return version


def _statement(name: str, version_id: int) -> str:
    return _PAIRS.format(
        table=partitions.table_of(ItemNeighbour, version_id),
        basket=BASKETS[name].format(shopper=SHOPPER),
        shopper=SHOPPER,
        interaction=Interaction._meta.db_table,
        visitor=Visitor._meta.db_table,
    )


def _parameters(version_id: int) -> dict[str, Any]:
    return {
        "version": version_id,
        "purchase": Kind.PURCHASE.value,
        "days": settings.ORDER_DAYS,
        "support": settings.PAIR_SUPPORT,
        "largest": LARGEST,
        "pairs": PAIRS_PER_PRODUCT,
    }


def _count(version: ModelVersion) -> None:
    """Write on the version how much it holds."""
    table = sql.Identifier(partitions.table_of(ItemNeighbour, version.pk))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*), count(DISTINCT product_id) FROM {}").format(table))
        version.pair_count, version.item_count = cursor.fetchone()
    version.save(update_fields=["pair_count", "item_count"])
