from __future__ import annotations

from pathlib import Path

import pytest

from demo_shop.logs import read_online_retail

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

GOOD = {
    "InvoiceNo": "536365",
    "StockCode": "85123A",
    "Description": "WHITE HANGING HEART",
    "Quantity": 6,
    "InvoiceDate": "2010-12-01 08:26:00",
    "UnitPrice": 2.55,
    "CustomerID": 17850.0,
    "Country": "United Kingdom",
}


def cleaned(folder: Path, *rows: dict[str, object], lines: int | None = None) -> list[dict[str, object]]:
    pq.write_table(pa.Table.from_pylist([GOOD | row for row in rows]), folder / "log.parquet")
    return read_online_retail(folder / "log.parquet", lines=lines).to_pylist()


@pytest.mark.parametrize(
    "row",
    [
        {"InvoiceNo": "C536365"},
        {"Quantity": -1},
        {"Quantity": 0},
        {"UnitPrice": 0.0},
        {"CustomerID": None},
        {"StockCode": "POST"},
        {"StockCode": "BANK CHARGES"},
        {"StockCode": "gift_0001_20"},
    ],
)
def test_what_is_no_sale_of_a_product_to_a_customer_is_left_out(
    tmp_path: Path, row: dict[str, object]
) -> None:
    assert len(cleaned(tmp_path, {}, {"InvoiceNo": "536366"} | row)) == 1


def test_a_sale_keeps_its_order_product_customer_price_and_time(tmp_path: Path) -> None:
    (line,) = cleaned(tmp_path, {})
    assert line == {
        "order": 536365,
        "sku": "85123A",
        "customer": "customer-17850",
        "quantity": 6,
        "price": 2.55,
        "time": "2010-12-01 08:26:00",
        "title": "WHITE HANGING HEART",
    }


def test_lines_of_the_same_product_in_an_order_become_one(tmp_path: Path) -> None:
    (line,) = cleaned(tmp_path, {"Quantity": 2}, {"Quantity": 3}, {"StockCode": "85123a", "Quantity": 1})
    assert line["quantity"] == 6


def test_the_latest_lines_are_kept_where_fewer_are_asked_for(tmp_path: Path) -> None:
    rows = [{"InvoiceNo": str(day), "InvoiceDate": f"2011-01-0{day} 10:00:00"} for day in (3, 1, 2)]
    assert [line["order"] for line in cleaned(tmp_path, *rows, lines=2)] == [2, 3]
