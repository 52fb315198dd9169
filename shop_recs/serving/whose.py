"""Which rows are a shopper's: conditions in SQL, on any table with a visitor."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from shop_recs.tracking.identity import Shopper


class Whose(Enum):
    """By what a shopper is known."""

    NOBODY = auto()
    VISITOR = auto()
    USER = auto()


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


def whose(shopper: Shopper) -> Whose:
    """By what a shopper is known."""
    if shopper == NOBODY:
        return Whose.NOBODY
    return Whose.VISITOR if shopper.user_id is None else Whose.USER


def of_named(known: Whose) -> str:
    """The condition of `of_shopper`, with `%(user)s` and `%(visitor)s` as its parameters."""
    condition = _VISITORS if known is Whose.USER else _VISITOR
    return condition.format(user="%(user)s", visitor="%(visitor)s")
