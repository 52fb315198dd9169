"""Whether a key is in arrays of keys that PostgreSQL makes before it looks at any product."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func
from django.db.models.expressions import RawSQL

Compiled = tuple[str, tuple[Any, ...]]
"""SQL and its parameters."""

PASSING: Any = RawSQL("passing.keys", ())
"""In a pool, the keys of the products that pass the filters, which were looked up once for all pools."""

# Without `coalesce`, `ANY` would take the SELECT for one of rows.
_ENOUGH = """coalesce((
    WITH first AS MATERIALIZED (SELECT {first} AS keys)
    SELECT CASE WHEN cardinality(keys) < {enough} THEN keys || {others} ELSE keys END FROM first
))"""

_OF_PASSING = """coalesce((
    WITH passing AS MATERIALIZED (SELECT {passing} AS keys)
    SELECT {made} FROM passing
))"""

_IF_FEW = "CASE WHEN cardinality(passing.keys) <= {few} THEN {of_few} ELSE {of_many} END"

_EMPTY: Compiled = ("'{}'", ())


class InPools(Func):
    """Whether a key is in any of some arrays of keys, each made once.

    Args:
        enough: if there are so many in the first array, none of the others is made.
        passing: a further array, of which they are made, as `PASSING`.
    """

    output_field = BooleanField()

    def __init__(self, key: Any, *pools: Any, enough: int | None = None, passing: Any = None) -> None:
        super().__init__(key, *pools, *([] if passing is None else [passing]))
        self.enough = enough
        self.of_passing = passing is not None

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> Compiled:
        key, *pools = (_compiled(part, compiler) for part in self.source_expressions)
        if all(pool == _EMPTY for pool in pools):
            raise EmptyResultSet
        passing = [pools.pop()] if self.of_passing else []
        arrays = " || ".join(sql for sql, _ in pools)
        if self.enough is not None and len(pools) > 1:
            first, others = pools[0][0], " || ".join(sql for sql, _ in pools[1:])
            arrays = _ENOUGH.format(first=first, others=others, enough=self.enough)
        for sql, _ in passing:
            arrays = _OF_PASSING.format(passing=sql, made=arrays)
        return f"{key[0]} = ANY({arrays})", _given(key, *passing, *pools)


class InPoolOfFew(Func):
    """Whether a key is in one of two arrays: that of few keys, or that of many.

    Args:
        passing: an array of keys.
        few: if it has no more than so many, `of_few` is made.
        of_few: made of them, as `PASSING`.
        of_many: made otherwise.
    """

    output_field = BooleanField()

    def __init__(self, key: Any, *, passing: Any, few: int, of_few: Any, of_many: Any) -> None:
        super().__init__(key, passing, of_few, of_many)
        self.few = few

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> Compiled:
        parts = [compiler.compile(part) for part in self.source_expressions]
        key, passing, of_few, of_many = (sql for sql, _ in parts)
        made = _IF_FEW.format(few=self.few, of_few=of_few, of_many=of_many)
        return f"{key} = ANY({_OF_PASSING.format(passing=passing, made=made)})", _given(*parts)


def _compiled(part: Any, compiler: Any) -> Compiled:
    """The SQL of a key or a pool; Django refuses that of a pool which it knows to be empty."""
    try:
        sql, parameters = compiler.compile(part)
    except EmptyResultSet:
        return _EMPTY
    return sql, tuple(parameters)


def _given(*parts: Compiled) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(parameters for _, parameters in parts))
