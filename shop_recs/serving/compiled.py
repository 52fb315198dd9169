"""Rankings that are compiled once: a queryset that comes again only brings other values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from numbers import Number
from threading import Lock
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FieldError
from django.db import DataError, NotSupportedError, ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, ForeignObjectRel, JSONField, Lookup, QuerySet, Value
from django.db.models.expressions import BaseExpression
from django.db.models.functions import Cast
from django.db.models.sql import Query
from django.db.models.sql.datastructures import Join
from django.db.models.sql.where import ExtraWhere, WhereNode
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language
from psycopg import Error as PsycopgError

from shop_recs.serving import prepared

QUERIES_OF_A_SHAPE, SHAPES_AT_MOST = 16, 200
"""What is remembered: the latest."""

VALUES_AT_MOST, LONGEST = 200, 20_000
"""Values of a lookup, and characters of a statement, above which it costs less to compile it each time."""

_DERIVED = {"table_map", "used_aliases", "_lookup_joins"}
"""Of a query; what is made of it later changes these."""

_remembered: dict[Hashable, tuple[_Remembered, ...]] = {}
_lock = Lock()


class Placeholder(NamedTuple):
    """Stands in a statement for a value that each request gives."""

    name: str


class Given(Expression):
    """A value, or the placeholder of one, of a type of the database."""

    def __init__(self, value: Any, type: str) -> None:
        super().__init__()
        self.value = value
        self.type = type

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        return f"%s::{self.type}", (self.value,)


@dataclass(slots=True)
class _Remembered:
    """A queryset that was ranked, and what became of ranking it.

    Attributes:
        query: the queryset's own.
        compiler: of the ranked query, once that came again.
        statement: with `%(name)s` for its placeholders.
        refused: it cannot be compiled once for all.
    """

    query: Query
    compiler: Any = None
    statement: str = ""
    refused: bool = False


def ready(
    products: QuerySet[Any],
    shape: Hashable,
    build: Callable[[], QuerySet[Any]],
    values: Mapping[str, Any],
) -> QuerySet[Any] | None:
    """A queryset that is to be ranked, as `build` ranks it, compiled and planned already.

    None where it comes for the first time, or may be another each time although it looks the same.

    Args:
        products: to be ranked.
        shape: what `build` makes of it depends on this alone.
        build: ranks it, with placeholders for the values.
        values: by the names of the placeholders.
    """
    if _is_long(products.query.where):
        return None
    # Django writes the language into some statements, and the zone into those that truncate a time.
    key = (products.model, products.db, get_language(), get_current_timezone_name(), shape)
    of_shape = _remembered.get(key, ())
    remembered = next((one for one in of_shape if _is_same(one.query, products.query)), None)
    if remembered is None:
        # It may be of this moment alone, as one that compares with the time of day.
        _remember(key, (_Remembered(products.query), *of_shape[: QUERIES_OF_A_SHAPE - 1]))
        return None
    _remember(key, (remembered, *(one for one in of_shape if one is not remembered)))
    if remembered.refused:
        return None
    if remembered.compiler is None:
        _compile(remembered, products, build)
    return None if remembered.refused else _answering(remembered, products, values)


def forget() -> None:
    """Compile everything anew."""
    with _lock:
        _remembered.clear()


def _remember(key: Hashable, of_shape: tuple[_Remembered, ...]) -> None:
    with _lock:
        _remembered.pop(key, None)
        _remembered[key] = of_shape
        while len(_remembered) > SHAPES_AT_MOST:
            del _remembered[next(iter(_remembered))]


def _is_same(query: Query, other: Query) -> bool:
    """Whether two queries were built alike."""
    ours, others = vars(query), vars(other)
    if ours.keys() != others.keys():
        return False
    try:
        return all(value == others[name] for name, value in ours.items() if name not in _DERIVED)
    except TypeError:  # a value of a lookup that cannot be hashed
        return False


def _compile(remembered: _Remembered, products: QuerySet[Any], build: Callable[[], QuerySet[Any]]) -> None:
    """Compile the ranked query, or refuse to."""
    connection = connections[products.db]
    try:
        if type(remembered.query) is not Query or not all(map(_is_plain, _parts(remembered.query))):
            raise ValueError("something of it may be compiled differently each time")
        compiler: Any = build().query.get_compiler(using=products.db)
        sql, parameters = compiler.as_sql()
        remembered.statement = _named(sql, parameters, connection)
        if len(remembered.statement) > LONGEST:
            raise ValueError("it is too long to be kept")
    except (EmptyResultSet, FieldError, PsycopgError, ValueError):
        remembered.refused = True
    else:
        compiler.connection = None  # that of this thread, which others outlive
        remembered.compiler = compiler


def _answering(remembered: _Remembered, products: QuerySet[Any], values: Mapping[str, Any]) -> QuerySet[Any]:
    """The queryset, which makes of the rows what Django would have made of them."""
    compiler = copy(remembered.compiler)
    compiler.connection = connection = connections[products.db]

    def execute_sql(*_args: Any, **_options: Any) -> list[Any]:
        try:
            return [prepared.rows(connection, remembered.statement, values)]
        except (ProgrammingError, DataError, NotSupportedError):
            remembered.refused = True
            raise

    compiler.execute_sql = execute_sql
    answering: QuerySet[Any] = products.all()
    answering.query.get_compiler = lambda *_args, **_options: compiler  # type: ignore[method-assign]
    return answering


def _named(sql: str, parameters: Sequence[Any], connection: BaseDatabaseWrapper) -> str:
    """The statement with its constants in place, and its placeholders by their names."""
    in_place: Any = connection.ops
    written = [
        f"%({parameter.name})s"
        if isinstance(parameter, Placeholder)
        else in_place.compose_sql("%s", [parameter]).replace("%", "%%")
        for parameter in parameters
    ]
    return sql.replace("%%", "%%%%") % tuple(written)


def _is_long(where: Any) -> bool:
    """Whether a lookup compares with so many values that comparing these takes its time."""
    if isinstance(where, WhereNode):
        return any(map(_is_long, where.children))
    values = getattr(where, "rhs", None)
    return isinstance(values, list | tuple | set | frozenset) and len(values) > VALUES_AT_MOST


def _parts(query: Query) -> Iterator[Any]:
    """Whatever is compiled of a query that a shop may have written."""
    yield from (table.join_field for table in query.alias_map.values() if isinstance(table, Join))
    yield query.where
    yield from query.annotations.values()
    yield from vars(query).get("_filtered_relations", {}).values()
    yield from query.order_by


def _is_plain(part: Any) -> bool:
    """Whether what looks the same is the same: Django's own, of values that compare as the database does."""
    if isinstance(part, WhereNode):
        return all(map(_is_plain, part.children))
    if isinstance(part, ExtraWhere | str):
        return True
    if not type(part).__module__.startswith("django."):
        return False
    if isinstance(part, Field | ForeignObjectRel):
        return True
    # Two casts are equal whose types have another length, and so are True, 1 and 1.0.
    if isinstance(part, Cast) or (isinstance(part, Value) and isinstance(part.value, Number)):
        return False
    if isinstance(part, Lookup):
        # 1 equals True, but not in JSON.
        is_json = isinstance(getattr(part.lhs, "output_field", None), JSONField)
        of_query = isinstance(part.rhs, BaseExpression) and not _is_plain(part.rhs)
        return not is_json and not of_query and _is_plain(part.lhs)
    return isinstance(part, Expression) and all(map(_is_plain, part.get_source_expressions()))
