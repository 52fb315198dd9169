"""Which rows are a shopper's: conditions in SQL, on any table with a visitor."""

from __future__ import annotations

from typing import Any

from shop_recs.tracking.identity import Shopper

NOBODY = Shopper(visitor_id=None, user_id=None)

# A visitor who is somebody's by now gives nothing away to whoever kept a copy of the cookie.
_VISITOR = "visitor_id = (SELECT id FROM shop_recs_visitor WHERE id = {visitor} AND user_id IS NULL)"
_VISITORS = (
    "visitor_id = ANY(ARRAY(SELECT id FROM shop_recs_visitor "
    "WHERE user_id = {user} OR (id = {visitor} AND user_id IS NULL)))"
)


def of_shopper(shopper: Shopper) -> tuple[str, tuple[Any, ...]]:
    """The condition that a row is the shopper's, and its parameters."""
    if shopper.user_id is None:
        return _VISITOR.format(visitor="%s"), (shopper.visitor_id,)
    return _VISITORS.format(user="%s", visitor="%s"), (shopper.user_id, shopper.visitor_id)


def of_named(shopper: Shopper) -> str:
    """The same condition, with `%(user)s` and `%(visitor)s` as its parameters."""
    condition = _VISITOR if shopper.user_id is None else _VISITORS
    return condition.format(user="%(user)s", visitor="%(visitor)s")
