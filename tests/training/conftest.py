"""A log with planted tastes, and settings that reach the processes a test starts."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from shop_recs.algorithms.base import Fitted, FittedNeighbours, FittedVectors
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.algorithms.encoders.weights import WeightsEncoder
from shop_recs.conf import get_product_model
from shop_recs.models import Interaction, Kind, ModelVersion, Visitor
from shop_recs.training import lease, partitions, publish

PLUGINS = {
    name.lower(): {"BACKEND": f"tests.training.plugins.{name}"}
    for name in ("Counting", "Slow", "Deaf", "Failing", "Killed", "Choosy", "Diverging")
}
TASTES = 2
PRODUCTS = 24
SHOPPERS = 40


@pytest.fixture
def configure(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change `SHOP_RECS` here and in every process the test starts: `configure(LEASE_SECONDS=2)`."""
    changes: dict[str, Any] = {}

    def change(**given: Any) -> None:
        changes.update(given)
        settings.SHOP_RECS = {**settings.SHOP_RECS, **changes}
        monkeypatch.setenv("SHOP_RECS_TEST_SETTINGS", json.dumps(changes))

    return change


@pytest.fixture
def plugins(configure: Callable[..., None]) -> None:
    """The algorithms of `tests.training.plugins` by their lower-case names, beside the usual ones."""
    configure(ALGORITHMS=PLUGINS)


@pytest.fixture
def committed(transactional_db: None) -> None:
    """A database that other processes see."""


@pytest.fixture
def log(committed: None) -> list[Any]:
    """Products of two tastes and shoppers of one taste each, who chose ten times; returns the products.

    The product at an even place is of the first taste, at an odd place of the second.
    """
    make = get_product_model()._default_manager.create
    products = [make(name=f"Product {number}") for number in range(PRODUCTS)]
    visitors = Visitor.objects.bulk_create([Visitor() for _ in range(SHOPPERS)])
    rng = random.Random(0)
    now = timezone.now()
    Interaction.objects.bulk_create(
        Interaction(
            visitor=visitor,
            product=products[rng.randrange(number % TASTES, PRODUCTS, TASTES)],
            kind=rng.choice(list(Kind)),
            occurred_at=now - timedelta(hours=rng.uniform(1, 1000)),
        )
        for number, visitor in enumerate(visitors)
        for _ in range(10)
    )
    return products


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Wait for a condition, `until(version_exists)`, and return what it gave; fails after a minute."""

    def wait(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := condition():
                return answer
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds:.0f} seconds")

    return wait


def store(
    algorithm: str,
    products: Sequence[Any],
    *,
    dimensions: int = 4,
    finds_similar: bool = True,
    refusal: str = "",
    beside: ModelVersion | None = None,
    queries: Any = None,
    **fitted: Any,
) -> ModelVersion:
    """Publish a version whose vectors say which it is: their last number is the version's id.

    It was compared with the version `beside`, or else with the one that is served.
    """
    held = lease.acquire(algorithm)
    vectors = np.random.default_rng(held.version_id).random((len(products), dimensions), dtype=np.float32)
    vectors[:, -1] = held.version_id
    query = np.ones(dimensions, dtype=np.float32)
    learned = {
        "item_vectors": vectors,
        "known": np.ones(len(products), dtype=np.bool_),
        "encoder": ConstantEncoder(query),
        **fitted,
    }
    return _published(
        held,
        FittedVectors(**learned),
        products,
        finds_similar=finds_similar,
        refusal=refusal,
        beside=beside,
        queries=queries,
    )


def store_neighbours(algorithm: str, products: Sequence[Any], **fitted: Any) -> ModelVersion:
    """Publish a version in which the next two products are a product's neighbours, scored by its id."""
    held = lease.acquire(algorithm)
    n = len(products)
    learned = {
        "offsets": np.arange(0, 2 * n + 1, 2),
        "neighbours": (np.repeat(np.arange(n), 2) + np.tile([1, 2], n)).astype(np.int32) % n,
        "pair_scores": np.full(2 * n, held.version_id, dtype=np.float32),
        "support": np.ones(2 * n, dtype=np.int32),
        "known": np.ones(n, dtype=np.bool_),
        "encoder": WeightsEncoder(
            np.ones(8, dtype=np.float32), half_life_days=30.0, step_decay=1.0, history_length=50
        ),
        **fitted,
    }
    return _published(held, FittedNeighbours(**learned), products)


def _served(held: lease.Lease) -> ModelVersion | None:
    """What is served now of the algorithm of a run."""
    algorithm = ModelVersion.objects.get(pk=held.version_id).algorithm
    return ModelVersion.objects.filter(active__algorithm=algorithm).first()


def _published(
    held: lease.Lease,
    fitted: Fitted,
    products: Sequence[Any],
    *,
    finds_similar: bool = True,
    refusal: str = "",
    beside: ModelVersion | None = None,
    queries: Any = None,
) -> ModelVersion:
    publish.store_and_publish(
        held,
        fitted,
        [product.pk for product in products],
        finds_similar=finds_similar,
        enter=lambda phase: None,
        queries=queries,
        refusal=refusal,
        beside=beside or _served(held),
    )
    return ModelVersion.objects.get(pk=held.version_id)


def served(algorithm: str) -> tuple[set[int], set[float], int]:
    """What a query over the served vectors answers: versions, versions the vectors name, number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version_id, vector::text FROM shop_recs_itemvector WHERE version_id ="
            " (SELECT version_id FROM shop_recs_activemodel WHERE algorithm = %s)"
            " ORDER BY vector <#> array_fill(1, ARRAY[4])::vector LIMIT 100",
            [algorithm],
        )
        rows = cursor.fetchall()
    said = {float(vector.strip("[]").split(",")[-1]) for _, vector in rows}
    return {version for version, _ in rows}, said, len(rows)


def served_neighbours(algorithm: str) -> tuple[set[int], set[float], int]:
    """What a query over the served neighbours answers: versions, versions the scores name, number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version_id, score FROM shop_recs_itemneighbour WHERE version_id ="
            " (SELECT version_id FROM shop_recs_activemodel WHERE algorithm = %s)",
            [algorithm],
        )
        rows = cursor.fetchall()
    return {version for version, _ in rows}, {score for _, score in rows}, len(rows)


def in_a_thread(work: Callable[[], Any]) -> Any:
    """What `work` returns, done over another database connection."""

    def done() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(done).result()


def orphans() -> set[int]:
    """Versions that have a table of vectors or neighbours but are not ready."""
    ready = ModelVersion.objects.ready().values_list("pk", flat=True)
    return partitions.existing() - set(ready)
