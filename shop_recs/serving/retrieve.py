"""Ranks and filters in one statement: the shop's queryset, measured by what pinned versions learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Case, F, Func, Model, OrderBy, Q, QuerySet, When

from shop_recs.conf import settings
from shop_recs.serving.context import Context
from shop_recs.serving.rungs import Measured, Rung, VectorRung

_Products = TypeVar("_Products", bound=QuerySet[Any])

MEASURE = "_shop_recs_"


@dataclass(frozen=True, slots=True)
class Row:
    """A product in a list: by which rung (None: by age alone), and what that says of it.

    `parts` says how much each source added to the score, where several were blended.
    """

    product: Any
    rung: Rung | None
    measured: Measured
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that some rungs know, and what each of them says of it."""

    product: Any
    measured: Mapping[Rung, Measured]


class InPools(Func):
    """Whether a key is in any of some arrays of keys, each made once."""

    output_field = BooleanField()

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, *pools = (compiler.compile(part) for part in self.source_expressions)
        arrays = " || ".join(sql for sql, _ in pools)
        return f"{key[0]} = ANY({arrays})", (*key[1], *chain.from_iterable(given for _, given in pools))


def nearest(products: QuerySet[Any], rung: Rung, context: Context, *, limit: int) -> list[Row]:
    """The products that the rung ranks highest; what it does not know is not among them."""
    ranked, rung = _known(products, rung)
    # The index gives its own order alone; any further key would sort the whole catalogue.
    order = [F(f"{MEASURE}distance_0").asc()]
    if not (isinstance(rung, VectorRung) and rung.indexed):
        order = [*_by_category(rung, products, context), *order, newest_first(products.model)]
    ranked = ranked.annotate(**_measures(rung, 0, rung.relation))
    return [_row(product, [rung]) for product in in_order(ranked, order)[:limit]]


def pooled(products: QuerySet[Any], rungs: Sequence[Rung], *, depth: int) -> list[Candidate]:
    """The best `depth` products of each rung, together, each as all rungs measure it; one statement.

    The pools are arrays of keys, each ranked by its own index before the products are looked at.
    """
    pools = []
    for rung in rungs:
        known, rung = _known(products, rung)
        best = known.annotate(**_measures(rung, 0, rung.relation))
        pools.append(in_order(best, [F(f"{MEASURE}distance_0").asc()])[:depth].values("pk"))
    measured = products.filter(InPools("pk", *map(ArraySubquery, pools)))
    for number, rung in enumerate(rungs):
        alias = f"{MEASURE}joined_{number}"
        measured = rung.joined(measured, alias).annotate(**_measures(rung, number, alias))
    return [_candidate(product, rungs) for product in measured.order_by()]


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


def _known(products: QuerySet[Any], rung: Rung) -> tuple[QuerySet[Any], Rung]:
    """The products that a rung knows, and the rung as it ranks them: by its index, where that helps."""
    if isinstance(rung, VectorRung):
        rung = replace(rung, indexed=_has_index(products, rung))
    return rung.known(products), rung


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


def _candidate(product: Any, rungs: Sequence[Rung]) -> Candidate:
    """The product with what each rung that knows it says of it."""
    measured: dict[Rung, Measured] = {}
    for number, rung in enumerate(rungs):
        values = _taken(product, number)
        if values["distance"] is not None:
            measured[rung] = rung.read(values)
    return Candidate(product, measured)


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
