"""What impressions and feedback cost: `python -m benchmarks.reactions [--products 100000]`.

Works in a test database of its own, made and dropped again; all cases are taken in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("TEST_DATABASE_NAME", "test_benchmark_reactions")
django.setup()

from django.db import connection  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.capture import make_products  # noqa: E402
from shop_recs.conf import get_product_model, settings  # noqa: E402
from shop_recs.models import Feedback, FeedbackKind, Impression, Interaction, Kind, Placement, Visitor  # noqa: E402
from shop_recs.serving import context, eligible, ladder, retrieve  # noqa: E402
from shop_recs.tracking.identity import Shopper  # noqa: E402
from tests.serving.versions import publish_vectors  # noqa: E402

ROW_EACH = """
    CREATE TABLE row_each AS
        SELECT visitor_id, recommendation_id, product_id, placement, 1::smallint AS rank, seen_at
        FROM shop_recs_impression JOIN shop_recs_feedback USING (visitor_id) LIMIT 0;
    ALTER TABLE row_each ADD PRIMARY KEY (visitor_id, recommendation_id, product_id);
    CREATE INDEX ON row_each (visitor_id, seen_at DESC);
    CREATE INDEX ON row_each USING brin (seen_at);
    INSERT INTO row_each
        SELECT impression.visitor_id, recommendation_id, product.id, placement, rank::smallint, seen_at
        FROM shop_recs_impression AS impression, jsonb_each_text(products) AS item (key, rank)
        JOIN shop_product AS product ON product.id::text = key
"""
INTO_ONE = """
    INSERT INTO shop_recs_impression (id, visitor_id, recommendation_id, placement, products, seen_at)
    SELECT gen_random_uuid(), %s, %s, 'recommended-for-you', %s::jsonb, now()
"""
INTO_EACH = """
    INSERT INTO row_each (visitor_id, recommendation_id, product_id, placement, rank, seen_at)
    SELECT %s, %s, product, 'recommended-for-you', rank, now()
    FROM unnest(%s, %s::smallint[]) AS seen (product, rank)
"""
EVENTS, LISTS, PER_LIST = 200, 200, 10
HIDDEN = (0, 20, 1_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        keys = fill(options.products)
        Placement.objects.create(slug="home", kind="recommended_for_you", fatigue=0.5)
        visitors = {hidden: make_visitor(keys, hidden) for hidden in HIDDEN}
        unseen = make_visitor(keys, 0, lists=0)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        measure(contexts(visitors, unseen) | rankings(visitors), rounds=options.rounds)
        measure(writes(keys), rounds=3 * options.rounds)
        print_sizes()
    finally:
        runner.teardown_databases(databases)


def fill(size: int) -> list[Any]:
    """Products with vectors, and a log and impressions of others among which one visitor's must be found."""
    keys = make_products(size)
    products = list(get_product_model()._default_manager.all())
    publish_vectors("als", products, clustered(size), indexed=size >= settings.EXACT_BELOW)
    for start in range(0, 2_000, 10):
        make_visitor(keys[start:], 5, events=50, lists=20)
    return keys


def make_visitor(keys: list[Any], hidden: int, *, events: int = EVENTS, lists: int = LISTS) -> Shopper:
    """A visitor of so many views, lists seen and products hidden, all within two weeks."""
    visitor, now = Visitor.objects.create(), timezone.now()
    step = timedelta(days=13) / EVENTS
    Interaction.objects.bulk_create(
        Interaction(visitor=visitor, product_id=keys[n * 7 % len(keys)], kind=Kind.VIEW, occurred_at=moment)
        for n in range(events)
        for moment in [now - n * step]
    )
    Impression.objects.bulk_create(
        Impression(
            visitor=visitor,
            recommendation_id=uuid.uuid4(),
            placement="recommended-for-you",
            products={str(keys[(n * 11 + rank * 101) % len(keys)]): rank for rank in range(1, PER_LIST + 1)},
            seen_at=now - n * step,
        )
        for n in range(lists)
    )
    Feedback.objects.bulk_create(
        Feedback(visitor=visitor, product_id=key, kind=kind, created_at=now)
        for key, kind in zip(keys[:hidden], [*FeedbackKind] * hidden, strict=False)
    )
    return Shopper(visitor.pk, None)


