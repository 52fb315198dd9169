"""What a placement's filter lets pass, and what has arrived lately."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import FieldError
from django.db.models import DateField, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from shop_recs.models import Placement
from shop_recs.serving import retrieve

NEWEST_WITHOUT_DATES = 100
"""So many products are new arrivals where a product does not say since when it is there."""


def filtered(products: QuerySet[Any], placement: Placement) -> QuerySet[Any]:
    """The products that the placement's filter lets pass.

    Raises:
        ValueError: there is no such filter.
    """
    rule = placement.filter
    if not rule:
        return products
    try:
        if isinstance(rule, Mapping):
            return products.filter(**rule)
        if "." in rule:
            chosen: QuerySet[Any] = import_string(rule)(products)
            return chosen
        named: QuerySet[Any] = getattr(products, rule)()
    except (FieldError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(
            f"The filter of placement {placement.slug!r} is {rule!r}, which cannot filter products: {error}"
        ) from error
    return named


def arrived(products: QuerySet[Any], days: int) -> QuerySet[Any]:
    """The products of the last days; where they have no date, the hundred newest."""
    name = retrieve.latest_field(products.model)
    if name and isinstance(products.model._meta.get_field(name), DateField):
        return products.filter(**{f"{name}__gte": timezone.now() - timedelta(days=days)})
    newest = products.model._base_manager.using(products.db)
    newest = newest.order_by(retrieve.newest_first(products.model)).values("pk")[:NEWEST_WITHOUT_DATES]
    return products.filter(pk__in=newest)
