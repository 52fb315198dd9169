"""Asks the database within a time limit, and does without what it does not answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import Error, InterfaceError, InternalError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.transaction import TransactionManagementError
from psycopg.errors import Error as PsycopgError
from psycopg.errors import QueryCanceled
from psycopg.pq import TransactionStatus

from shop_recs.conf import settings
from shop_recs.serving.breaker import PAUSE, Breaker, breaker
from shop_recs.signals import unanswered

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_SAVEPOINT = "SAVEPOINT shop_recs"
_TAKE_BACK = ("ROLLBACK TO SAVEPOINT shop_recs", "RELEASE SAVEPOINT shop_recs")

_reported: set[tuple[str, type[Error]]] = set()
_missing: ContextVar[list[str] | None] = ContextVar("shop_recs_missing", default=None)


def attempt(name: str, ask: Callable[[], _Answer], *, using: str) -> _Answer | None:
    """What `ask` reads, or None where the database does not answer it in time, or not at all.

    Each statement that it makes runs under `STATEMENT_TIMEOUT_MS`. What keeps failing is not asked for a
    while.

    Args:
        name: of what is asked; statements that would fail together share one.
        ask: makes the statements.
        using: alias of the connection that it makes them on.

    Raises:
        TransactionManagementError: a transaction of the shop is broken already.
    """
    ours = breaker(name)
    if not ours.admits():
        _tell(name, "open")
        return None
    try:
        with _guarded(using):
            answer = ask()
    except TransactionManagementError:
        raise
    except Error as error:
        _failed(name, ours, error)
        return None
    ours.answered()
    return answer


def fetched(name: str, products: QuerySet[Any]) -> list[Any] | None:
    """The products, or None where the database does not answer; see `attempt`."""
    return attempt(name, lambda: list(products), using=products.db)


@contextmanager
def missing() -> Iterator[list[str]]:
    """Collects the names of what the database does not answer in the block."""
    names: list[str] = []
    token = _missing.set(names)
    try:
        yield names
    finally:
        _missing.reset(token)


def _tell(name: str, reason: str) -> None:
    unanswered.send_robust(sender=None, name=name, reason=reason)
    names = _missing.get()
    if names is not None:
        names.append(name)


def _failed(name: str, ours: Breaker, error: Error) -> None:
    late = isinstance(error.__cause__, QueryCanceled)
    _tell(name, "timeout" if late else "error")
    # A statement that makes no sense, in a queryset of the shop say, fails at once and for its caller alone.
    if isinstance(error, (OperationalError, InternalError, InterfaceError)):
        ours.failed()
    kind = (name, type(error))
    if late:
        logger.warning("%r gave no answer in %s ms; the next one does.", name, settings.STATEMENT_TIMEOUT_MS)
    elif kind not in _reported:
        _reported.add(kind)
        logger.error("%r cannot be asked; the next one answers.", name, exc_info=error)
    else:
        logger.debug("%r cannot be asked: %s", name, error)
    if ours.is_open:
        logger.warning("%r is left out for %g s.", name, PAUSE)


@contextmanager
def _guarded(using: str) -> Iterator[None]:
    """Statements of the block run under the limit, and leave a transaction of the shop as it was."""
    connection = connections[using]
    if _in_transaction(connection) and _is_broken(connection):
        raise TransactionManagementError("An earlier error of the database has broken the transaction.")
    with connection.execute_wrapper(_execute_guarded):
        yield


def _execute_guarded(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Send a statement with what guards it: one message, so one round trip.

    For PostgreSQL the statements of a message are a transaction. The limit ends with it, and none is left in
    a session that a pooler hands to the next client. Where the shop opened a transaction, a savepoint takes
    the limit back.
    """
    connection, cursor = context["connection"], context["cursor"]
    before, after = _around(connection)
    if not before:
        return execute(sql, params, many, context)
    if connection.features.uses_server_side_binding:
        sql, params = connection.ops.compose_sql(sql, params), None
    try:
        with _unprepared(connection.connection):
            result = execute("; ".join([*before, sql, *after]), params, many, context)
    except Error:
        # What the driver refused to send has set no savepoint.
        if after and _is_broken(connection):
            _take_back(connection)
        raise
    for _ in before:
        cursor.nextset()
    return result


def _around(connection: BaseDatabaseWrapper) -> tuple[list[str], tuple[str, ...]]:
    """What stands before and after a statement."""
    limit = settings.STATEMENT_TIMEOUT_MS
    before = [] if limit is None else [f"SET LOCAL statement_timeout = {limit:d}"]
    return ([_SAVEPOINT, *before], _TAKE_BACK) if _in_transaction(connection) else (before, ())


@contextmanager
def _unprepared(raw: Any) -> Iterator[None]:
    """Several statements in one message cannot be prepared on the server, where the shop asks for that."""
    threshold = raw.prepare_threshold
    if threshold is None:
        yield
        return
    raw.prepare_threshold = None
    try:
        yield
    finally:
        raw.prepare_threshold = threshold


def _take_back(connection: BaseDatabaseWrapper) -> None:
    with suppress(PsycopgError):  # the connection may be gone, and the transaction with it
        connection.connection.execute("; ".join(_TAKE_BACK), prepare=False)


def _in_transaction(connection: BaseDatabaseWrapper) -> bool:
    return not connection.get_autocommit()


def _is_broken(connection: BaseDatabaseWrapper) -> bool:
    return bool(connection.connection.pgconn.transaction_status == TransactionStatus.INERROR)
