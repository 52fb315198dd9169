"""Ways to rank that no model learned: by rolled up scores, and as a list of products says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F, FilteredRelation, FloatField, Func, OrderBy, Q, QuerySet
from django.db.models.expressions import BaseExpression

from shop_recs.models import Kind
from shop_recs.serving.lookup import ListedPosition
from shop_recs.serving.rungs import Measured, Rung

_Products = TypeVar("_Products", bound=QuerySet[Any])

SCORES = "shop_recs_scores"


@dataclass(frozen=True)
class ScoreRung(Rung):
    """Ranks by rolled up scores, the same for everybody of a segment.

    Attributes:
        ranking: `"popular"` or `"trending"`.
        segment: empty for the whole shop.
    """

    ranking: str
    segment: str = ""
    personal: bool = False

    @property
    def source(self) -> str:
        return self.ranking

    @property
    def relation(self) -> str:
        return SCORES

    def known(self, products: _Products) -> _Products:
        return products.filter(shop_recs_scores__ranking=self.ranking, shop_recs_scores__segment=self.segment)

    def joined(self, products: _Products, alias: str) -> _Products:
        own = Q(shop_recs_scores__ranking=self.ranking, shop_recs_scores__segment=self.segment)
        return products.annotate(**{alias: FilteredRelation(SCORES, condition=own)})

    @property
    def shape(self) -> Hashable:
        return self

    def measures(self, alias: str) -> dict[str, BaseExpression | F]:
        negative = Func(f"{alias}__score", template="-%(expressions)s", output_field=FloatField())
        return {"distance": negative}

    def read(self, values: Mapping[str, Any]) -> Measured:
        return Measured(-values["distance"])

    def best_first(self, distance: str) -> OrderBy:
        return F(f"{SCORES}__score").desc()


class RareRung(ScoreRung):
    """Ranks by rolled up scores, the lowest first."""

    def measures(self, alias: str) -> dict[str, BaseExpression | F]:
        return {"distance": Func(f"{alias}__score", template="%(expressions)s", output_field=FloatField())}

    def best_first(self, distance: str) -> OrderBy:
        return F(f"{SCORES}__score").asc()


@dataclass(frozen=True, eq=False)
class ListedRung(Rung):
    """Ranks certain products in a given order: what the shopper viewed, or might buy again.

    Attributes:
        name: the source that lists give.
        products: keys, the best first, without repeats.
        kinds: what the shopper did with each.
    """

    name: str
    products: Sequence[Any]
    kinds: Sequence[Kind]
    personal: bool = True

    @property
    def source(self) -> str:
        return self.name

    def known(self, products: _Products) -> _Products:
        return products.filter(pk__in=self.products)

    def measures(self, alias: str) -> dict[str, BaseExpression | F]:
        return {"distance": ListedPosition(self.products)}

    def read(self, values: Mapping[str, Any]) -> Measured:
        position = int(values["distance"])
        return Measured(1.0 / position, kind=self.kinds[position - 1])
