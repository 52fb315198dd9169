"""How fast interactions are recorded and imported: `python -m benchmarks.capture record|import`.

Works in a test database of its own, made and dropped again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import numpy as np
import psutil

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("TEST_DATABASE_NAME", "test_benchmark_capture")
django.setup()

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402

from shop_recs import record_view  # noqa: E402
from shop_recs.conf import get_product_model, settings  # noqa: E402
from shop_recs.middleware import VisitorMiddleware  # noqa: E402
from shop_recs.models import Interaction, Visitor  # noqa: E402

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PRODUCTS, VISITORS = 20_000, 60_000
MAPS = ["visitor=user", "product=item", "kind=event", "time=ts"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["record", "import"])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=100_000)
    options = parser.parse_args()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        if options.what == "record":
            benchmark_record()
        else:
            benchmark_import(options.events, options.batch)
    finally:
        runner.teardown_databases(databases)


def benchmark_record(requests: int = 3_000) -> None:
    """The same page with and without `record_view`, and a bare INSERT, taken in turn."""
    product = make_products(1)[0]
    factory = RequestFactory(headers={"user-agent": BROWSER})
    bare = VisitorMiddleware(lambda request: HttpResponse())
    recording: Any = VisitorMiddleware(lambda request: HttpResponse(str(record_view(request, product))))
    answer = recording(factory.get("/"))
    cookie = answer.cookies[settings.COOKIE_NAME].value
    visitor = Visitor.objects.get().pk

    def visit(page: VisitorMiddleware, cookie: str) -> None:
        request = factory.get("/")
        if cookie:
            request.COOKIES[settings.COOKIE_NAME] = cookie
        page(request)

    cases: dict[str, Callable[[], object]] = {
        "page": lambda: visit(bare, cookie),
        "page + record_view, known visitor": lambda: visit(recording, cookie),
        "page + record_view, new visitor": lambda: visit(recording, ""),
        "bare INSERT": lambda: insert(visitor, product),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(requests):
        for name, case in cases.items():
            start = time.perf_counter()
            case()
            times[name].append((time.perf_counter() - start) * 1e3)
    for name, values in times.items():
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{name:36} p50 {statistics.median(values):6.3f} ms   p99 {p99:6.3f} ms")


def insert(visitor: uuid.UUID, product: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shop_recs_interaction (id, visitor_id, product_id, kind, quantity, order_reference,"
            " occurred_at, received_at) VALUES (%s, %s, %s, 1, 1, '', now(), now())",
            [uuid.uuid4(), visitor, product],
        )


def benchmark_import(events: int, batch: int) -> None:
    """A whole `recs_import` of a Parquet file, then the same file again."""
    make_products(PRODUCTS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, events)
        for run in ("first", "again"):
            start, server, client = time.perf_counter(), server_cpu(), time.process_time()
            call_command("recs_import", str(path), map=MAPS, value=["cart=addtocart"], batch=batch)
            seconds = time.perf_counter() - start
            server, client = server_cpu() - server, time.process_time() - client
            print(
                f"{run}: {events:,} rows in {seconds:.1f} s, {events / seconds:,.0f}/s; "
                f"{Interaction.objects.count():,} in the log; CPU {server:.1f} s in PostgreSQL, "
                f"{client:.1f} s in Python, {events / (server + client):,.0f} rows per CPU second"
            )


def server_cpu() -> float:
    """CPU seconds of the server process behind our connection, which runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        times = psutil.Process(cursor.fetchone()[0]).cpu_times()
        return float(times.user + times.system)


def write_events(path: Path, events: int) -> None:
    """Events whose products and visitors are as unevenly spread as in a shop."""
    random = np.random.default_rng(0)
    keys = np.array([str(key) for key in get_product_model()._default_manager.values_list("pk", flat=True)])
    table = {
        "user": (random.pareto(1.2, events) * VISITORS / 20).astype(np.int64) % VISITORS,
        "item": keys[(random.pareto(1.1, events) * 50).astype(np.int64) % len(keys)],
        "event": random.choice(["view", "addtocart", "purchase"], events, p=[0.85, 0.1, 0.05]),
        "ts": np.sort(random.integers(1_700_000_000, 1_710_000_000, events)),
    }
    pq.write_table(pa.table(table), path)


def make_products(count: int) -> list[Any]:
    model = get_product_model()
    made = model._default_manager.bulk_create(
        [model(name=f"Product {n}") for n in range(count)], batch_size=2_000
    )
    return [product.pk for product in made]


if __name__ == "__main__":
    main()
