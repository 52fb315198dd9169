"""What the app adds to a page with both widgets and to a web process.

    python -m benchmarks.pages        # after `make demo`

Two gunicorn processes serve the demo shop over the same database: one as it is, one with the stand-in of
`benchmarks/plain` in the place of the app. A visitor opens the same product pages of both in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from time import perf_counter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_shop.settings")

import django
import psutil

PLAIN = Path(__file__).resolve().parent / "plain"
PAGES = 60
WARM_UP = 2
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


class Shop:
    """One web process and the visitor who looks at it."""

    def __init__(self, address: str, process: psutil.Process) -> None:
        self.address, self.process = address, process
        self.seconds: list[float] = []
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.opener.addheaders = [("User-Agent", BROWSER)]

    def lists_on(self, path: str) -> int:
        """Open a page, keep its time, and count its lists of recommendations."""
        began = perf_counter()
        with self.opener.open(self.address + path) as answer:
            body = answer.read().decode()
        self.seconds.append(perf_counter() - began)
        return int(body.count('<section class="shop-recs"'))

    def figures(self) -> tuple[float, float, float]:
        """Milliseconds of a page at p50 and p99, and megabytes of the process."""
        percentiles = statistics.quantiles(self.seconds, n=100)
        return 1000 * percentiles[49], 1000 * percentiles[98], self.process.memory_info().rss / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help=f"times that the {PAGES} pages are opened")
    rounds = parser.parse_args().rounds
    django.setup()
    from django.utils import timezone

    from demo_shop.models import Product
    from demo_shop.services import running
    from shop_recs.models import Visitor

    with running() as supervisor:
        began = timezone.now()
        paths = [product.get_absolute_url() for product in Product.objects.available()[: PAGES * 7 : 7]]
        without = start(supervisor, "without the app", "--chdir", str(PLAIN))
        with_app = start(supervisor, "with the app")
        for number in range(WARM_UP + rounds):
            if number == WARM_UP:
                without.seconds.clear()
                with_app.seconds.clear()
            for path in paths:
                assert without.lists_on(path) == 0
                assert with_app.lists_on(path) == 2
        report(without, with_app)
        Visitor.objects.filter(created_at__gte=began).delete()


def start(supervisor: object, name: str, *options: str) -> Shop:
    """A web server with one process."""
    from demo_shop.services import free_port, start_web_server
    from demo_shop.supervisor import Supervisor

    assert isinstance(supervisor, Supervisor)
    address = start_web_server(supervisor, free_port(8200), name=name, options=("--workers", "1", *options))
    child, _ = supervisor.children[name]
    return Shop(address, psutil.Process(child.pid).children()[0])


def report(without: Shop, with_app: Shop) -> None:
    """Print the figures of both and what the app adds."""
    rows = {"without": without.figures(), "with": with_app.figures()}
    rows["added"] = tuple(a - b for a, b in zip(rows["with"], rows["without"], strict=True))  # type: ignore[assignment]
    print(f"{len(without.seconds)} pages each\n{'':<9}{'p50 ms':>9}{'p99 ms':>9}{'MB':>9}")
    for name, figures in rows.items():
        print(f"{name:<9}" + "".join(f"{figure:>9.1f}" for figure in figures))


if __name__ == "__main__":
    main()
