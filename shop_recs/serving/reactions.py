"""What a shopper hides, and what was shown and left alone: expressions for larger statements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func

from shop_recs.models import FeedbackKind, Kind
from shop_recs.serving.whose import of_shopper
from shop_recs.tracking.identity import Shopper

HIDDEN_AT_MOST = 1_000
"""Products that a shopper can hide, the latest; nobody makes the shop's lists slow by hiding everything."""

SHOWN_LATELY = timedelta(days=14)
"""How long it counts that a product was shown."""

LISTS_AT_MOST = 500
"""Impressions of a shopper that are looked at, the latest."""

_HIDDEN = "given.kind = '{hide}'"

# Who takes a product after all is interested.
_NOT_INTERESTED = """given.kind = '{not_interested}' AND NOT EXISTS (
    SELECT FROM shop_recs_interaction AS later
    WHERE {of_shopper} AND later.product_id = given.product_id AND later.kind IN ({cart}, {purchase})
    AND later.occurred_at > given.created_at
)"""

# It mentions no column of what surrounds it, so PostgreSQL evaluates it once and before it looks at any row.
_GIVEN = """(
    SELECT jsonb_object_agg(product_id, true) FROM (
        SELECT given.product_id FROM shop_recs_feedback AS given
        WHERE {of_shopper} AND ({which}) ORDER BY given.created_at DESC LIMIT {at_most}
    ) AS latest
)"""

# The view that follows from an impression may be stored a moment before it. As text, since the driver would
# parse it anew for every row of a statement in which it stands.
_SHOWN = """(
    SELECT json_object_agg(product, times)::text FROM (
        SELECT seen.product, count(*) AS times
        FROM (
            SELECT jsonb_object_keys(products) AS product, seen_at FROM (
                SELECT products, seen_at FROM shop_recs_impression
                WHERE {of_shopper} AND seen_at > now() - interval '{days} days'
                ORDER BY seen_at DESC LIMIT {lists}
            ) AS impression
        ) AS seen
        LEFT JOIN (
            SELECT product_id::text AS product, max(occurred_at) AS last_at FROM shop_recs_interaction
            WHERE {of_shopper} AND occurred_at > now() - interval '{days} days'
            GROUP BY product_id
        ) AS chosen ON chosen.product = seen.product
        WHERE chosen.last_at IS NULL OR chosen.last_at < seen.seen_at - interval '1 minute'
        GROUP BY seen.product
    ) AS left_alone
)"""


def is_unwanted(key: str, condition: str) -> str:
    """SQL of whether the shopper of a condition is not interested in the product of a column."""
    return _is_given(key, condition, _NOT_INTERESTED)


def has_given(condition: str) -> str:
    """SQL of whether the shopper of a condition said anything of products."""
    return f"EXISTS (SELECT FROM shop_recs_feedback WHERE {condition})"


def shown(condition: str) -> str:
    """SQL of how often each product was lately shown to the shopper and left alone since, as JSON by key."""
    return _SHOWN.format(of_shopper=condition, days=SHOWN_LATELY.days, lists=LISTS_AT_MOST)


class IsHidden(Func):
    """Whether the shopper hides the product or is not interested in it."""

    output_field = BooleanField()

    def __init__(self, key: Any, *, shopper: Shopper) -> None:
        super().__init__(key)
        self.shopper = shopper

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, parameters = compiler.compile(self.source_expressions[0])
        condition, whom = of_shopper(self.shopper)
        given = _is_given(key, condition, f"{_HIDDEN} OR {_NOT_INTERESTED}")
        return given, (*whom * given.count(condition), *parameters)


def _is_given(key: str, condition: str, which: str) -> str:
    which = which.format(
        of_shopper=condition,
        hide=FeedbackKind.HIDE.value,
        not_interested=FeedbackKind.NOT_INTERESTED.value,
        cart=Kind.CART.value,
        purchase=Kind.PURCHASE.value,
    )
    given = _GIVEN.format(of_shopper=condition, which=which, at_most=HIDDEN_AT_MOST)
    return f"coalesce({given} ? ({key})::text, false)"
