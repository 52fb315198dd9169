"""What a placement's filter lets pass, and what has arrived lately."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.db.models import DateField, QuerySet
from django.db.models.sql.datastructures import Join
from django.utils import timezone
from django.utils.module_loading import import_string

from shop_recs.exceptions import BrokenFilter, InvalidAsk
from shop_recs.models import Placement
from shop_recs.serving import catalogue

NEWEST_WITHOUT_DATES = 100
"""So many products are new arrivals where a product does not say since when it is there."""


def filtered(products: QuerySet[Any], placement: Placement) -> QuerySet[Any]:
    """The products that the placement's filter lets pass.

    Raises:
        BrokenFilter: there is no such filter.
    """
    if not placement.filter:
        return products
    return passing(products, placement.filter, of=f"placement {placement.slug!r}")


def passing(products: QuerySet[Any], rule: Any, *, of: str) -> QuerySet[Any]:
    """The products that pass keyword arguments of `filter()`, a function by its path, or a queryset's method.

    Args:
        of: whose filter it is, for the error.

    Raises:
        BrokenFilter: there is no such filter.
    """
    try:
        chosen = _chosen(products, rule)
        if not isinstance(chosen, QuerySet) or chosen.model is not products.model:
            raise TypeError("it gives no queryset of the same products")
        if chosen.query.is_sliced or chosen.query.combinator:
            raise TypeError("it gives a slice or a union, which cannot be filtered any further")
    except (FieldError, TypeError, ValueError, AttributeError, ImportError, ValidationError) as error:
        raise BrokenFilter(
            f"The filter of {of} is {rule!r}, which cannot filter products: {error}"
        ) from error
    return _once(products, chosen)


def _once(products: QuerySet[Any], chosen: QuerySet[Any]) -> QuerySet[Any]:
    """`chosen`, where a condition on several related rows does not repeat a product for each of them."""
    query = chosen.query
    related = (table.join_field for table in query.alias_map.values() if isinstance(table, Join))
    if (
        query.distinct
        or query.group_by is not None
        or not any(getattr(field, "one_to_many", False) for field in related)
    ):
        return chosen
    return products.filter(pk__in=chosen.order_by().values("pk"))


def _chosen(products: QuerySet[Any], rule: Any) -> Any:
    if isinstance(rule, Mapping):
        # Django's own arguments, `_connector` for one, are no conditions; before 5.2.8 they let SQL in.
        if private := [name for name in rule if name.startswith("_")]:
            raise TypeError(f"{private[0]} is no field")
        return products.filter(**rule)
    if "." in rule:
        return import_string(rule)(products)
    # Nobody who may edit a list shall be able to call delete().
    if rule.startswith("_") or hasattr(QuerySet, rule):
        raise TypeError("it is no method that the shop wrote")
    return getattr(products, rule)()


def of_category(products: QuerySet[Any], category: Any) -> QuerySet[Any]:
    """The products of a category, which is given by its key or as its name is written.

    Raises:
        InvalidAsk: products have no category, or it is none.
    """
    field = catalogue.category_field(products.model)
    if field is None:
        raise InvalidAsk(
            'Products have no category; name its field in SHOP_RECS["PRODUCT_FIELDS"].', field="category"
        )
    try:
        return products.filter(**{field: category})
    except (TypeError, ValueError, ValidationError) as error:
        raise InvalidAsk(f"{category!r:.60} is no category of a product.", field="category") from error


def arrived(products: QuerySet[Any], days: int) -> QuerySet[Any]:
    """The products of the last days; where they have no date, the hundred newest."""
    name = catalogue.latest_field(products.model)
    if name and isinstance(products.model._meta.get_field(name), DateField):
        return products.filter(**{f"{name}__gte": timezone.now() - timedelta(days=days)})
    newest = products.model._base_manager.using(products.db)
    newest = newest.order_by(catalogue.newest_first(products.model)).values("pk")[:NEWEST_WITHOUT_DATES]
    return products.filter(pk__in=newest)
