"""How long a retraining takes: reading the log, and all of it over the bare `implicit` fit.

Run from the project's root: `python -m benchmarks.retrain`. It makes a database of its own and drops it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

DATABASE = "shop_recs_benchmark_retrain"
TASTES = 40


def main() -> None:
    arguments = _arguments()
    os.environ |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "SHOP_RECS_TEST_DATABASE": DATABASE}
    import django

    django.setup()
    with database():
        fill(arguments.interactions, shoppers=arguments.shoppers, products=arguments.products)
        read()
        retrain()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--shoppers", type=int, default=50_000)
    parser.add_argument("--products", type=int, default=20_000)
    return parser.parse_args()


@contextlib.contextmanager
def database() -> Iterator[None]:
    """An empty migrated database, dropped afterwards."""
    from django.core.management import call_command
    from django.db import connection

    def execute(statement: str) -> None:
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(statement)

    execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    execute(f"CREATE DATABASE {DATABASE}")
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def fill(interactions: int, *, shoppers: int, products: int) -> None:
    """Shoppers of three tastes each, products that are popular by Zipf's law within a taste."""
    from django.db import connection

    from shop_recs.conf import get_product_model

    random = np.random.default_rng(0)
    product = get_product_model()
    product._default_manager.bulk_create(product(name=f"Product {number}") for number in range(products))
    keys = list(product._default_manager.order_by("pk").values_list("pk", flat=True))
    visitors = [uuid.UUID(int=int(number)) for number in random.permutation(shoppers) + 1]
    tastes = random.integers(TASTES, size=(shoppers, 3))
    activity = random.lognormal(sigma=1.2, size=shoppers)
    who = random.choice(shoppers, size=interactions, p=activity / activity.sum())
    places = 1 / np.arange(1, products // TASTES + 1)
    place = random.choice(len(places), size=interactions, p=places / places.sum())
    taste = tastes[who, random.integers(3, size=interactions)]
    stray = random.random(interactions) < 0.15
    taste[stray] = random.integers(TASTES, size=stray.sum())
    what = place * TASTES + taste
    kinds = random.choice([1, 2, 3, 4], size=interactions, p=[0.8, 0.03, 0.1, 0.07])
    ages = random.random(interactions) * 180
    with connection.cursor() as cursor:
        with cursor.copy("COPY shop_recs_visitor (id, created_at) FROM STDIN") as copy:
            copy.write("\n".join(f"{visitor}\t2026-01-01" for visitor in visitors))
        cursor.execute(
            "CREATE TEMPORARY TABLE drawn (id uuid, visitor uuid, product text, kind int, age float)"
        )
        with cursor.copy("COPY drawn FROM STDIN") as copy:
            for row in zip(who.tolist(), what.tolist(), kinds.tolist(), ages.tolist(), strict=True):
                copy.write(f"{uuid.uuid4()}\t{visitors[row[0]]}\t{keys[row[1]]}\t{row[2]}\t{row[3]:.6f}\n")
        cursor.execute(
            "INSERT INTO shop_recs_interaction"
            " (id, visitor_id, product_id, kind, quantity, order_reference, occurred_at, received_at)"
            " SELECT drawn.id, visitor, product.id, kind, 1, '', now() - age * interval '1 day', now()"
            f" FROM drawn JOIN {product._meta.db_table} AS product ON product.id::text = drawn.product"
        )
        cursor.execute("ANALYZE")


def read() -> None:
    from shop_recs.training import dataset

    for _ in range(3):
        started = time.perf_counter()
        data = dataset.read().data
        print(f"read {len(data):,} rows in {time.perf_counter() - started:.2f} s")


def retrain() -> None:
    """The whole retraining, in its own process as always, over the fit of the same matrix alone."""
    import implicit.cpu.als
    from threadpoolctl import threadpool_limits

    from shop_recs.registry import recommender
    from shop_recs.training import dataset, runner

    algorithm: Any = recommender("als")
    data = dataset.read().data
    bare = implicit.cpu.als.AlternatingLeastSquares(
        factors=algorithm.factors,
        regularization=algorithm.regularization,
        iterations=algorithm.iterations,
        num_threads=algorithm.threads,
        random_state=0,
    )
    with threadpool_limits(1, "blas"):
        bare_seconds = seconds(lambda: bare.fit(algorithm._confidences(data), show_progress=False))
    versions = []
    whole_seconds = seconds(lambda: versions.append(runner.train("als")))
    metrics, info = versions[0].metrics, versions[0].info
    print(f"bare fit {bare_seconds:.1f} s, whole retraining {whole_seconds:.1f} s: {info['seconds']}")
    print(f"the limit is 1.5 x + 10 s = {1.5 * bare_seconds + 10:.1f} s")
    print(f"processor time of the retraining without the database: {processor_seconds():.1f} s")
    for who in ("model", "popular", "history"):
        print(f"NDCG@10 of {who}: {metrics[who]['all']['ndcg@10']:.4f}")


def processor_seconds() -> float:
    """Of the processes started from here, which tells more than the clock on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
