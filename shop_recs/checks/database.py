"""Checks of the database, run by `check --database default` and before every `migrate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from shop_recs.checks.settings import AppConfigs, Messages
from shop_recs.conf import get_product_model
from shop_recs.models import Interaction

OLDEST_PGVECTOR = (0, 8, 4)
"""Below 0.8.3 VACUUM may damage an HNSW index, below 0.8.4 inserts may fail while it runs."""

EXTENSION = """
SELECT to_regclass(%s) IS NOT NULL AS migrated,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS installed,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS available,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
       OR (has_database_privilege(current_database(), 'CREATE')
           AND EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'vector' AND trusted))
       AS may_create
"""

COLUMN = """
SELECT format_type(atttypid, atttypmod), col_description(attrelid, attnum)
FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s
"""

START_ANEW = (
    "To start anew with an empty log: manage.py migrate --skip-checks shop_recs 0001, then manage.py migrate."
)


@register(Tags.database)
def check_extension(
    app_configs: AppConfigs, databases: Sequence[str] | None = None, **kwargs: Any
) -> Messages:
    """E012, W002, W003: pgvector is there, or can be made, and is new enough."""
    return [problem for connection in _ours(databases) for problem in _extension_problems(connection)]


@register(Tags.database)
def check_product_column(
    app_configs: AppConfigs, databases: Sequence[str] | None = None, **kwargs: Any
) -> Messages:
    """E013, E014: the tables still refer to the product that the settings name.

    Our foreign keys have no database constraint, so nothing else would notice: the log would quietly be about
    the products of another table.
    """
    return [problem for connection in _ours(databases) for problem in _product_problems(connection)]


def _ours(databases: Sequence[str] | None) -> list[BaseDatabaseWrapper]:
    return [
        connections[alias]
        for alias in databases or ()
        if connections[alias].vendor == "postgresql" and router.allow_migrate_model(alias, Interaction)
    ]


def _extension_problems(connection: BaseDatabaseWrapper) -> Messages:
    with connection.cursor() as cursor:
        cursor.execute(EXTENSION, [Interaction._meta.db_table])
        migrated, installed, available, may_create = cursor.fetchone()
    where = f"the database {connection.alias!r}"
    if installed is None and available is None:
        hint = "Install pgvector 0.8.4 or newer on the server (package postgresql-17-pgvector, for example)."
        return [Error(f"The server of {where} has no pgvector.", hint=hint, id="shop_recs.E012")]
    if installed is None and migrated:
        hint = "Run in that database, as a superuser or whoever may: CREATE EXTENSION vector;"
        return [Error(f"The extension vector is missing in {where}.", hint=hint, id="shop_recs.E012")]
    if installed is None and not may_create:
        problem = f"The extension vector is missing in {where}, and this role may not create it."
        hint = "Before migrate, have a database administrator run in that database: CREATE EXTENSION vector;"
        return [Warning(problem, hint=hint, id="shop_recs.W002")]
    if installed is None or _numbers(installed) >= OLDEST_PGVECTOR:
        return []
    return [
        Warning(
            f"pgvector {installed} in {where} is too old: before 0.8.4 an HNSW index can be damaged, "
            "or refuse rows, while VACUUM runs on it.",
            hint="Install pgvector 0.8.4 or newer on the server, then run: ALTER EXTENSION vector UPDATE;",
            id="shop_recs.W003",
        )
    ]


def _product_problems(connection: BaseDatabaseWrapper) -> Messages:
    try:
        product = get_product_model()._meta
    except ImproperlyConfigured:
        return []  # E001 says so
    ours = _column(connection, Interaction._meta.db_table, "product_id")
    theirs = _column(connection, product.db_table, str(product.pk.column))
    if ours is None or theirs is None:
        return []  # not migrated yet
    (type_here, remembered), (type_there, _) = ours, theirs
    if remembered and remembered != product.db_table:
        return [
            Error(
                f"The log is about the products of the table {remembered}, "
                f'but SHOP_RECS["PRODUCT_MODEL"] is now {product.label}, whose table is {product.db_table}.',
                hint="Set it back. If that table was only renamed, say so: COMMENT ON COLUMN "
                f"{Interaction._meta.db_table}.product_id IS '{product.db_table}'; {START_ANEW}",
                id="shop_recs.E013",
            )
        ]
    if type_here != type_there:
        return [
            Error(
                f"The key of {product.label} is now {type_there}, but the log refers to it as {type_here}.",
                hint="Change both columns named product_id in a migration of your own "
                "(shop_recs_interaction, shop_recs_itemvector), and neighbour_id with product_id in "
                f"shop_recs_itemneighbour. {START_ANEW}",
                id="shop_recs.E014",
            )
        ]
    return []


def _column(connection: BaseDatabaseWrapper, table: str, column: str) -> tuple[str, str | None] | None:
    """The type and the comment of a column, or None where there is no such table."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMN, [connection.ops.quote_name(table), column])
        row: tuple[str, str | None] | None = cursor.fetchone()
    return row


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
