"""The scores of a neighbour rung in SQL: looked up by the product's key, so that no queryset needs a join."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, FloatField, Func

from shop_recs.conf import get_product_model
from shop_recs.serving.ladder import NeighbourRung


class IsNeighbour(Func):
    """Whether the product is a neighbour of the rung's events; the index of the keys finds these."""

    output_field = BooleanField()

    def __init__(self, rung: NeighbourRung) -> None:
        super().__init__("pk")
        self.rung = rung

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, parameters = compiler.compile(self.source_expressions[0])
        keys, _ = self.rung.arrays
        return f"{key} = ANY({_keys(connection)})", (*parameters, keys)


class NeighbourScore(Func):
    """The rung's score of the product, or NULL where it is no neighbour."""

    output_field = FloatField()

    def __init__(self, rung: NeighbourRung) -> None:
        super().__init__("pk")
        self.rung = rung

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, parameters = compiler.compile(self.source_expressions[0])
        return looked_up(self.rung, key, parameters, connection)


def looked_up(
    rung: NeighbourRung, key: str, parameters: tuple[Any, ...], connection: BaseDatabaseWrapper
) -> tuple[str, tuple[Any, ...]]:
    """SQL of the rung's score, and its parameters, by those of a product's key."""
    known, (keys, scores) = _keys(connection), rung.arrays
    # A binary search of PostgreSQL's own; a join would have to fit whatever queryset the shop gives.
    found = f"(%s::float8[])[width_bucket({key}, {known})]"
    score = f"CASE WHEN {key} = ANY({known}) THEN {found} END"
    return score, (*parameters, keys, scores, *parameters, keys)


def _keys(connection: BaseDatabaseWrapper) -> str:
    return f"%s::{get_product_model()._meta.pk.rel_db_type(connection)}[]"
