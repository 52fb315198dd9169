"""Real logs of shops, read and cleaned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def data_folder() -> Path:
    """Where the logs lie: `SHOP_RECS_DATA`, or `../shared/data` beside the project."""
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    return Path(os.environ.get("SHOP_RECS_DATA", default))


def read_online_retail(file: Path, *, lines: int | None = None) -> pa.Table:
    """The order lines of known customers, one per invoice and product, oldest first.

    Left out are cancelled invoices, corrections (quantities or prices of zero and less), guests, and stock
    codes that are no products: postage, discounts, samples, bank charges …

    Args:
        file: the log as Parquet.
        lines: only so many of the cleaned lines, the latest ones.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(file).replace_schema_metadata()
    keep = pc.match_substring_regex(table["InvoiceNo"], r"^\d+$")
    keep = pc.and_(keep, pc.match_substring_regex(table["StockCode"], r"^\d{5}[A-Za-z]{0,2}$"))
    keep = pc.and_(keep, pc.and_(pc.greater(table["Quantity"], 0), pc.greater(table["UnitPrice"], 0)))
    table = table.filter(pc.fill_null(pc.and_(keep, pc.is_valid(table["CustomerID"])), False))
    customer = pc.cast(pc.cast(table["CustomerID"], "int64"), "string")
    table = table.set_column(0, "order", pc.cast(table["InvoiceNo"], "int64"))
    table = table.append_column("sku", pc.utf8_upper(table["StockCode"]))
    table = table.append_column("customer", pc.binary_join_element_wise("customer", customer, "-"))
    grouped = table.group_by(["order", "sku", "customer"], use_threads=False).aggregate(
        [("Quantity", "sum"), ("UnitPrice", "min"), ("InvoiceDate", "min"), ("Description", "min")]
    )
    names = ["order", "sku", "customer", "quantity", "price", "time", "title"]
    grouped = grouped.rename_columns(names).sort_by([("time", "ascending"), ("order", "ascending")])
    return grouped.slice(max(len(grouped) - lines, 0)) if lines else grouped
