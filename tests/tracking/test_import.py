"""`manage.py recs_import`."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from shop_recs import record_purchase
from shop_recs.models import ImportCheckpoint, Interaction, Kind, Purchase, Visitor
from shop_recs.tracking.importing.plan import make_plan

pytestmark = pytest.mark.django_db

MAPS = ["visitor=user", "product=item", "kind=event", "time=ts"]
START = 1_700_000_000
ROOT = Path(__file__).resolve().parent.parent.parent


def rows_for(products, count=12, kinds=("view", "addtocart", "purchase")):
    return [
        {
            "user": f"u{number % 5}",
            "item": str(products[number % len(products)].pk),
            "event": kinds[number % len(kinds)],
            "ts": START + number,
        }
        for number in range(count)
    ]


def write(path: Path, rows) -> Path:
    """Write rows in the format that the suffix names."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=5)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def run(path: Path, maps=MAPS, **options) -> str:
    """Import and return what the command said."""
    out = io.StringIO()
    options = {"value": ["cart=addtocart"], "time_unit": "s"} | options
    call_command("recs_import", str(path), map=list(maps), stdout=out, **options)
    return out.getvalue()


def log():
    """What is in the log, comparable."""
    fields = ("visitor_id", "product_id", "kind", "quantity", "unit_price", "order_reference", "occurred_at")
    return sorted(map(str, Interaction.objects.values_list("id", *fields)))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_log_is_imported_from_any_format(tmp_path, products, suffix):
    said = run(write(tmp_path / f"log{suffix}", rows_for(products)), batch=5)
    assert "12 rows: 12 stored, 0 there already, 0 refused, 0 of unknown products" in said
    assert Visitor.objects.count() == 5
    assert Interaction.objects.filter(kind=Kind.CART).count() == 4
    first = Interaction.objects.order_by("occurred_at").first()
    moment = first.occurred_at
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    assert aware == datetime.fromtimestamp(START, UTC)
    assert first.product_id == products[0].pk


def test_every_format_leaves_the_same_rows(tmp_path, products):
    logs = []
    for suffix in (".csv", ".jsonl", ".parquet"):
        run(write(tmp_path / f"log{suffix}", rows_for(products)))
        logs.append(log())
    assert logs[0] == logs[1] == logs[2]
    assert len(logs[0]) == 12


def test_a_file_imported_again_adds_nothing(tmp_path, products):
    path = write(tmp_path / "log.parquet", rows_for(products))
    run(path)
    assert "0 stored, 12 there already" in run(path)
    assert Interaction.objects.count() == 12


def test_files_that_overlap_leave_each_event_once(tmp_path, products):
    rows = rows_for(products, 20)
    run(write(tmp_path / "monday.csv", rows[:15]))
    run(write(tmp_path / "tuesday.csv", rows[5:]))
    assert Interaction.objects.count() == 20


def test_details_of_purchases_are_kept(tmp_path, products):
    row = {
        "who": 1,
        "sku": str(products[0].pk),
        "when": "2024-03-01T10:00Z",
        "n": 3,
        "eur": "2.55",
        "no": "A-1",
    }
    path = write(tmp_path / "orders.csv", [row, row | {"sku": str(products[1].pk), "n": "", "eur": ""}])
    maps = ["visitor=who", "product=sku", "time=when", "quantity=n", "price=eur", "order=no"]
    run(path, maps, kind="purchase", time_unit=None)
    first, second = Purchase.objects.order_by("-quantity")
    assert (first.quantity, first.unit_price, first.order_reference) == (3, Decimal("2.55"), "A-1")
    assert (second.quantity, second.unit_price) == (1, None)


def test_an_order_that_was_recorded_live_is_not_imported_again(tmp_path, products):
    live = Visitor.objects.create()
    record_purchase(live, products[0], order="A-1")
    record_purchase(live, products[0], order="A-1", line="2")
    rows = [
        {"user": "u", "item": str(products[0].pk), "ts": START, "no": "A-1", "line": line}
        for line in ("", "2", "3")
    ]
    maps = ["visitor=user", "product=item", "time=ts", "order=no", "line=line"]
    assert "1 stored, 2 there already" in run(write(tmp_path / "orders.csv", rows), maps, kind="purchase")


