"""Clean rows into the log: COPY to a temporary table, then statements over the whole batch."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pa_csv
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, TextField
from django.db.models.functions import Cast

from shop_recs.conf import get_product_model
from shop_recs.models import Interaction, Kind, Visitor
from shop_recs.tracking.importing.plan import Plan, WrongInput

_ROWS = """
DROP TABLE IF EXISTS recs_import_row;
CREATE TEMPORARY TABLE recs_import_row (
    row bigint, visitor text, product text, kind smallint, occurred_at timestamptz,
    quantity integer DEFAULT 1, unit_price numeric, order_reference text DEFAULT '', line text DEFAULT ''
) ON COMMIT DELETE ROWS
"""

_UNKNOWN = """
SELECT row, product FROM recs_import_row
WHERE NOT EXISTS (SELECT FROM recs_import_product WHERE name = product)
"""

# Ids follow from the content alone, so that a file read twice, or two that overlap, leave the same rows. A
# purchase that names its order gets the id that `record_purchase` gives it.
_ADD = """
WITH shopper AS MATERIALIZED (
    SELECT visitor AS name, {of_visitor} AS id
    FROM (SELECT DISTINCT visitor FROM recs_import_row) AS named
), made AS (
    INSERT INTO {visitor} (id, user_id, created_at)
    SELECT shopper.id, recs_import_user.id, now()
    FROM shopper LEFT JOIN recs_import_user USING (name)
    ORDER BY shopper.id
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO {interaction} (
    id, visitor_id, product_id, kind, quantity, unit_price, order_reference, occurred_at, received_at
)
SELECT
    CASE WHEN kind = {purchase} AND order_reference <> '' THEN {of_order_line} ELSE {of_event} END AS event,
    shopper.id, sold.id, kind, quantity, unit_price, order_reference, occurred_at, now()
FROM recs_import_row AS given
JOIN recs_import_product AS sold ON sold.name = given.product
JOIN shopper ON shopper.name = given.visitor
ORDER BY event
ON CONFLICT (id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a batch.

    Attributes:
        stored: rows stored now.
        duplicates: rows that were in the log already, or twice in the batch.
        unknown: position in the chunk and name of the product, for rows whose product the shop does not have.
    """

    stored: int
    duplicates: int
    unknown: list[tuple[int, str]]


def prepare(plan: Plan, *, using: str) -> None:
    """Make the temporary tables of an import: its rows, and what the file calls products and users.

    Raises:
        WrongInput: the product or the user has no such field.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(_ROWS)
        _name(cursor, "recs_import_product", get_product_model(), plan.product_field, "--product-field")
        _name(cursor, "recs_import_user", get_user_model(), plan.user_field or "pk", "--user-field")
        if plan.user_field is None:
            cursor.execute("DELETE FROM recs_import_user")


def add(table: pa.Table, *, using: str) -> Added:
    """Add clean rows to the log; to be called inside a transaction."""
    text = io.BytesIO()
    pa_csv.write_csv(table, text, pa_csv.WriteOptions(include_header=False))
    with connections[using].cursor() as cursor:
        columns = ", ".join(table.column_names)
        with cursor.copy(f"COPY recs_import_row ({columns}) FROM STDIN WITH (FORMAT csv)") as copy:
            copy.write(text.getbuffer())
        cursor.execute(_UNKNOWN)
        unknown = cursor.fetchall()
        cursor.execute(_statement())
        stored = cursor.rowcount
    return Added(stored, table.num_rows - len(unknown) - stored, unknown)


def _name(cursor: CursorWrapper, table: str, model: type[Model], field: str, option: str) -> None:
    """A temporary table from the text of a field to the key; the first of several with the same text."""
    try:
        named = model._base_manager.annotate(recs_name=Cast(field, TextField())).order_by("recs_name", "pk")
    except FieldError as error:
        names = ", ".join(sorted(each.name for each in model._meta.concrete_fields))
        raise WrongInput(f"{option} {field}: the fields of {model._meta.label} are {names}.") from error
    sql, parameters = named.distinct("recs_name").values_list("recs_name", "pk").query.sql_with_params()
    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    cursor.execute(f"CREATE TEMPORARY TABLE {table} (name, id) AS {sql}", parameters)
    cursor.execute(f"ANALYZE {table}")


def _statement() -> str:
    return _ADD.format(
        visitor=Visitor._meta.db_table,
        interaction=Interaction._meta.db_table,
        purchase=int(Kind.PURCHASE),
        of_visitor=_hash("'visitor'", "visitor"),
        of_order_line=_hash("order_reference", "sold.id", "line"),
        of_event=_hash("shopper.id", "sold.id", "kind", "extract(epoch FROM occurred_at)"),
    )


def _hash(*parts: str) -> str:
    """SQL for the UUID that `record.content_id` makes of the same parts."""
    text = " || E'\\n' || ".join(f"({part})::text" for part in parts)
    return f"encode(substring(sha256(convert_to({text}, 'UTF8')) FOR 16), 'hex')::uuid"
