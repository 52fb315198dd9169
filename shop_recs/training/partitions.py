"""The SQL of partitions: a version's vectors are a table of their own below `ItemVector`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import OperationalError, connection, transaction
from psycopg import sql

from shop_recs.models import ItemVector

PARENT = ItemVector._meta.db_table
INDEX_MEMORY = "512MB"
LOCK_TIMEOUT = "100ms"
LOCK_ATTEMPTS = 20
LOCK_PAUSE_SECONDS = 0.25
READERS_SECONDS = 2.0
"""How long `wait_for_readers` waits at most."""


def table_of(version_id: int) -> str:
    """The name of a version's partition."""
    return f"{PARENT}_v{version_id}"


def existing() -> set[int]:
    """The ids of all versions that have a table, attached or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relname LIKE %s AND relkind = 'r' AND pg_table_is_visible(oid)",
            [f"{PARENT}%"],
        )
        names = [re.fullmatch(rf"{PARENT}_v(\d+)", name) for (name,) in cursor.fetchall()]
    return {int(name[1]) for name in names if name}


def create(version_id: int) -> None:
    """An empty table that is no partition yet; the check spares the scan when it becomes one."""
    _execute(
        "CREATE TABLE {table} (LIKE {parent}, CHECK (version_id = {version}))",
        version_id,
        version=sql.Literal(version_id),
    )


def load(version_id: int, product_keys: Sequence[Any], vectors: npt.NDArray[np.float32]) -> None:
    """Copy vectors in, then give the table its key and its statistics.

    Args:
        version_id: whose vectors they are.
        product_keys: `n` keys.
        vectors: `(n, d)`.
    """
    statement = sql.SQL("COPY {} (version_id, product_id, vector) FROM STDIN (FORMAT binary)")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT product_id FROM {} LIMIT 0").format(_identifier(version_id)))
        key_type = cursor.description[0].type_code
        with cursor.copy(statement.format(_identifier(version_id))) as copy:
            copy.set_types(["int8", key_type, "bytea"])
            for key, vector in zip(product_keys, _packed(vectors), strict=True):
                copy.write_row((version_id, key, vector))
    _execute("ALTER TABLE {table} ADD PRIMARY KEY (product_id, version_id)", version_id)
    _execute("ANALYZE {table}", version_id)


def index(version_id: int, *, dimensions: int, operators: Sequence[str]) -> None:
    """Build one HNSW index per operator class (`"vector_ip_ops"`, `"vector_cosine_ops"`).

    A query uses it where it orders by the same cast: `vector::vector(dimensions)`. Vectors of one dimension
    have only one order, which a plain index holds: a graph over them loses its way as soon as a filter turns
    the first ones down.
    """
    if dimensions == 1:
        _execute("CREATE INDEX ON {table} ((vector <#> '[1]'::vector))", version_id)
        return
    with connection.cursor() as cursor:
        # A second worker would take the processor from the shop: tail latency grew fourfold with two.
        cursor.execute("SELECT set_config('max_parallel_maintenance_workers', '0', true)")
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, true)", [INDEX_MEMORY])
    for operator in operators:
        _execute(
            "CREATE INDEX ON {table} USING hnsw ((vector::vector({dimensions})) {operator})",
            version_id,
            dimensions=sql.Literal(dimensions),
            operator=sql.Identifier(operator),
        )


def attach(version_id: int) -> None:
    """Make the loaded table a partition; this lock is shared with readers."""
    _execute(
        "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({version})",
        version_id,
        version=sql.Literal(version_id),
    )


def wait_for_readers() -> None:
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
            cursor.execute(statement, [PARENT])
            reading = {transaction_id for (transaction_id,) in cursor.fetchall()}
        earlier = reading if earlier is None else earlier & reading
        time.sleep(0.005)


def drop(version_id: int) -> None:
    """Drop a version's table in the current transaction, or nothing where it has none.

    A partition goes with an exclusive lock on the whole of `ItemVector`, and who waits for that makes all
    readers wait behind him: so this waits a tenth of a second and tries again later.

    Raises:
        OperationalError: a long query held the table through all attempts.
    """
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_identifier(version_id)))
            return
        except OperationalError:
            if attempt == LOCK_ATTEMPTS:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)


def _packed(vectors: npt.NDArray[np.float32]) -> list[bytes]:
    """Each row of `(n, d)` as pgvector receives it: d and 0 in 16 bits each, then big-endian floats."""
    n, d = vectors.shape
    rows = np.zeros(n, dtype=[("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f4", (d,))])
    rows["dimensions"] = d
    rows["values"] = vectors
    packed: list[bytes] = rows.view(f"V{rows.itemsize}").tolist()
    return packed


def _execute(statement: str, version_id: int, **parts: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(statement).format(table=_identifier(version_id), parent=sql.Identifier(PARENT), **parts)
        )


def _identifier(version_id: int) -> sql.Identifier:
    return sql.Identifier(table_of(version_id))
