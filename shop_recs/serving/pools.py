"""Whether a product is in pools of keys that PostgreSQL ranks before it looks at any product."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func

# Without `coalesce`, `ANY` would take the SELECT for one of rows.
_ENOUGH = """coalesce((
    WITH first AS MATERIALIZED (SELECT {first} AS keys)
    SELECT CASE WHEN cardinality(keys) < {enough} THEN keys || {others} ELSE keys END FROM first
))"""

_OF_FEW = """coalesce((
    WITH passing AS MATERIALIZED (SELECT {passing} AS keys)
    SELECT CASE WHEN cardinality(keys) <= {few} THEN {of_few} ELSE {of_many} END FROM passing
))"""

_EMPTY = ("'{}'", ())


class InPools(Func):
    """Whether a key is in any of some arrays of keys, each made once.

    Args:
        enough: if there are so many in the first array, none of the others is made.
    """

    output_field = BooleanField()

    def __init__(self, key: Any, *pools: Any, enough: int | None = None) -> None:
        super().__init__(key, *pools)
        self.enough = enough

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, *pools = (_compiled(part, compiler) for part in self.source_expressions)
        if all(pool == _EMPTY for pool in pools):
            raise EmptyResultSet
        arrays = " || ".join(sql for sql, _ in pools)
        if self.enough is not None and len(pools) > 1:
            first, others = pools[0][0], " || ".join(sql for sql, _ in pools[1:])
            arrays = _ENOUGH.format(first=first, others=others, enough=self.enough)
        return f"{key[0]} = ANY({arrays})", (*key[1], *chain.from_iterable(given for _, given in pools))


class InPoolOfFew(Func):
    """Whether a key is in one of two arrays: that of few keys, or that of many.

    Args:
        passing: an array of keys.
        few: if it has no more than so many, `of_few` is made.
        of_few: made of them, as `passing.keys`.
        of_many: made otherwise.
    """

    output_field = BooleanField()

    def __init__(self, key: Any, *, passing: Any, few: int, of_few: Any, of_many: Any) -> None:
        super().__init__(key, passing, of_few, of_many)
        self.few = few

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        parts = [compiler.compile(part) for part in self.source_expressions]
        key, passing, of_few, of_many = (sql for sql, _ in parts)
        keys = _OF_FEW.format(passing=passing, few=self.few, of_few=of_few, of_many=of_many)
        return f"{key} = ANY({keys})", tuple(chain.from_iterable(given for _, given in parts))


def _compiled(part: Any, compiler: Any) -> tuple[str, tuple[Any, ...]]:
    """The SQL of a key or a pool; Django refuses that of a pool which it knows to be empty."""
    try:
        sql, parameters = compiler.compile(part)
    except EmptyResultSet:
        return _EMPTY
    return sql, tuple(parameters)