def contexts(visitors: dict[int, Shopper], unseen: Shopper) -> dict[str, Callable[[], object]]:
    """The statement of the context with and without what this adds to it."""

    def read(shopper: Shopper, fatigue_of: Shopper = context.NOBODY) -> Callable[[], object]:
        asked = context.Asked(["home"], fatigue_of=fatigue_of)
        return lambda: context.of_shopper(shopper, using="default", asked=asked)

    return {
        f"context, {EVENTS} events": read(visitors[0]),
        "  with fatigue, no impression": read(unseen, unseen),
        f"  with fatigue, {LISTS * PER_LIST} shown": read(visitors[0], visitors[0]),
        **{f"  context, {hidden} hidden": read(visitors[hidden]) for hidden in HIDDEN[1:]},
    }


def rankings(visitors: dict[int, Shopper]) -> dict[str, Callable[[], object]]:
    """The ranking of twelve products with and without the condition."""
    seen = context.of_shopper(visitors[0], using="default")
    rung = next(ladder.for_shopper(seen))

    def ranked(hidden_from: Shopper) -> Callable[[], object]:
        candidates = eligible.leave_out(
            eligible.available(), shopper=context.NOBODY, request=None, bought=False, feedback_of=hidden_from
        )
        return lambda: retrieve.nearest(candidates, rung, seen, limit=12)

    return {"ranking": ranked(context.NOBODY)} | {
        f"  ranking, {hidden} hidden": ranked(whom) for hidden, whom in visitors.items()
    }


def writes(keys: list[Any]) -> dict[str, Callable[[], object]]:
    """Twelve products seen: as one row, and as a row for each in a table that knows the same."""
    visitor, ranks = Visitor.objects.create().pk, list(range(1, 13))
    products = json.dumps(dict(zip(map(str, keys), ranks, strict=False)))

    def insert(statement: str, *values: Any) -> Callable[[], None]:
        def once() -> None:
            with connection.cursor() as cursor:
                cursor.execute(statement, [visitor, uuid.uuid4(), *values])

        return once

    with connection.cursor() as cursor:
        cursor.execute(ROW_EACH)
    return {
        "INSERT of 12 products in one row": insert(INTO_ONE, products),
        "  in a row each": insert(INTO_EACH, keys[:12], ranks),
    }


def print_sizes() -> None:
    """Bytes per product seen, with the indexes."""
    with connection.cursor() as cursor:
        for table, per_row in (("shop_recs_impression", PER_LIST), ("row_each", 1)):
            cursor.execute(f"SELECT pg_total_relation_size('{table}')::float8, count(*) FROM {table}")
            size, rows = cursor.fetchone()
            print(f"{table:36} {size / rows / per_row:.0f} bytes for each product seen")


def measure(cases: dict[str, Callable[[], object]], *, rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            start = time.perf_counter()
            case()
            times[name].append((time.perf_counter() - start) * 1e3)
    for name, values in times.items():
        p99 = statistics.quantiles(values, n=100)[98]
        print(f"{name:36} p50 {statistics.median(values):6.3f} ms   p99 {p99:6.3f} ms")


def clustered(size: int) -> np.ndarray:
    """`(size, 64)` vectors around a hundred centres, of uneven length."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, 64))
    vectors = centres[np.arange(size) % 100] + rng.normal(scale=0.7, size=(size, 64))
    return (vectors * rng.lognormal(sigma=0.4, size=(size, 1))).astype(np.float32)


if __name__ == "__main__":
    main()
