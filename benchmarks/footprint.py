"""The memory that the app adds to a web process: `python -m benchmarks.footprint [--products 100000]`.

A gunicorn with one worker answers five hundred requests, with the app and without; both show a list of twelve
products of the same database, which is made for the run and dropped.
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

REQUESTS = 500
BARE, LIST = "/products/", "/recs/v1/recommendations/"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    products = parser.parse_args().products
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.footprint_settings"
    import django

    django.setup()
    from django.db import connection

    from shop_recs.bench.database import own_database
    from shop_recs.bench.shop import invent, invented_shop

    with own_database():
        invent(products, dimensions=64, history=50, enter=lambda phase: print(phase, file=sys.stderr))
        cookie = invented_shop(products, history=50).cookies()[0]
        database = {"SHOP_RECS_TEST_DATABASE": str(connection.settings_dict["NAME"])}
        without = memory_after(BARE, {}, database | {"WITHOUT_SHOP_RECS": "1"})
        with_app = memory_after(LIST, cookie, database)
    print(f"without the app {without:.1f} MB, with it {with_app:.1f} MB: {with_app - without:.1f} MB more")


def memory_after(path: str, headers: dict[str, str], environment: dict[str, str]) -> float:
    """Unique memory of the worker in MB after serving `path` and the bare page."""
    import psutil

    from shop_recs.bench.load import Client, request

    with server(environment) as (port, process):
        client = Client(port)
        for message in [request(BARE), request(path, headers)] * REQUESTS:
            answer, _ = client.ask(message)
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}: {answer.body[:300]!r}")
        (worker,) = psutil.Process(process.pid).children()
        client.close()
        return float(worker.memory_full_info().uss) / 1e6


@contextmanager
def server(environment: dict[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """gunicorn with one worker and one connection at a time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", "gthread", "--threads", "1"]
    process = subprocess.Popen(
        [*command, "--keep-alive", "60", "--log-level", "warning", "django.core.wsgi:get_wsgi_application()"],
        env=os.environ | environment,
    )
    try:
        wait_for(port)
        yield port, process
    finally:
        process.terminate()
        process.wait(timeout=60)


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


if __name__ == "__main__":
    main()
