"""A database for a benchmark alone: made beside the shop's, migrated, and dropped however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from psycopg import sql

from shop_recs.exceptions import CannotMeasure

MARK = "made by recs_bench"
"""The comment on a database of ours; none without it is touched."""


@contextmanager
def own_database(*, keep: str | None = None) -> Iterator[bool]:
    """Let the default connection use a database of its own, and say whether it is still to be filled.

    Args:
        keep: name of a database that stays, so that a later run finds it filled.

    Raises:
        CannotMeasure: the database's user may not create one, or the one to keep is somebody else's.
    """
    shop, name = connection.settings_dict["NAME"], keep or f"shop_recs_bench_{os.getpid()}"
    if name == shop:
        raise CannotMeasure(f"--keep {name} is the shop's own database; name one that does not exist yet.")
    empty = _created(name, anew=keep is None)
    try:
        _use(name)
        call_command("migrate", verbosity=0)
        yield empty
    except BaseException:
        # What was left half filled would be taken for a shop by the next run.
        keep = keep if not empty else None
        raise
    finally:
        _use(shop)
        if not keep:
            _drop(name)


def processor_seconds() -> float | None:
    """What the database has computed for this connection, on however busy a machine; None on another one."""
    process = Path(f"/proc/{connection.connection.info.backend_pid}")
    try:
        if not process.joinpath("cmdline").read_text().startswith("postgres"):
            return None
        user, system = process.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return None
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _created(name: str, *, anew: bool) -> bool:
    """Make the database; False where it is there already and not wanted anew."""
    identifier = sql.Identifier(name)
    try:
        with connection._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
            )
            if (found := cursor.fetchone()) is not None:
                _require_own(name, found[0])
                if not anew:
                    return False
                cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier, MARK))
    except DatabaseError as error:
        raise CannotMeasure(
            f"The database {name!r} for the benchmark cannot be made: {str(error).strip()}. Let the user of "
            "the database make one (ALTER ROLE … CREATEDB), or measure the shop's own data without --items."
        ) from error
    return True


def _require_own(name: str, comment: str | None) -> None:
    if comment != MARK:
        raise CannotMeasure(
            f"The database {name!r} was not made by recs_bench, and stays as it is; use another name to keep."
        )


def _drop(name: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _use(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name
