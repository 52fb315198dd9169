"""Record what a shopper does, from the shop's own views: one insert, and never an error."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any, TypedDict, Unpack
from uuid import UUID, uuid4

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from shop_recs.conf import get_product_model
from shop_recs.models import KIND_NAMES, Kind, Visitor
from shop_recs.tracking.bots import from_bot
from shop_recs.tracking.consent import may_be_remembered
from shop_recs.tracking.failures import Refused, quietly
from shop_recs.tracking.identity import Shopper, bare, forget
from shop_recs.tracking.log import Event, append, append_for

MAX_QUANTITY = 2_147_483_647
MAX_PRICE = Decimal(10) ** 10


class Details(TypedDict, total=False):
    """What more there is to say of an interaction.

    Attributes:
        quantity: pieces, 1 or more.
        unit_price: price of one piece, in the shop's currency.
        order: the shop's reference of the order, 64 characters at most. A purchase that names its order is
            stored once, however often it is recorded.
        line: tells lines of the same order and product apart, where the shop has such.
        occurred_at: when it happened; now by default.
        recommendation_id: the list of recommendations that led to it.
        event_id: id of the event; the same id is stored once.
    """

    quantity: int
    unit_price: Decimal | float | None
    order: str
    line: str
    occurred_at: datetime | None
    recommendation_id: UUID | str | None
    event_id: UUID | str | None


def record_view(source: HttpRequest | Visitor, product: Model | Any, **details: Unpack[Details]) -> bool:
    """Record that the product's page was seen; see `record`."""
    return record(Kind.VIEW, source, product, **details)


def record_favourite(source: HttpRequest | Visitor, product: Model | Any, **details: Unpack[Details]) -> bool:
    """Record that the product was put on a wish list; see `record`."""
    return record(Kind.FAVOURITE, source, product, **details)


def record_cart(source: HttpRequest | Visitor, product: Model | Any, **details: Unpack[Details]) -> bool:
    """Record that the product was put into the cart; see `record`."""
    return record(Kind.CART, source, product, **details)


def record_purchase(source: HttpRequest | Visitor, product: Model | Any, **details: Unpack[Details]) -> bool:
    """Record that the product was bought; see `record`. Call it in the order's transaction, once per line."""
    return record(Kind.PURCHASE, source, product, **details)


def record(
    kind: Kind, source: HttpRequest | Visitor, product: Model | Any, **details: Unpack[Details]
) -> bool:
    """Append one interaction to the log, with one statement and, inside a transaction, a savepoint around it.

    Never raises: what cannot be recorded is logged. A transaction that is rolled back takes the row with it.
    In async code, `await sync_to_async(record_view)(request, product)`.

    Args:
        kind: what the shopper did.
        source: the request, whose cookie and user say who it is, or a visitor where there is no request.
        product: a product of the shop, or its key.
        **details: see `Details`.

    Returns:
        Whether a row was stored: not for bots, without consent, twice for one event, or after a failure.
    """
    with quietly(f"record a {KIND_NAMES[kind]}"):
        event = _event(kind, product, **details)
        if isinstance(source, Visitor):
            return _record_for_visitor(source, event)
        request = bare(source)
        if may_record(request):
            _, stored = append_for(request, lambda visitor_id: [event])
            return bool(stored)
    return False


def may_record(request: HttpRequest) -> bool:
    """Neither a bot nor somebody who may not be remembered; the latter's cookie is removed."""
    if not may_be_remembered(request):
        forget(request)
        return False
    return not from_bot(request)


def product_key(product: Model | Any) -> Any:
    """The key of a product, from the product or from anything that its key's field accepts.

    Raises:
        Refused: it is no product of the shop and no key of one.
    """
    model = get_product_model()
    if isinstance(product, Model):
        if not isinstance(product, model) or product.pk is None:
            raise Refused(f"{product!r} is no saved {model._meta.label}")
        return product.pk
    try:
        key = model._meta.pk.clean(product, None)
    except (ValidationError, TypeError, ValueError):
        key = None
    if key is None:
        raise Refused(f"{product!r} is no key of a {model._meta.label}")
    return key


def content_id(*parts: Any) -> UUID:
    """The id that follows from what an interaction is; imports make the same in SQL, which has no uuid5."""
    return UUID(bytes=sha256("\n".join(map(str, parts)).encode()).digest()[:16])


def _record_for_visitor(visitor: Visitor, event: Event) -> bool:
    stored = append(Shopper(visitor.pk, visitor.user_id), [event])
    if stored is None:
        raise Refused(f"visitor {visitor.pk} has been bound to another user since it was read; read it again")
    return bool(stored)


def _event(
    kind: Kind,
    product: Model | Any,
    *,
    quantity: int = 1,
    unit_price: Decimal | float | None = None,
    order: str = "",
    line: str = "",
    occurred_at: datetime | None = None,
    recommendation_id: UUID | str | None = None,
    event_id: UUID | str | None = None,
) -> Event:
    key = product_key(product)
    if event_id is None and order and kind == Kind.PURCHASE:
        event_id = content_id(order, key, line)
    return Event(
        id=_uuid("event_id", event_id) or uuid4(),
        product_id=key,
        kind=kind.value,
        occurred_at=timezone.now() if occurred_at is None else moment(occurred_at),
        quantity=_quantity(quantity),
        unit_price=_price(unit_price),
        order_reference=_reference(order),
        recommendation_id=_uuid("recommendation_id", recommendation_id),
    )


def moment(value: datetime) -> datetime:
    """A time as the project keeps times: aware with `USE_TZ`, else naive; a naive one is in the current zone.

    Raises:
        Refused: it is no time.
    """
    if not isinstance(value, datetime):
        raise Refused(f"occurred_at is {value!r}, not a datetime")
    if timezone.is_naive(value) == (not django_settings.USE_TZ):
        return value
    return timezone.make_aware(value) if django_settings.USE_TZ else timezone.make_naive(value)


def _quantity(value: int) -> int:
    try:
        whole = int(value)
    except (ValueError, TypeError, OverflowError):
        whole = 0
    if whole != value or not 1 <= whole <= MAX_QUANTITY:
        raise Refused(f"quantity is {value!r}; it must be a whole number from 1 to {MAX_QUANTITY}")
    return whole


def _price(value: Decimal | float | None) -> Decimal | None:
    if value is None:
        return None
    try:
        price = Decimal(str(value))
        fits = 0 <= price < MAX_PRICE
    except InvalidOperation:
        fits = False
    if not fits:
        raise Refused(f"unit_price is {value!r}; it must be a number from 0 to below {MAX_PRICE:,}")
    return price


def _reference(value: Any) -> str:
    reference = str(value)
    if len(reference) > 64 or "\x00" in reference:
        raise Refused(f"order is {reference[:80]!r}; a reference has 64 characters at most")
    return reference


def _uuid(name: str, value: UUID | str | None) -> UUID | None:
    try:
        return value if value is None or isinstance(value, UUID) else UUID(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise Refused(f"{name} is {value!r}, which is no UUID") from error
