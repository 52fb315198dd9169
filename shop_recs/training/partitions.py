"""The SQL of partitions: a version's vectors or neighbours are a table of their own below the model's."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import OperationalError, connection, transaction
from pgvector import Vector
from psycopg import sql
from psycopg.errors import DiskFull

from shop_recs.models import ItemNeighbour, ItemVector

logger = logging.getLogger(__name__)

Parent = type[ItemVector] | type[ItemNeighbour]

PARENTS: tuple[Parent, ...] = (ItemVector, ItemNeighbour)
LEAST_INDEX_MEMORY, MOST_INDEX_MEMORY = 64 << 20, 4 << 30
CONNECTIONS = 12
"""Of a vector in a graph (`m`)."""

CANDIDATES = {"vector_ip_ops": 100, "vector_cosine_ops": 64}
"""Vectors that it chooses them from (`ef_construction`); the longest are everybody's neighbours."""

BYTES_OF_A_NODE = 1_000
"""Of a graph in the making, beside its vector; one that does not fit into memory takes many times longer."""

LOCK_TIMEOUT = "100ms"
LOCK_ATTEMPTS = 20
LOCK_PAUSE_SECONDS = 0.25
READERS_SECONDS = 2.0
"""How long `wait_for_readers` waits at most."""


def table_of(parent: Parent, version_id: int) -> str:
    """The name of a version's partition."""
    return f"{parent._meta.db_table}_v{version_id}"


def existing() -> set[int]:
    """The ids of all versions that have a table, attached or not."""
    pattern = f"^(?:{'|'.join(parent._meta.db_table for parent in PARENTS)})_v(\\d+)$"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(relname FROM %s)::bigint FROM pg_class"
            " WHERE relname ~ %s AND relkind = 'r' AND pg_table_is_visible(oid)",
            [pattern, pattern],
        )
        return {version_id for (version_id,) in cursor.fetchall()}


def create(parent: Parent, version_id: int) -> None:
    """An empty table that is no partition yet; the check spares the scan when it becomes one."""
    _execute(
        "CREATE TABLE {table} (LIKE {parent}, CHECK (version_id = {version}))",
        parent,
        version_id,
        version=sql.Literal(version_id),
    )


def load(parent: Parent, version_id: int, rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows in, then give the table its key and its statistics; the rows are those of `copy`."""
    copy(parent, version_id, rows)
    complete(parent, version_id)


def copy(parent: Parent, version_id: int, rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows in.

    Args:
        parent: whose partition it is to be.
        version_id: whose rows they are.
        rows: values of the columns that follow `version_id`; a vector as bytes.
    """
    table = _identifier(parent, version_id)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table))
        # psycopg does not know vectors, but passes bytes on as they are.
        types = ["bytea" if column.name == "vector" else column.type_code for column in cursor.description]
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)) as stream:
            stream.set_types(types)
            for row in rows:
                stream.write_row((version_id, *row))


def complete(parent: Parent, version_id: int) -> None:
    """Give a filled table its key and its statistics."""
    key = sql.SQL(", ").join(sql.Identifier(column.attname) for column in parent._meta.pk_fields)
    _execute("ALTER TABLE {table} ADD PRIMARY KEY ({key})", parent, version_id, key=key)
    _execute("ANALYZE {table}", parent, version_id)


def index(version_id: int, *, dimensions: int, operators: Sequence[str], workers: int = 0) -> None:
    """Build one HNSW index over vectors per operator class (`"vector_ip_ops"`, `"vector_cosine_ops"`).

    A query uses it where it orders by the same cast: `vector::vector(dimensions)`. Vectors of one dimension
    have only one order, which a plain index holds: a graph over them loses its way as soon as a filter turns
    the first ones down.

    Args:
        version_id: whose vectors.
        dimensions: of them.
        operators: the operator classes.
        workers: processes of the database that help; as many as it has to spare do.
    """
    if dimensions == 1:
        _execute("CREATE INDEX ON {table} ((vector <#> '[1]'::vector))", ItemVector, version_id)
        return
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(_identifier(ItemVector, version_id)))
        (rows,) = cursor.fetchone()
        wanted = rows * (BYTES_OF_A_NODE + 4 * dimensions)
        memory = min(max(wanted, LEAST_INDEX_MEMORY), MOST_INDEX_MEMORY) >> 10
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, true)", [f"{memory}kB"])
    for operator in operators:
        _build(version_id, dimensions, operator, workers=workers)


