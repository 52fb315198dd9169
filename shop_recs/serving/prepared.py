"""Statements that a connection plans once: planning them takes longer than answering them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import DuplicatePreparedStatement, FeatureNotSupported, InvalidSqlStatementName

HELD_AT_MOST = 100
"""Statements that a connection holds; of more, what was prepared first is let go."""

ATTEMPTS = 3
"""Somebody may have discarded what was prepared, or prepared it before us."""

_PARAMETER = re.compile(r"(?<!%)%\((\w+)\)s")

_prepared: WeakKeyDictionary[Any, dict[str, None]] = WeakKeyDictionary()
"""By connection of the driver, the names of what was prepared on it, in that order."""


class Plan(NamedTuple):
    """A statement under a name that only its own text has: how it is prepared, and how executed."""

    name: str
    prepare: str
    execute: str


def rows(
    connection: BaseDatabaseWrapper, statement: str, parameters: Mapping[str, Any]
) -> Sequence[tuple[Any, ...]]:
    """All rows of a statement with named parameters, whose types follow from where they stand.

    Its text must come again and again. Behind a pooler of transactions, where Django asks for
    `DISABLE_SERVER_SIDE_CURSORS`, it is planned every time, since a connection is now ours, now another's.
    """
    by_itself = getattr(connection.features, "uses_server_side_binding", False)
    if by_itself or connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        return _executed(connection, statement, parameters)
    connection.ensure_connection()
    names, plan = _prepared.setdefault(connection.connection, {}), _plan(statement)
    for _attempt in range(ATTEMPTS - 1):
        try:
            return _planned(connection, plan, parameters, names)
        except DatabaseError as error:
            if not _mended(connection, plan, names, error.__cause__):
                raise
    return _planned(connection, plan, parameters, names)


def _planned(
    connection: BaseDatabaseWrapper, plan: Plan, parameters: Mapping[str, Any], names: dict[str, None]
) -> Sequence[tuple[Any, ...]]:
    """The rows by a plan, which is made where the connection has not got it yet."""
    if plan.name in names:
        return _executed(connection, plan.execute, parameters)
    oldest = list(names)[: max(0, len(names) + 1 - HELD_AT_MOST)]
    message = [*(f"DEALLOCATE {name}" for name in oldest), plan.prepare, plan.execute]
    # What is prepared stays so, and what is let go is gone, even where the statement then fails.
    for name in oldest:
        del names[name]
    names[plan.name] = None
    return _executed(connection, "; ".join(message), parameters, results=len(message))


def _mended(
    connection: BaseDatabaseWrapper, plan: Plan, names: dict[str, None], cause: BaseException | None
) -> bool:
    """Whether the names are now those that the connection has; another client of a pooler may change them."""
    if isinstance(cause, DuplicatePreparedStatement):
        names[plan.name] = None
    elif isinstance(cause, InvalidSqlStatementName):
        names.pop(plan.name, None)
    elif isinstance(cause, FeatureNotSupported) and plan.name in names:
        # A column that the statement reads has another type since.
        del names[plan.name]
        with connection.cursor() as cursor:
            cursor.execute(f"DEALLOCATE {plan.name}")
    else:
        return False
    return True


def _executed(
    connection: BaseDatabaseWrapper, sql: str, parameters: Mapping[str, Any], *, results: int = 1
) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for _ in range(results - 1):
            cursor.nextset()
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found


@lru_cache(maxsize=1_000)
def _plan(statement: str) -> Plan:
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    name = f"shop_recs_{sha256(statement.encode()).hexdigest()[:16]}"
    given = f"({', '.join(f'%({parameter})s' for parameter in names)})" if names else ""
    return Plan(name, f"PREPARE {name} AS {numbered}", f"EXECUTE {name}{given}")