def test_products_may_be_named_by_another_field(tmp_path, make_product):
    chair = make_product("Red chair")
    rows = [{"user": "u", "item": "Red chair", "event": "view", "ts": START}]
    run(write(tmp_path / "log.csv", rows), product_field="name")
    assert Interaction.objects.get().product_id == chair.pk


def test_visitors_may_be_users_of_the_shop(tmp_path, products, ada):
    rows = [row | {"user": name} for row, name in zip(rows_for(products, 2), ("ada", "guest"), strict=True)]
    run(write(tmp_path / "log.csv", rows), user_field="username")
    assert [visitor.user for visitor in Visitor.objects.order_by("user")] == [ada, None]


def test_rows_that_make_no_sense_are_reported_with_line_and_reason(tmp_path, products):
    good, key = rows_for(products, 1)[0], str(products[0].pk)
    wrong = [
        good | {"user": ""},
        good | {"item": " "},
        good | {"event": "steal"},
        good | {"ts": "soon"},
        good | {"ts": START * 1000},
        good | {"ts": -5},
        good | {"ts": ""},
        good | {"n": "0"},
        good | {"n": "1.5"},
        good | {"n": "many"},
        good | {"eur": "-1"},
        good | {"eur": "free"},
        good | {"no": "x" * 65},
        good | {"item": "no-such-product"},
        good | {"user": "a\nb" + "x" * 300},
    ]
    rows = [{"n": "2", "eur": "1", "no": ""} | row for row in [good, *wrong]]
    path, bad = write(tmp_path / "log.csv", rows), tmp_path / "bad.csv"
    path.write_text(path.read_text() + "one,field\n")
    said = run(path, [*MAPS, "quantity=n", "price=eur", "order=no"], errors_to=bad, batch=6)
    assert "17 rows: 1 stored, 0 there already, 15 refused, 1 of unknown products" in said
    assert "1 unknown products, most often no-such-product (1)" in said
    with bad.open(newline="") as file:
        header, *reports = csv.reader(file)
    assert header == ["line", "reason", "user", "item", "event", "ts", "n", "eur", "no"]
    assert [(int(line), reason.split("'")[0].strip()) for line, reason, *_ in reports] == [
        (3, "visitor is missing"),
        (4, "product is missing"),
        (5, "kind"),
        (6, "time"),
        (7, "time"),
        (8, "time"),
        (9, "time is missing"),
        (10, "quantity"),
        (11, "quantity"),
        (12, "quantity"),
        (13, "price"),
        (14, "price"),
        (15, "order has more than 64 characters"),
        (16, "unknown product"),
        (17, "visitor has more than 255 characters"),
        (19, "has 2 fields, the header 7"),
    ]
    assert "for milliseconds write --time-unit ms" in reports[4][1]
    assert reports[5][3] == key


def test_lines_of_json_may_leave_out_what_is_optional(tmp_path, products):
    rows = rows_for(products, 3)
    path = write(tmp_path / "log.jsonl", [rows[0], rows[1], rows[2] | {"n": 7, "eur": 9_999_999_999.99999}])
    assert "2 stored, 0 there already, 1 refused" in run(path, [*MAPS, "quantity=n", "price=eur"])
    path = write(tmp_path / "log.jsonl", [rows[0], rows[2] | {"n": 7, "eur": 1.23456}])
    run(path, [*MAPS, "quantity=n", "price=eur"])
    purchase = Purchase.objects.get()
    assert (purchase.quantity, purchase.unit_price) == (7, Decimal("1.2346"))


