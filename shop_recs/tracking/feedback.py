"""What a shopper does not want to see: said with one statement, and taken back."""

from __future__ import annotations

from typing import Any

from django.db import connections, router
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils import timezone

from shop_recs.models import Feedback, FeedbackKind, Visitor
from shop_recs.tracking.failures import quietly
from shop_recs.tracking.identity import bare, shopper_of
from shop_recs.tracking.log import Insert, savepoint, store_for
from shop_recs.tracking.record import may_record, product_key

_INSERT = """
    INSERT INTO shop_recs_feedback AS given (visitor_id, product_id, kind, created_at)
    SELECT owner.id, %s::{product_type}, %s::varchar, %s::timestamptz FROM owner
    ON CONFLICT (visitor_id, product_id) DO UPDATE SET kind = excluded.kind, created_at = excluded.created_at
    RETURNING given.id
"""


def hide(request: HttpRequest, product: Model | Any) -> bool:
    """Show the product to this shopper in no list any more; see `give`."""
    return give(request, FeedbackKind.HIDE, product)


def not_interested(request: HttpRequest, product: Model | Any) -> bool:
    """The same, and recommend nothing for what the shopper did with it; see `give`.

    It ends where the shopper puts the product into the cart or buys it after all.
    """
    return give(request, FeedbackKind.NOT_INTERESTED, product)


def give(request: HttpRequest, kind: FeedbackKind, product: Model | Any) -> bool:
    """Store what the shopper says of a product, instead of what was said of it before; one statement.

    Never raises: what cannot be stored is logged.

    Returns:
        Whether it was stored: not for bots, without consent, or after a failure.
    """
    with quietly(f"store the feedback {kind}"):
        key, request = product_key(product), bare(request)
        if may_record(request):
            insert = _insert(kind, key)
            _, stored = store_for(request, lambda visitor_id: insert)
            return bool(stored)
    return False


def show_again(request: HttpRequest, product: Model | Any) -> bool:
    """Take back what the shopper said of the product, on whichever device.

    Never raises: what cannot be taken back is logged.

    Returns:
        Whether there was something.
    """
    with quietly("take feedback back"):
        key, shopper = product_key(product), shopper_of(request)
        whose = Q(pk=shopper.visitor_id, user=None)
        if shopper.user_id is not None:
            whose |= Q(user=shopper.user_id)
        given = Feedback.objects.filter(product=key, visitor__in=Visitor.objects.filter(whose))
        with savepoint(router.db_for_write(Feedback)):
            deleted, _ = given.delete()
        return deleted > 0
    return False


def _insert(kind: FeedbackKind, key: Any) -> Insert:
    product = Feedback._meta.get_field("product")
    product_type = product.db_type(connections[router.db_for_write(Feedback)])
    return Insert(_INSERT.format(product_type=product_type), [key, kind.value, timezone.now()])
