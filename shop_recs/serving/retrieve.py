"""Ranks and filters in one statement: the shop's queryset, measured by what pinned versions learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db.models import Case, F, Model, OrderBy, Q, QuerySet, When

from shop_recs.conf import settings
from shop_recs.serving.context import Context
from shop_recs.serving.rungs import Measured, Rung, VectorRung

_Products = TypeVar("_Products", bound=QuerySet[Any])

MEASURE = "_shop_recs_"


@dataclass(frozen=True, slots=True)
class Row:
    """A product as a statement ranked it: by which rung (None: by age alone), and what that says of it."""

    product: Any
    rung: Rung | None
    measured: Measured


def nearest(products: QuerySet[Any], rung: Rung, context: Context, *, limit: int) -> list[Row]:
    """The products that the rung ranks highest; what it does not know is not among them."""
    if isinstance(rung, VectorRung):
        rung = replace(rung, indexed=_has_index(products, rung))
    # The index gives its own order alone; any further key would sort the whole catalogue.
    order = [F(f"{MEASURE}distance_0").asc()]
    if not (isinstance(rung, VectorRung) and rung.indexed):
        order = [*_by_category(rung, products, context), *order, newest_first(products.model)]
    ranked = rung.known(products).annotate(**_measures(rung, 0, rung.relation))
    return [_row(product, [rung]) for product in in_order(ranked, order)[:limit]]


def remaining(products: QuerySet[Any], rungs: Sequence[Rung], context: Context, *, limit: int) -> list[Row]:
    """Products by several rungs in turn, each for what those before do not know; then the newest."""
    order: list[OrderBy] = []
    ranked = products
    for number, rung in enumerate(rungs):
        alias = f"{MEASURE}joined_{number}"
        ranked = rung.joined(ranked, alias).annotate(**_measures(rung, number, alias))
        order += _by_category(rung, products, context)
        order.append(F(f"{MEASURE}distance_{number}").asc(nulls_last=True))
    if all(rung.personal for rung in rungs):
        order += _by_category(None, products, context)
    order.append(newest_first(products.model))
    return [_row(product, rungs) for product in in_order(ranked, order)[:limit]]


def in_order(products: _Products, order: Sequence[OrderBy]) -> _Products:
    """`products` in this order, whatever order they had."""
    if not products.query.standard_ordering:
        products = products.reverse()
    return products.order_by(*order)


def newest_first(model: type[Model]) -> OrderBy:
    """By `Meta.get_latest_by`, else by the time of creation, else by key."""
    latest = model._meta.get_latest_by or _creation_field(model)
    if latest is None:
        return F("pk").desc()
    first = latest if isinstance(latest, str) else latest[0]
    return F(first.removeprefix("-")).desc(nulls_last=True)


def _creation_field(model: type[Model]) -> str | None:
    return next((field.name for field in model._meta.fields if getattr(field, "auto_now_add", False)), None)


def _has_index(products: QuerySet[Any], rung: VectorRung) -> bool:
    large = rung.version.item_count >= settings.EXACT_BELOW
    return large and rung.personal and not products.query.distinct and products.query.group_by is None


def of_same_category(products: QuerySet[Any], context: Context) -> QuerySet[Any]:
    """The products of the events' categories; all of them where products have no category."""
    own = _own_categories(products, context)
    return products if own is None or not context.events else products.filter(own)


def _by_category(rung: Rung | None, products: QuerySet[Any], context: Context) -> list[OrderBy]:
    """Puts the categories of the events first where a ranking is otherwise the same for everybody."""
    own = _own_categories(products, context)
    if own is None or not context.events or (rung and rung.personal):
        return []
    return [Case(When(own, then=0), default=1).asc()]


def _own_categories(products: QuerySet[Any], context: Context) -> Q | None:
    category = _category(products.model)
    if category is None:
        return None
    seen = products.model._base_manager.using(products.db).filter(
        pk__in={event.product for event in context.events}
    )
    return Q(**{f"{category}__in": seen.values(category)})


def _category(model: type[Model]) -> str | None:
    """The product's column for its category, where it has one."""
    name = settings.PRODUCT_FIELDS["category"]
    return name if name in {field.name for field in model._meta.concrete_fields} else None


def _measures(rung: Rung, number: int, alias: str) -> dict[str, Any]:
    return {f"{MEASURE}{name}_{number}": measure for name, measure in rung.measures(alias).items()}


def _row(product: Any, rungs: Sequence[Rung]) -> Row:
    """The product by the first rung that knows it; the instance is left as the shop would have loaded it."""
    found = Row(product, None, Measured(0.0))
    for number, rung in reversed(list(enumerate(rungs))):
        values = _taken(product, number)
        if values["distance"] is not None:
            found = Row(product, rung, rung.read(values))
    return found


def _taken(product: Any, number: int) -> dict[str, Any]:
    """What a rung measured of a product, taken off the instance."""
    named = {name: f"{MEASURE}{name}_{number}" for name in ("distance", "vector")}
    return {name: product.__dict__.pop(field, None) for name, field in named.items()}
