"""Popularity and trends of products, in the shop and in its segments; and when they are bought again."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from shop_recs.conf import get_product_model, settings
from shop_recs.models import KIND_NAMES, Interaction, ItemScore, Kind, RepeatInterval, Visitor

BASELINE = 4
"""A trend is measured against so many windows before its own."""

UNCHOSEN = 1_000
"""Products that nobody chose of late of which a roll-up keeps the keys."""

REPEATED_BY = 3
"""Buyers who must have bought a product again before its interval counts."""

# One shopper counts once per product and kind, however often he comes: nobody lifts a product alone. What is
# popular fades with the half-life of its last event. A trend is how far a window exceeds what those before
# let one expect, in standard deviations of a count (the 1 keeps a single event on a quiet product low).
_SCORES = """
WITH seen AS (
    SELECT event.product_id, visitor.segment, event.kind,
           coalesce(visitor.user_id::text, visitor.id::text) AS shopper,
           max(event.occurred_at) AS latest,
           bool_or(event.occurred_at > statement_timestamp() - %(window)s * interval '1 day') AS lately,
           bool_or(event.occurred_at <= statement_timestamp() - %(window)s * interval '1 day'
                   AND event.occurred_at > statement_timestamp() - %(longest)s * interval '1 day') AS before
    FROM {interaction} AS event JOIN {visitor} AS visitor ON visitor.id = event.visitor_id
    WHERE event.occurred_at > statement_timestamp() - %(days)s * interval '1 day'
    AND event.occurred_at <= statement_timestamp()
    GROUP BY event.product_id, visitor.segment, event.kind, shopper
), weighed AS (
    SELECT seen.*, weight,
           weight * power(
               0.5, extract(epoch FROM statement_timestamp() - latest) / 86400 / %(half_life)s
           ) AS fresh
    FROM seen JOIN unnest(%(kinds)s::smallint[], %(weights)s::float8[]) AS of_kind(kind, weight) USING (kind)
    WHERE weight > 0
), summed AS (
    SELECT product_id, coalesce(segment, '') AS segment, GROUPING(segment) AS whole, sum(fresh) AS popular,
           coalesce(sum(weight) FILTER (WHERE lately), 0) AS lately,
           coalesce(sum(weight) FILTER (WHERE before), 0) / %(baseline)s AS expected
    FROM weighed GROUP BY GROUPING SETS ((product_id), (product_id, segment))
), scored AS (
    SELECT 'popular' AS ranking, product_id, segment, whole, popular AS score FROM summed
    UNION ALL
    SELECT 'trending', product_id, segment, whole, (lately - expected) / sqrt(expected + 1) FROM summed
), kept AS (
    INSERT INTO {score} AS known (ranking, segment, product_id, score)
    SELECT ranking, segment, product_id, score FROM scored
    WHERE score > 0 AND (whole = 1 OR segment <> '')
    ORDER BY ranking, segment, product_id
    ON CONFLICT (ranking, segment, product_id) DO UPDATE SET score = excluded.score
    RETURNING ranking, segment, product_id
)
DELETE FROM {score} AS old WHERE NOT EXISTS (
    SELECT FROM kept WHERE kept.ranking = old.ranking AND kept.segment = old.segment
    AND kept.product_id = old.product_id
)
"""

# Of these exploration draws; a few at a time do, since each roll-up draws others.
_UNCHOSEN = """
INSERT INTO {score} (ranking, segment, product_id, score)
SELECT 'unchosen', '', product.{key}, random() FROM {product} AS product
WHERE NOT EXISTS (
    SELECT FROM {score} AS known
    WHERE known.ranking = 'popular' AND known.segment = '' AND known.product_id = product.{key}
)
ORDER BY random() LIMIT %(sample)s
"""

# Lines of one order, or of one day where orders have no name, are one purchase.
_INTERVALS = """
WITH bought AS (
    SELECT DISTINCT event.product_id, coalesce(visitor.user_id::text, visitor.id::text) AS shopper,
           date_trunc('day', event.occurred_at) AS day
    FROM {interaction} AS event JOIN {visitor} AS visitor ON visitor.id = event.visitor_id
    WHERE event.kind = %(purchase)s AND event.occurred_at <= statement_timestamp()
), gaps AS (
    SELECT product_id, shopper,
           extract(epoch FROM day - lag(day) OVER one) / 86400 AS days
    FROM bought WINDOW one AS (PARTITION BY product_id, shopper ORDER BY day)
), kept AS (
    INSERT INTO {interval} AS known (product_id, days, buyers)
    SELECT product_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY days), count(DISTINCT shopper)
    FROM gaps WHERE days IS NOT NULL GROUP BY product_id HAVING count(DISTINCT shopper) >= %(buyers)s
    ORDER BY product_id
    ON CONFLICT (product_id) DO UPDATE SET days = excluded.days, buyers = excluded.buyers
    RETURNING product_id
)
DELETE FROM {interval} AS old WHERE NOT EXISTS (SELECT FROM kept WHERE kept.product_id = old.product_id)
"""

_TABLES = {
    "interaction": Interaction._meta.db_table,
    "visitor": Visitor._meta.db_table,
    "score": ItemScore._meta.db_table,
    "interval": RepeatInterval._meta.db_table,
}


def roll_up_scores() -> None:
    """Replace all scores by what the log says now; readers see the old ones until the commit.

    Of the products that nobody chose a sample is kept, another each time.
    """
    weights = {kind: settings.INTERACTION_WEIGHTS[KIND_NAMES[kind]] for kind in Kind}
    _replace(
        f"{_SCORES}; {_UNCHOSEN}",
        ItemScore,
        window=settings.TRENDING_DAYS,
        baseline=BASELINE,
        longest=settings.TRENDING_DAYS * (1 + BASELINE),
        days=max(settings.POPULAR_DAYS, settings.TRENDING_DAYS * (1 + BASELINE)),
        half_life=max(settings.POPULAR_DAYS / 2, 1),
        kinds=[kind.value for kind in weights],
        weights=list(weights.values()),
        sample=UNCHOSEN,
    )


def roll_up_intervals() -> None:
    """Replace all intervals of repetition by what the log says now."""
    _replace(_INTERVALS, RepeatInterval, purchase=Kind.PURCHASE.value, buyers=REPEATED_BY)


def _replace(statement: str, table: type[ItemScore | RepeatInterval], **parameters: Any) -> None:
    """Run it alone: two at a time would wait for each other's rows, or find them gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [table._meta.db_table])
        cursor.execute(statement.format(**_TABLES, **_product(connection)), parameters)


def _product(connection: BaseDatabaseWrapper) -> dict[str, str]:
    meta, quote = get_product_model()._meta, connection.ops.quote_name
    return {"product": quote(meta.db_table), "key": quote(str(meta.pk.column))}
