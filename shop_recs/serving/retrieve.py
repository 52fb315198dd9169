"""Ranks and filters in one statement: the shop's queryset, measured by what pinned versions learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from django.db.models import (
    BinaryField,
    BooleanField,
    Case,
    F,
    FilteredRelation,
    FloatField,
    Func,
    Model,
    OrderBy,
    Q,
    QuerySet,
    When,
)
from pgvector import Vector

from shop_recs.conf import settings
from shop_recs.serving.context import Context
from shop_recs.serving.ladder import Floats, NeighbourRung, Rung, VectorRung
from shop_recs.serving.lookup import IsNeighbour, NeighbourDistance

_Products = TypeVar("_Products", bound=QuerySet[Any])

DISTANCE = "_shop_recs_distance"
VECTOR = "_shop_recs_vector"


@dataclass(frozen=True, slots=True)
class Row:
    """A product as a statement ranked it: by which rung (None: by age alone), how well, and what explains it.

    Attributes:
        vector: the product's vector there, where the rung ranks by vectors and for each shopper.
        place: of the event that adds most to it, where the rung ranks by neighbours.
    """

    product: Any
    rung: Rung | None
    score: float
    vector: Floats | None = None
    place: int | None = None


class SearchOn(Func):
    """Always true; makes a search of the index go on until enough rows have passed the filters.

    A condition without columns is evaluated before the scan begins, and `set_config(…, true)` lasts until the
    transaction ends: with this statement, unless the shop opened one. So none need be opened for it.
    """

    template = (
        "(SELECT set_config('hnsw.ef_search', '100', true) || "
        "set_config('hnsw.iterative_scan', 'strict_order', true)) IS NOT NULL"
    )
    output_field = BooleanField()


def nearest(products: QuerySet[Any], rung: Rung, context: Context, *, limit: int) -> list[Row]:
    """The products that the rung ranks highest; what it does not know is not among them."""
    indexed = _has_index(products, rung)
    # The index gives its own order alone; any further key would sort the whole catalogue.
    order = [F(f"{DISTANCE}_0").asc()]
    if not indexed:
        order = [*_by_category(rung, products, context), *order, newest_first(products.model)]
    if isinstance(rung, NeighbourRung):
        ranked = products.filter(IsNeighbour(rung)).annotate(**_measures(rung, 0))
    else:
        ranked = products.filter(*[SearchOn()] * indexed, shop_recs_vectors__version=rung.version.id)
        ranked = ranked.annotate(**_measures(rung, 0, "shop_recs_vectors__vector", indexed=indexed))
    return [_row(product, [rung]) for product in in_order(ranked, order)[:limit]]


def remaining(products: QuerySet[Any], rungs: Sequence[Rung], context: Context, *, limit: int) -> list[Row]:
    """Products by several rungs in turn, each for what those before do not know; then the newest."""
    order: list[OrderBy] = []
    ranked = products
    for number, rung in enumerate(rungs):
        vectors = f"_shop_recs_{number}"
        if isinstance(rung, VectorRung):
            of_version = Q(shop_recs_vectors__version=rung.version.id)
            ranked = ranked.annotate(**{vectors: FilteredRelation("shop_recs_vectors", condition=of_version)})
        ranked = ranked.annotate(**_measures(rung, number, f"{vectors}__vector"))
        order += _by_category(rung, products, context)
        order.append(F(f"{DISTANCE}_{number}").asc(nulls_last=True))
    if all(rung.personal for rung in rungs):
        order += _by_category(None, products, context)
    order.append(newest_first(products.model))
    return [_row(product, rungs) for product in in_order(ranked, order)[:limit]]


def _distance(rung: VectorRung, vector: str, *, indexed: bool = False) -> Func:
    """How far a column of vectors is from the rung's query vector, in the words of its index."""
    # An index serves the very expression it was built on, and that names the number of dimensions.
    cast = f"::vector({rung.version.dimensions})" if indexed else ""
    operator, query = "<=>" if rung.by_angle else "<#>", Vector(rung.query).to_text()
    return Func(vector, template=f"(%(expressions)s){cast} {operator} '{query}'", output_field=FloatField())


def _score(rung: VectorRung, distance: float) -> float:
    """The cosine or the inner product behind a distance; higher is better."""
    return 1.0 - distance if rung.by_angle else -distance


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


def _has_index(products: QuerySet[Any], rung: Rung) -> bool:
    large = isinstance(rung, VectorRung) and rung.version.item_count >= settings.EXACT_BELOW
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


def _measures(rung: Rung, number: int, vector: str = "", *, indexed: bool = False) -> dict[str, Any]:
    """Annotations: the distance by the rung and, for explaining it, the product's vector."""
    if isinstance(rung, NeighbourRung):
        return {f"{DISTANCE}_{number}": NeighbourDistance(rung)}
    measures: dict[str, Any] = {f"{DISTANCE}_{number}": _distance(rung, vector, indexed=indexed)}
    if rung.personal:
        # Bytes are read faster; without an index they would be packed for every product there is.
        packed = Func(vector, function="vector_send", output_field=BinaryField())
        measures[f"{VECTOR}_{number}"] = packed if indexed else F(vector)
    return measures


def _row(product: Any, rungs: Sequence[Rung]) -> Row:
    """The product by the first rung that knows it; the instance is left as the shop would have loaded it."""
    found = Row(product, None, 0.0)
    for number, rung in reversed(list(enumerate(rungs))):
        distance = product.__dict__.pop(f"{DISTANCE}_{number}")
        vector = product.__dict__.pop(f"{VECTOR}_{number}", None)
        if distance is None:
            continue
        if isinstance(rung, NeighbourRung):
            found = Row(product, rung, -distance[0], place=distance[1])
        else:
            found = Row(product, rung, _score(rung, distance), vector=_unpacked(vector))
    return found


def _unpacked(vector: bytes | list[float] | None) -> Floats | None:
    if isinstance(vector, bytes):
        return np.frombuffer(vector, dtype=">f4", offset=4).astype(np.float32)
    return None if vector is None else np.asarray(vector, dtype=np.float32)