def test_lines_of_json_that_are_broken_are_reported(tmp_path, products):
    path = write(tmp_path / "log.jsonl", rows_for(products, 2))
    odd = {"user": "\ud800", "item": [1], "event": None, "ts": True}
    path.write_text(path.read_text() + "\n{broken\n17\n" + json.dumps(odd) + "\n")
    bad = tmp_path / "bad.csv"
    assert "5 rows: 2 stored, 0 there already, 3 refused" in run(path, errors_to=bad)
    assert [line.split(",")[0] for line in bad.read_text().splitlines()[1:]] == ["4", "5", "6"]


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ([START, START + 1], None),
        ([float(START), START + 1.0], None),
        ([START * 1000, START * 1000 + 1000], "ms"),
        (["2023-11-14T22:13:20Z", "2023-11-14T23:13:21+01:00"], None),
        (["2023-11-14 23:13:20", "2023-11-14T23:13:21"], None),
        (["2023-11-14 23:13:20", "2023-11-14T22:13:21Z"], None),
        ([datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(START + 1, UTC)], None),
        ([datetime(2023, 11, 14, 23, 13, 20), datetime(2023, 11, 14, 23, 13, 21)], None),
    ],
)
def test_times_are_read_however_they_are_written(tmp_path, products, column, unit):
    rows = [row | {"ts": moment} for row, moment in zip(rows_for(products, 2), column, strict=True)]
    run(write(tmp_path / "log.parquet", rows), time_unit=unit)
    moments = sorted(Interaction.objects.values_list("occurred_at", flat=True))
    aware = [each if timezone.is_aware(each) else timezone.make_aware(each) for each in moments]
    assert [moment.timestamp() for moment in aware] == [START, START + 1]


def test_numbers_as_names_of_visitors_and_products_are_whole(tmp_path, products):
    rows = [{"user": 17850.0, "item": str(products[0].pk), "event": "view", "ts": START}]
    run(write(tmp_path / "floats.parquet", rows))
    run(write(tmp_path / "words.csv", [row | {"user": "17850"} for row in rows]))
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"path": "none.csv"}, "There is no file"),
        ({"path": "log.xlsx"}, "its name must end in .csv, .jsonl, .parquet"),
        ({"maps": ["visitor=user", "product=item", "time=ts"]}, "--kind view, or --map kind=COLUMN"),
        ({"kind": "view"}, "--kind view, or --map kind=COLUMN"),
        ({"maps": ["visitor=user", "product=item", "kind=event"]}, "--map time=COLUMN"),
        ({"maps": [*MAPS, "colour=red"]}, "roles are visitor, product"),
        ({"maps": [*MAPS, "price=cost"]}, "the columns of log.csv are user, item, event, ts"),
        ({"maps": ["visitor"]}, "write --map ROLE=COLUMN"),
        ({"value": ["basket=addtocart"]}, "no kind 'basket'; kinds are view, favourite, cart, purchase"),
        ({"product_field": "colour"}, "--product-field colour: the fields of shop.Product are"),
        ({"user_field": "nickname"}, "--user-field nickname: the fields of"),
        ({"product_field": "price"}, "Not one of the first 12 rows can be used; the first: unknown product"),
        ({"time_unit": "ms", "maps": ["visitor=user", "product=item", "kind=ts", "time=ts"]}, "kind '17"),
        ({"batch": 0}, "--batch must be 1 or more"),
    ],
)
def test_wrong_input_is_told_what_to_write(tmp_path, products, options, advice):
    write(tmp_path / "log.csv", rows_for(products))
    (tmp_path / "log.xlsx").touch()
    options = dict(options)
    path = tmp_path / options.pop("path", "log.csv")
    with pytest.raises(CommandError) as error:
        run(path, **options)
    assert advice in str(error.value)
    assert Interaction.objects.count() == 0


def test_a_file_of_another_encoding_or_format_is_told_apart(tmp_path, products):
    (tmp_path / "latin.csv").write_bytes("user,item,event,ts\nJörg,1,view,1\n".encode("latin-1"))
    (tmp_path / "fake.parquet").write_bytes(b"not parquet at all")
    for name in ("latin.csv", "fake.parquet"):
        with pytest.raises(CommandError, match="cannot be read"):
            run(tmp_path / name)


def test_a_column_of_a_type_that_names_nothing_is_told(tmp_path, products):
    rows = [row | {"user": [1, 2]} for row in rows_for(products)]
    with pytest.raises(CommandError, match="has a type that its role cannot have"):
        run(write(tmp_path / "log.parquet", rows))


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


