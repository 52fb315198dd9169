"""Latency of `GET v1/recommendations/` over a bare DRF view, and the memory that the app adds to a process.

    python -m benchmarks.serving            # 20,000 products, one warm client, all pages in turn
    python -m benchmarks.serving --memory

A gunicorn of its own with one worker answers on the loopback; the database is made for the run and dropped.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from uuid import UUID

import numpy as np

DATABASE = "benchmark_serving"
DIMENSIONS = 64
HISTORIES = (20, 100, 200)
"""Events of the visitors who ask: a usual number, many, and as many as are ever read."""


def main() -> None:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=1_000, help="of each page")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    with database():
        visitors = fill(options.products)
        if options.memory:
            compare_memory(visitors[0])
        else:
            compare_latency(visitors, options.requests)


@contextmanager
def database() -> Iterator[None]:
    """A migrated database of the benchmark's own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.serving_settings"
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    server = dict(connection.settings_dict)
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    os.environ["SHOP_RECS_TEST_DATABASE"] = connection.settings_dict["NAME"] = DATABASE
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = server["NAME"]
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def fill(size: int) -> list[UUID]:
    """Products in clusters with vectors as ALS would leave them, a log of 200,000 events, two visitors."""
    from django.db import connection

    from shop_recs.conf import get_product_model, settings
    from shop_recs.models import Interaction, Kind, Visitor
    from tests.serving.versions import publish_popularity, publish_vectors

    model: Any = get_product_model()
    products = model.objects.bulk_create(model(name=f"Product {n}", price=n % 90 + 10) for n in range(size))
    indexed = size >= settings.EXACT_BELOW
    publish_vectors("als", products, clustered(size), indexed=indexed)
    publish_popularity(products, indexed=indexed)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shop_recs_visitor (id, created_at) "
            "SELECT gen_random_uuid(), now() FROM generate_series(1, 4000)"
        )
        cursor.execute(
            "INSERT INTO shop_recs_interaction "
            "(id, visitor_id, product_id, kind, quantity, order_reference, occurred_at, received_at) "
            "SELECT gen_random_uuid(), visitor.id, 1 + floor(random() * %s), 1 + floor(random() * 4), 1, '', "
            "now() - random() * interval '90 days', now() "
            "FROM shop_recs_visitor AS visitor, generate_series(1, 50)",
            [size],
        )
        cursor.execute("VACUUM ANALYZE")
    visitors = [Visitor.objects.create() for _ in HISTORIES]
    Interaction.objects.bulk_create(
        Interaction(visitor=visitor, product=products[place * 20 % size], kind=Kind.VIEW)
        for visitor, length in zip(visitors, HISTORIES, strict=True)
        for place in range(length)
    )
    return [visitor.pk for visitor in visitors]


def clustered(size: int) -> np.ndarray:
    """`(size, 64)` vectors around a hundred centres, of uneven length."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, DIMENSIONS))
    vectors = centres[np.arange(size) % 100] + rng.normal(scale=0.7, size=(size, DIMENSIONS))
    return (vectors * rng.lognormal(sigma=0.4, size=(size, 1))).astype(np.float32)


def compare_latency(visitors: list[UUID], requests: int) -> None:
    """Ask all pages in turn, so that whatever else the machine does meets all of them."""
    url = "/recs/v1/recommendations/"
    pages = {
        "bare DRF view, 12 products": ("/products/", {}),
        **{
            f"recommendations, {length} events": (url, {"Cookie": cookie(visitor)})
            for length, visitor in zip(HISTORIES, visitors, strict=True)
        },
        "recommendations, no cookie": (url, {}),
        "similar items": ("/recs/v1/items/7/similar/", {}),
    }
    with server() as (port, _process):
        client = HTTPConnection("127.0.0.1", port)
        times = {name: np.empty(requests) for name in pages}
        for number in range(-100, requests):
            for name, (url, headers) in pages.items():
                times[name][number] = timed(client, url, headers)
    bare = np.percentile(times["bare DRF view, 12 products"], 50)
    print(f"{'page':32}{'p50 ms':>9}{'p99 ms':>9}{'p50 over bare':>15}")
    for name, taken in times.items():
        p50, p99 = np.percentile(taken, (50, 99))
        print(f"{name:32}{p50:9.2f}{p99:9.2f}{p50 / bare:15.2f}")


def compare_memory(visitor: UUID) -> None:
    """What a web process holds for itself after five hundred requests, with the app and without."""
    without = memory_after("/products/", {}, {"WITHOUT_SHOP_RECS": "1"})
    with_app = memory_after("/recs/v1/recommendations/", {"Cookie": cookie(visitor)}, {})
    print(f"without the app {without:.1f} MB, with it {with_app:.1f} MB: {with_app - without:.1f} MB more")


def memory_after(url: str, headers: dict[str, str], environment: dict[str, str]) -> float:
    """Unique memory of the worker in MB after serving `url` and the bare page."""
    import psutil

    with server(environment) as (port, process):
        client = HTTPConnection("127.0.0.1", port)
        for _ in range(500):
            timed(client, "/products/", {})
            timed(client, url, headers)
        (worker,) = psutil.Process(process.pid).children()
        return float(worker.memory_full_info().uss) / 1e6


@contextmanager
def server(environment: dict[str, str] | None = None) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """gunicorn with one worker and one connection at a time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "gthread", "--threads", "1"]
    process = subprocess.Popen(
        [*command, "--keep-alive", "60", "--log-level", "warning", "django.core.wsgi:get_wsgi_application()"],
        env=os.environ | (environment or {}),
    )
    try:
        wait_for(port)
        yield port, process
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(port: int) -> None:
    """Until the server listens, at most half a minute."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def timed(client: HTTPConnection, url: str, headers: dict[str, str]) -> float:
    """Milliseconds until the whole answer is read."""
    started = time.perf_counter()
    client.request("GET", url, headers={"Accept": "application/json", "User-Agent": "Mozilla/5.0"} | headers)
    answer = client.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - started) * 1000
    if answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status}: {body[:300]!r}")
    return taken


def cookie(visitor: UUID) -> str:
    """The cookie that the app gave this visitor."""
    from django.core.signing import TimestampSigner

    from shop_recs.conf import settings
    from shop_recs.tracking.identity import SALT

    return f"{settings.COOKIE_NAME}={TimestampSigner(salt=SALT).sign(f'{visitor.hex}.')}"


if __name__ == "__main__":
    main()
