"""Which products may be in a list: what the shop offers, less what this shopper need not see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.db.models import Manager, Model, Q, QuerySet, Subquery
from django.db.models.functions import Greatest
from django.db.models.query import ModelIterable
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from shop_recs.conf import get_product_model, settings
from shop_recs.models import Interaction, Kind, Visitor
from shop_recs.serving.context import NOBODY
from shop_recs.tracking.identity import Shopper

_Products = TypeVar("_Products", bound=QuerySet[Any])

CART_LASTS = timedelta(days=30)
"""What was carted longer ago no longer counts as in the cart, where the shop does not say what is."""


def available() -> QuerySet[Any]:
    """The products that may be shown, by `SHOP_RECS["AVAILABLE"]`."""
    products: QuerySet[Any] = get_product_model()._default_manager.all()
    rule = settings.AVAILABLE
    if isinstance(rule, str):
        filtered: QuerySet[Any] = import_string(rule)(products)
        return filtered
    return products.filter(**rule)


def candidates(products: QuerySet[Any] | Manager[Any] | None) -> QuerySet[Any]:
    """The products to rank: the caller's own queryset as it is, or else the available ones.

    Raises:
        TypeError: it is no queryset of product instances.
        ValueError: it is a queryset that cannot be ranked any more.
    """
    if products is None:
        return available()
    queryset = products.all() if isinstance(products, Manager) else products
    model = get_product_model()
    if not isinstance(queryset, QuerySet) or not issubclass(queryset.model, model):
        raise TypeError(f"products must be a queryset of {model._meta.label}, not {type(products).__name__}")
    if queryset._iterable_class is not ModelIterable:
        raise TypeError("products must give product instances; leave values() and values_list() out")
    if problem := _unrankable(queryset):
        raise ValueError(
            f"products is {problem} and cannot be ranked any more; write "
            f"{model.__name__}.objects.filter(pk__in=queryset.values('pk')) instead"
        )
    return queryset


def leave_out(
    products: _Products,
    keys: Iterable[Any] = (),
    *,
    shopper: Shopper,
    request: HttpRequest | None,
    bought: bool,
) -> _Products:
    """`products` without some, without the cart and, with `bought`, without what the shopper ever bought."""
    cart = import_string(settings.CART)(request) if settings.CART and request else ()
    if left_out := {key_of(product) for product in (*keys, *cart)}:
        products = products.exclude(pk__in=left_out)
    log = _log_of(shopper)
    unwanted = [Q(kind=Kind.PURCHASE)] if bought else []
    if settings.CART is None:
        unwanted.append(Q(kind=Kind.CART, occurred_at__gt=_cart_began(log)))
    if not unwanted or shopper == NOBODY:
        return products
    # A subquery rather than keys: the log is read in the statement that ranks, however long it is.
    return products.exclude(pk__in=log.filter(reduce(or_, unwanted)).values("product_id"))


def seeds(product_or_products: Any) -> dict[Any, Any]:
    """The products that a list of similar ones starts from, by key and in order.

    Raises:
        TypeError: one of them is no product.
    """
    model = get_product_model()
    one = isinstance(product_or_products, Model)
    products = [product_or_products] if one else list(product_or_products)
    if wrong := [product for product in products if not isinstance(product, model)]:
        raise TypeError(f"similar items need instances of {model._meta.label}, not {wrong[0]!r:.100}")
    return {product.pk: product for product in products}


def key_of(product: Any) -> Any:
    """The key of a product that is given as an instance or by its key."""
    return getattr(product, "pk", product)


def _unrankable(queryset: QuerySet[Any]) -> str | None:
    query = queryset.query
    if query.is_sliced:
        return "sliced"
    if query.combinator:
        return f"made by {query.combinator}()"
    return "distinct on some fields" if query.distinct_fields else None


def _log_of(shopper: Shopper) -> QuerySet[Interaction]:
    this = Q(pk=shopper.visitor_id) if shopper.visitor_id is not None else Q()
    same_user = Q(user_id=shopper.user_id) if shopper.user_id is not None else Q()
    return Interaction.objects.filter(visitor__in=Visitor.objects.filter(this | same_user).values("pk"))


def _cart_began(log: QuerySet[Interaction]) -> Greatest:
    """The shopper's last purchase, or `CART_LASTS` ago where that is later."""
    last = log.filter(kind=Kind.PURCHASE).order_by("-occurred_at").values("occurred_at")[:1]
    return Greatest(Subquery(last), timezone.now() - CART_LASTS)