def test_a_person_sees_how_far_it_is(tmp_path, products):
    path = write(tmp_path / "log.parquet", rows_for(products, 20))
    terminal, pipe = Terminal(), io.StringIO()
    run(path, batch=5, stderr=terminal)
    assert "███████░" in terminal.getvalue()
    assert "  25%  5 rows" in terminal.getvalue()
    assert terminal.getvalue().endswith("100%  20 rows\n")
    run(path, stderr=pipe)
    assert pipe.getvalue() == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_killed_import_goes_on_where_it_stopped(tmp_path, products, suffix):
    rows = rows_for(products, 6_000)
    rows[10]["item"] = rows[5_990]["item"] = "no-such-product"
    path, bad = write(tmp_path / f"log{suffix}", rows), tmp_path / "bad.csv"
    kill_after_some_batches(path, bad)
    checkpoint = ImportCheckpoint.objects.get()
    assert 0 < checkpoint.rows == Interaction.objects.count() + 1 < 6_000
    with bad.open("a") as file:
        file.write("half a li")  # what was written behind the last checkpoint
    said = run(path, errors_to=bad, batch=100)
    assert f"Went on behind row {checkpoint.rows:,}." in said
    assert "6,000 rows: 5,998 stored, 0 there already, 0 refused, 2 of unknown products" in said
    assert [line.split(",")[0] for line in bad.read_text().splitlines()[1:]] == (
        ["12", "5992"] if suffix == ".csv" else ["11", "5991"]
    )
    assert Interaction.objects.count() == 5_998
    assert not ImportCheckpoint.objects.exists()


def kill_after_some_batches(path: Path, bad: Path) -> None:
    """Start an import in a process of its own and kill it, without warning, in the middle."""
    command = [sys.executable, "-m", "django", "recs_import", str(path)]
    command += ["--errors-to", str(bad), "--batch", "20", "--value", "cart=addtocart", "--time-unit", "s"]
    for item in MAPS:
        command += ["--map", item]
    environment = os.environ | {"SHOP_RECS_TEST_DATABASE": connection.settings_dict["NAME"]}
    child = subprocess.Popen(command, cwd=ROOT, env=environment)
    deadline = time.monotonic() + 60
    while not ImportCheckpoint.objects.filter(rows__gte=200).exists():
        assert child.poll() is None, "the import ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    while other_connections():  # the server may still be committing the last batch
        assert time.monotonic() < deadline
        time.sleep(0.005)


def other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_an_interrupted_import_can_begin_anew(tmp_path, products):
    path = write(tmp_path / "log.csv", rows_for(products))
    run(path)
    Interaction.objects.all().delete()
    plan = make_plan(
        path, columns=dict(item.split("=") for item in MAPS), words={"cart": "addtocart"}, time_unit="s"
    )
    ImportCheckpoint.objects.create(
        source=plan.fingerprint(),
        rows=6,
        counts={"stored": 6, "duplicates": 0, "refused": 0, "unknown": 0},
    )
    assert "12 rows: 12 stored" in run(path, restart=True)


def test_the_statements_of_a_batch_are_few(tmp_path, products, django_assert_max_num_queries):
    path = write(tmp_path / "log.csv", rows_for(products, 400))
    with django_assert_max_num_queries(25):
        run(path, batch=200)


@pytest.mark.real_data
def test_the_log_of_a_real_shop_is_imported_whole(tmp_path, shop_data, make_product):
    path = shop_data / "tmall" / "events.parquet"
    head = pq.read_table(path).slice(0, 3_000)
    for name in set(head["item_id"].to_pylist()):
        make_product(str(name))
    pq.write_table(head, tmp_path / "events.parquet")
    maps = ["visitor=user_id", "product=item_id", "kind=event", "time=ts"]
    said = run(tmp_path / "events.parquet", maps, product_field="name", value=[])
    assert "3,000 rows: 3,000 stored, 0 there already, 0 refused, 0 of unknown products" in said
