"""What the shop's products say of their age and of their category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Case, F, Model, OrderBy, Q, QuerySet, When

from shop_recs.conf import settings

if TYPE_CHECKING:
    from shop_recs.serving.context import Context


def newest_first(model: type[Model]) -> OrderBy:
    """By `Meta.get_latest_by`, else by the time of creation, else by key."""
    name = latest_field(model)
    return F(name).desc(nulls_last=True) if name else F("pk").desc()


def latest_field(model: type[Model]) -> str | None:
    """The field that says which product is newer, where there is one."""
    latest = model._meta.get_latest_by or _creation_field(model)
    if latest is None:
        return None
    first = latest if isinstance(latest, str) else latest[0]
    return first.removeprefix("-")


def _creation_field(model: type[Model]) -> str | None:
    return next((field.name for field in model._meta.fields if getattr(field, "auto_now_add", False)), None)


def of_same_category(products: QuerySet[Any], context: Context) -> QuerySet[Any]:
    """The products of the events' categories; all of them where products have no category."""
    own = _own_categories(products, context)
    return products if own is None or not context.events else products.filter(own)


def own_category(products: QuerySet[Any], context: Context) -> Case | None:
    """Whether a product shares a category with one of the events; None where nothing can be said of it."""
    own = _own_categories(products, context)
    if own is None or not context.events:
        return None
    return Case(When(own, then=True), default=False, output_field=BooleanField())


def _own_categories(products: QuerySet[Any], context: Context) -> Q | None:
    category = category_field(products.model)
    if category is None:
        return None
    seen = products.model._base_manager.using(products.db).filter(
        pk__in={event.product for event in context.events}
    )
    return Q(**{f"{category}__in": seen.values(category)})


def category_field(model: type[Model]) -> str | None:
    """The product's column for its category, where it has one."""
    name = settings.PRODUCT_FIELDS["category"]
    return name if name in {field.name for field in model._meta.concrete_fields} else None
