"""Pools: the keys of a queryset's best products, which PostgreSQL ranks before it looks at any product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OrderBy, QuerySet

from shop_recs.conf import settings
from shop_recs.models import ItemVector
from shop_recs.serving import catalogue
from shop_recs.serving.arrays import PASSING, InPoolOfFew, InPools
from shop_recs.serving.rungs import Rung, VectorRung

_Products = TypeVar("_Products", bound=QuerySet[Any])

MEASURE = "_shop_recs_"

FEW = 20_000
"""Products under a narrow filter that are all measured; of more, a search of the index finds enough."""

FEW_IN_ORDER = 2_000
"""The same where an index has them in order: of more, the first that pass are soon found."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The best products of a queryset, to be looked at more closely.

    Attributes:
        products: the queryset.
        rung: that says which are best; without one the newest are.
        depth: how many.
        exact: do not let an index choose, which may miss some under a narrow filter.
    """

    products: QuerySet[Any]
    rung: Rung | None
    depth: int
    exact: bool = False

    @property
    def name(self) -> str:
        """What a failure counts for; that a scan is slow says nothing of the index."""
        if self.rung is None:
            return "newest"
        return f"{self.rung.source} exactly" if self.exact else self.rung.source


def among(pools: Iterable[Pool], *, enough: int | None = None, of: QuerySet[Any] | None = None) -> InPools:
    """Whether a product is in some pools; where `enough` are in the first, in that one.

    Args:
        pools: whose products are in question.
        enough: of the first pool, so that none of the others is made.
        of: few products, of which the pools are parts. They are looked up once for all pools: to find few, an
            index that has a pool in order would be read to its end.
    """
    if of is None:
        return InPools("pk", *(ArraySubquery(best(pool)) for pool in pools), enough=enough)
    within = InPools("pk", PASSING)
    narrowed = (replace(pool, products=pool.products.filter(within)) for pool in pools)
    arrays = [ArraySubquery(best(pool)) for pool in narrowed]
    return InPools("pk", *arrays, enough=enough, passing=ArraySubquery(_keys(of)))


def of_few(products: QuerySet[Any], rung: Rung, usual: QuerySet[Any]) -> InPoolOfFew:
    """Whether a product may be among the best: of all, where few pass the filters, else those as usual."""
    few, pool = FEW_IN_ORDER, PASSING
    if isinstance(rung, VectorRung) and rung.personal:
        few, pool = (
            FEW,
            ArraySubquery(_by_distance(PASSING, rung, using=products.db)[: usual.query.high_mark]),
        )
    passing = ArraySubquery(_keys(products)[: few + 1])
    return InPoolOfFew("pk", passing=passing, few=few, of_few=pool, of_many=ArraySubquery(usual.values("pk")))


def best(pool: Pool) -> QuerySet[Any, Any]:
    """The keys of a pool, the best first."""
    products, rung = _ungrouped(pool.products), pool.rung
    if rung is None:
        ranked, order = products, catalogue.newest_first(products.model)
    elif pool.exact and isinstance(rung, VectorRung) and rung.personal:
        # In a join the planner would have to know how many products pass the filters, and where it does not,
        # it reads the vectors of the whole catalogue.
        return _by_distance(ArraySubquery(_keys(products)), rung, using=products.db)[: pool.depth]
    else:
        rung = rung if pool.exact else searching(products, rung)
        ranked = rung.known(products).annotate(**measures(rung, 0, rung.relation))
        order = rung.best_first(f"{MEASURE}distance_0")
    keys: QuerySet[Any, Any] = in_order(ranked, [order]).values_list("pk", flat=True)
    return keys[: pool.depth]


def _by_distance(keys: Any, rung: VectorRung, *, using: str) -> QuerySet[Any, Any]:
    """The keys of an array that the rung knows, the best first; their vectors are looked up by key."""
    vectors = ItemVector.objects.using(using).filter(InPools("product_id", keys), version=rung.version.id)
    exact = measures(replace(rung, indexed=False), 0, "")
    measured = in_order(vectors.annotate(**exact), [F(f"{MEASURE}distance_0").asc()])
    known: QuerySet[Any, Any] = measured.values_list("product_id", flat=True)
    return known


def _keys(products: QuerySet[Any]) -> QuerySet[Any, Any]:
    return products.order_by().values("pk")


def _ungrouped(products: QuerySet[Any]) -> QuerySet[Any]:
    """The same products, of which the keys alone can be asked in any order."""
    if _is_plain(products):
        return products
    same: QuerySet[Any] = products.model._base_manager.using(products.db).filter(pk__in=_keys(products))
    return same


def searching(products: QuerySet[Any], rung: Rung) -> Rung:
    """The rung as it ranks these products: by its index, where that helps."""
    if isinstance(rung, VectorRung):
        return replace(rung, indexed=rung.personal and has_index(products, rung))
    return rung


def is_indexed(rung: Rung) -> TypeGuard[VectorRung]:
    """Whether the rung ranks by an index that may miss some."""
    return isinstance(rung, VectorRung) and rung.indexed


def has_index(products: QuerySet[Any], rung: Rung) -> bool:
    """Whether an index gives the products that the rung ranks in order."""
    large = isinstance(rung, VectorRung) and rung.version.item_count >= settings.EXACT_BELOW
    return large and _is_plain(products)


def _is_plain(products: QuerySet[Any]) -> bool:
    return not products.query.distinct and products.query.group_by is None


def in_order(products: _Products, order: Sequence[OrderBy]) -> _Products:
    """`products` in this order, whatever order they had."""
    if not products.query.standard_ordering:
        products = products.reverse()
    return products.order_by(*order)


def measures(rung: Rung, number: int, alias: str) -> dict[str, Any]:
    """What a rung measures, by the names that it has in a statement."""
    return {f"{MEASURE}{name}_{number}": measure for name, measure in rung.measures(alias).items()}
