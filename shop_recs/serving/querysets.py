"""The shop's own queryset, ranked: `Product.objects.filter(…).recommended_for(request)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Self, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, F, FilteredRelation, FloatField, Func, Model, Q, QuerySet
from django.db.models.fields import BigIntegerField
from django.http import HttpRequest
from pgvector import Vector

from shop_recs.conf import settings
from shop_recs.serving import catalogue, context, eligible, ladder
from shop_recs.serving.lookup import looked_up
from shop_recs.serving.pools import in_order
from shop_recs.serving.rungs import NeighbourRung, Rung, VectorRung
from shop_recs.tracking.identity import shown_to

_Product = TypeVar("_Product", bound=Model, covariant=True)
_Ranked = TypeVar("_Ranked", bound=QuerySet[Any])

VECTORS = "_shop_recs_of_version"


class LateRung:
    """The rung that ranks a queryset: found at its first evaluation, kept for all that is made of it."""

    def __init__(self, find: Callable[[], Iterator[Rung]]) -> None:
        self._find = find

    @cached_property
    def found(self) -> Rung | None:
        """The best rung, or None where nothing is published."""
        return next(self._find(), None)


class PinnedVersion(Expression):
    """The key of the rung's version where it ranks by vectors, else NULL."""

    output_field = BigIntegerField()

    def __init__(self, rung: LateRung) -> None:
        super().__init__()
        self.rung = rung

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        rung = self.rung.found
        return "%s::bigint", (rung.version.id if isinstance(rung, VectorRung) else None,)


class Score(Func):
    """A product's score by the rung, of its vector or of its key; NULL without a rung."""

    output_field = FloatField()
    arity = 2

    def __init__(self, vector: Any, key: Any, rung: LateRung) -> None:
        super().__init__(vector, key)
        self.rung = rung

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        rung = self.rung.found
        if rung is None:
            return "NULL::float8", ()
        by_vector, by_key = self.source_expressions
        if isinstance(rung, NeighbourRung):
            distance, parameters = looked_up(rung, compiler.compile(by_key), connection)
            return f"-({distance} ->> 0)::float8", parameters
        assert isinstance(rung, VectorRung)  # the ladder has no other
        vector, parameters = compiler.compile(by_vector)
        measured = f"1 - ({vector} <=> %s)" if rung.by_angle else f"-({vector} <#> %s)"
        return f"({measured})", (*parameters, Vector(rung.query).to_text())


class RecommendableQuerySet(QuerySet[_Product]):
    """A queryset that can rank; `objects = RecommendableQuerySet.as_manager()`, or a base of the shop's own.

    Both methods are lazy: building, filtering and slicing ask the database nothing. The first evaluation
    reads the context in a statement of its own and ranks in the second; what is made of the same queryset
    later keeps the version that was found then. Products without a score come last, the newest first. The
    scan is exact: in a large catalogue `shop_recs.recommended_for_you()`, which uses the index, is faster.
    """

    def recommended_for(self, request: HttpRequest) -> Self:
        """Ranked for whoever makes this request, without cart and, by setting, without what was bought.

        Annotated with `recommendation_score`.
        """
        shopper = shown_to(request)
        left_out = eligible.unwanted(
            shopper=shopper,
            request=request,
            bought=settings.EXCLUDE_PURCHASED,
            carted=True,
            feedback_of=shopper,
        )
        products = left_out.taken_from(self)
        return _ranked(products, lambda: ladder.for_shopper(context.of_shopper(shopper, using=products.db)))

    def similar_to(self, product_or_products: Any) -> Self:
        """Ranked by likeness to a product or to several; these are left out.

        Annotated with `recommendation_score`.
        """
        seeds = list(eligible.seeds(product_or_products))
        products = self.exclude(pk__in=seeds)
        return _ranked(products, lambda: ladder.for_similar(context.of_products(seeds, using=products.db)))


def _ranked(products: _Ranked, find: Callable[[], Iterator[Rung]]) -> _Ranked:
    rung = LateRung(find)
    of_version = Q(shop_recs_vectors__version=PinnedVersion(rung))
    scored = products.annotate(
        **{VECTORS: FilteredRelation("shop_recs_vectors", condition=of_version)}
    ).annotate(recommendation_score=Score(f"{VECTORS}__vector", "pk", rung))
    order = [F("recommendation_score").desc(nulls_last=True), catalogue.newest_first(products.model)]
    return in_order(scored, order)
