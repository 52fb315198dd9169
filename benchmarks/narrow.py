"""Ways to rank what a hidden filter keeps: `python -m benchmarks.narrow --items 100000 --keep bench`.

Works in the database that `recs_bench serving` keeps under this name; all ways are taken in turn.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import QuerySet  # noqa: E402

from shop_recs.bench.database import own_database  # noqa: E402
from shop_recs.bench.filters import LENGTH, SHARES, scattered  # noqa: E402
from shop_recs.bench.shop import invented_shop  # noqa: E402
from shop_recs.serving import context, ladder  # noqa: E402
from shop_recs.serving.eligible import available  # noqa: E402
from shop_recs.serving.pools import MEASURE, Pool, best, in_order, measures  # noqa: E402
from shop_recs.serving.rungs import VectorRung  # noqa: E402
from shop_recs.tracking.identity import Shopper  # noqa: E402

ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--keep", default="bench")
    options = parser.parse_args()
    with own_database(keep=f"{options.keep}_{options.items}"):
        shop = invented_shop(options.items, history=50)
        rungs = [rung_of(Shopper(visitor, None)) for visitor in shop.visitors]
        for share in SHARES:
            measure(scattered(available(), share), rungs, share)


def rung_of(shopper: Shopper) -> VectorRung:
    """What ranks for a visitor."""
    rungs = ladder.for_shopper(context.of_shopper(shopper, using="default"))
    return next(rung for rung in rungs if isinstance(rung, VectorRung) and rung.personal)


def measure(products: QuerySet[Any], rungs: list[VectorRung], share: float) -> None:
    """Print the median of each way, and what share of the nearest a search of the index finds."""
    taken, found = defaultdict(list), []
    for rung in rungs:
        keys = {}
        for name, (ranked, setting) in ways(products, rung).items():
            with transaction.atomic(), connection.cursor() as cursor:
                if setting:
                    cursor.execute(setting)
                started = time.perf_counter()
                keys[name] = list(ranked)
                taken[name].append((time.perf_counter() - started) * 1000)
        exact, searched = keys["keys, then vectors"], keys["search of the index"]
        found.append(len({*exact} & {*searched}) / len(exact))
    medians = ", ".join(f"{name} {np.median(times):.1f} ms" for name, times in taken.items())
    print(f"{share:.1%}: {medians}; the search finds {np.mean(found):.2f} of the nearest")


def ways(products: QuerySet[Any], rung: VectorRung) -> Mapping[str, tuple[QuerySet[Any, Any], str]]:
    """By name, the keys of the nearest in some way, and the setting that it goes with."""
    known = rung.known(products).annotate(**measures(rung, 0, rung.relation))
    joined = in_order(known, [rung.best_first(f"{MEASURE}distance_0")]).values_list("pk", flat=True)[:LENGTH]
    return {
        "keys, then vectors": (best(Pool(products, rung, LENGTH, exact=True)), ALONE),
        "join": (joined.all(), ALONE),
        "join as planned": (joined.all(), ""),
        "search of the index": (best(Pool(products, rung, LENGTH)), ""),
    }


if __name__ == "__main__":
    main()