def _build(version_id: int, dimensions: int, operator: str, *, workers: int) -> None:
    """One index, without help where there is too little shared memory for it, as in many containers."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('max_parallel_maintenance_workers', %s, true)", [str(workers)])
            _execute(
                "CREATE INDEX ON {table} USING hnsw ((vector::vector({dimensions})) {operator})"
                " WITH (m = {connections}, ef_construction = {candidates})",
                ItemVector,
                version_id,
                dimensions=sql.Literal(dimensions),
                operator=sql.Identifier(operator),
                connections=sql.Literal(CONNECTIONS),
                candidates=sql.Literal(CANDIDATES[operator]),
            )
    except OperationalError as error:
        if not (workers and isinstance(error.__cause__, DiskFull)):
            raise
        logger.warning("An index is built by one process of the database, since: %s", str(error).strip())
        _build(version_id, dimensions, operator, workers=0)


def nearest(
    version_id: int, queries: npt.NDArray[np.float32], *, operator: str, width: int, limit: int
) -> list[list[float]]:
    """The distances of the rows that searches of this width in the version's index find, for each query.

    Args:
        version_id: whose index.
        queries: `(q, d)`.
        operator: of the index, `"<#>"` or `"<=>"`.
        width: `hnsw.ef_search`.
        limit: rows to find.
    """
    statement = sql.SQL(
        "SELECT ARRAY("
        " SELECT vector::vector({d}) {operator} query FROM {table} ORDER BY 1 LIMIT {limit}"
        ") FROM unnest(%s::vector[]) WITH ORDINALITY AS asked (query, place) ORDER BY place"
    ).format(
        d=sql.Literal(queries.shape[1]),
        operator=sql.SQL(operator),
        table=_identifier(ItemVector, version_id),
        limit=sql.Literal(limit),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hnsw.ef_search', %s, true)", [str(width)])
        cursor.execute(statement, [[Vector(query).to_text() for query in queries]])
        return [distances for (distances,) in cursor.fetchall()]


def attach(parent: Parent, version_id: int) -> None:
    """Make the loaded table a partition; this lock is shared with readers."""
    _execute(
        "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({version})",
        parent,
        version_id,
        version=sql.Literal(version_id),
    )


def wait_for_readers(parent: Parent) -> None:
    """Wait for the statements that may have been planned before the last partition was attached.

    PostgreSQL lists the partitions when it plans a statement, and takes the statement's snapshot afterwards:
    one that reads a pointer moved in between finds no partition for it, and no rows.
    """
    statement = (
        "SELECT virtualtransaction FROM pg_locks"
        " WHERE relation = %s::regclass AND granted AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + READERS_SECONDS
    earlier: set[str] | None = None
    while earlier is None or (earlier and time.monotonic() < deadline):
        with connection.cursor() as cursor:
            cursor.execute(statement, [parent._meta.db_table])
            reading = {transaction_id for (transaction_id,) in cursor.fetchall()}
        earlier = reading if earlier is None else earlier & reading
        time.sleep(0.005)


def drop(version_id: int) -> None:
    """Drop a version's table in the current transaction, or nothing where it has none.

    A partition goes with an exclusive lock on the whole of its parent, and who waits for that makes all
    readers wait behind him: so this waits a tenth of a second and tries again later.

    Raises:
        OperationalError: a long query held the table through all attempts.
    """
    tables = sql.SQL(", ").join(_identifier(parent, version_id) for parent in PARENTS)
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(tables))
            return
        except OperationalError:
            if attempt == LOCK_ATTEMPTS:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)


def _execute(statement: str, owner: Parent, version_id: int, **parts: sql.Composable) -> None:
    names = {"table": _identifier(owner, version_id), "parent": sql.Identifier(owner._meta.db_table)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names, **parts))


def _identifier(parent: Parent, version_id: int) -> sql.Identifier:
    return sql.Identifier(table_of(parent, version_id))
