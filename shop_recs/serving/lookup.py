"""Ranking by neighbours in SQL: sums made once in a statement, then looked up by the product's key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, FloatField, Func, JSONField

from shop_recs.conf import get_product_model
from shop_recs.serving.arrays import Compiled

if TYPE_CHECKING:
    from shop_recs.serving.rungs import NeighbourRung

# Neither mentions a column of the shop's queryset, so PostgreSQL evaluates each once and before it looks at
# any product. A join of the sums would be no faster, and would have to fit whatever queryset the shop gives.
_NEIGHBOURS = """ARRAY(
    SELECT neighbour_id FROM shop_recs_itemneighbour
    WHERE version_id = %s AND product_id = ANY(%s::{key_type}[])
)"""

# By key: the sum, negative so that less is better, and the place of the event that adds most, of equals the
# latest. Arrays compare by their first numbers, then by their second.
_SUMS = """(
    SELECT jsonb_object_agg(neighbour_id, ARRAY[-score, place])
    FROM (
        SELECT pair.neighbour_id, sum(pair.score * event.weight) AS score,
               (max(ARRAY[pair.score * event.weight, event.place]) FILTER (WHERE event.place IS NOT NULL))[2]
               AS place
        FROM unnest(%s::{key_type}[], %s::float8[], %s::float8[]) AS event(product_id, weight, place)
        JOIN shop_recs_itemneighbour AS pair
        ON pair.product_id = event.product_id AND pair.version_id = %s
        GROUP BY pair.neighbour_id
    ) AS neighbour
)"""


class _OfKey(Func, ABC):
    """An expression of the product's key."""

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> Compiled:
        return self.of_key(compiler.compile(self.source_expressions[0]), connection)

    @abstractmethod
    def of_key(self, key: Compiled, connection: BaseDatabaseWrapper) -> Compiled:
        """SQL and parameters, as is the key."""


class IsNeighbour(_OfKey):
    """Whether the product is a neighbour of the rung's events; the index of the keys finds these."""

    output_field = BooleanField()

    def __init__(self, rung: NeighbourRung) -> None:
        super().__init__("pk")
        self.rung = rung

    def of_key(self, key: Compiled, connection: BaseDatabaseWrapper) -> Compiled:
        neighbours = _NEIGHBOURS.format(key_type=key_type(connection))
        return f"{key[0]} = ANY({neighbours})", (*key[1], self.rung.version.id, self.rung.products)


class NeighbourDistance(_OfKey):
    """`[minus the rung's score, place of the event that adds most to it]`; NULL where it is no neighbour."""

    output_field = JSONField()

    def __init__(self, rung: NeighbourRung) -> None:
        super().__init__("pk")
        self.rung = rung

    def of_key(self, key: Compiled, connection: BaseDatabaseWrapper) -> Compiled:
        return looked_up(self.rung, key, connection)


class IsListed(_OfKey):
    """Whether the product's key is in a list, which may be a placeholder."""

    output_field = BooleanField()

    def __init__(self, keys: Any) -> None:
        super().__init__("pk")
        self.keys = keys

    def of_key(self, key: Compiled, connection: BaseDatabaseWrapper) -> Compiled:
        return f"{key[0]} = ANY(%s::{key_type(connection)}[])", (*key[1], self.keys)


class ListedPosition(_OfKey):
    """Where the product's key stands in a list, from 1; NULL where it does not."""

    output_field = FloatField()

    def __init__(self, keys: Sequence[Any]) -> None:
        super().__init__("pk")
        self.keys = keys

    def of_key(self, key: Compiled, connection: BaseDatabaseWrapper) -> Compiled:
        position = f"array_position(%s::{key_type(connection)}[], {key[0]})::float8"
        return position, (list(self.keys), *key[1])


def looked_up(rung: NeighbourRung, key: Compiled, connection: BaseDatabaseWrapper) -> Compiled:
    """What `NeighbourDistance` is of the product with this key; SQL and parameters, as is the key."""
    sums = _SUMS.format(key_type=key_type(connection))
    events = (rung.products, rung.weights, rung.places, rung.version.id)
    return f"({sums} -> ({key[0]})::text)", (*events, *key[1])


def key_type(connection: BaseDatabaseWrapper) -> str:
    """The database's type of a product's key."""
    return str(get_product_model()._meta.pk.rel_db_type(connection))
