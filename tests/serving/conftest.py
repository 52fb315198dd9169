"""A shop with planted tastes: six products of two groups, and requests of its shoppers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from shop_recs.models import Interaction, Kind, ModelVersion, Visitor
from shop_recs.tracking import identity
from shop_recs.tracking.identity import Shopper
from tests.serving.versions import publish_vectors


@pytest.fixture
def request_of(db: None, rf: RequestFactory) -> Any:
    """The request of a visitor, of a user or of both: `request_of(visitor, user=None)`."""

    def make(visitor: Visitor | None = None, *, user: Any = None, path: str = "/") -> HttpRequest:
        request = rf.get(path, headers={"User-Agent": "Mozilla/5.0 Firefox/140.0"})
        request.user = user or AnonymousUser()
        if visitor is not None:
            identity.remember(request, Shopper(visitor.pk, user and user.pk))
        return request

    return make


@pytest.fixture
def database(db: None) -> Iterator[Any]:
    """A further connection to the database of the tests: `database("replica", options="-c …")`."""
    made: list[str] = []

    def make(alias: str, **options: Any) -> Any:
        connections[alias] = further = connections["default"].copy(alias)
        further.settings_dict["OPTIONS"] |= options
        made.append(alias)
        return further

    yield make
    for alias in made:
        connections[alias].close()
        del connections[alias]


@pytest.fixture
def visitor(db: None) -> Visitor:
    """An anonymous visitor without a history."""
    return Visitor.objects.create()


@pytest.fixture
def did(db: None) -> Any:
    """Record events in this order, the last a minute ago: `did(visitor, Kind.VIEW, chair, table)`."""

    def record(visitor: Visitor, kind: Kind, *products: Any, days_ago: float = 0) -> None:
        now = timezone.now() - timedelta(days=days_ago)
        for position, product in enumerate(reversed(products), start=1):
            Interaction.objects.create(
                visitor=visitor, product=product, kind=kind, occurred_at=now - timedelta(minutes=position)
            )

    return record


@pytest.fixture
def shelves(make_product: Any) -> tuple[list[Any], list[Any]]:
    """Five chairs and five lamps."""
    chairs = [make_product(f"Chair {number}") for number in range(5)]
    lamps = [make_product(f"Lamp {number}") for number in range(5)]
    return chairs, lamps


@pytest.fixture
def tastes(shelves: tuple[list[Any], list[Any]]) -> np.ndarray:
    """`(10, 4)` vectors of the shelves: chairs point one way, lamps another, each a little differently."""
    rng = np.random.default_rng(0)
    directions = np.repeat(np.eye(4, dtype=np.float32)[:2], 5, axis=0)
    return (directions + rng.normal(scale=0.1, size=(10, 4))).astype(np.float32)


@pytest.fixture
def als(shelves: tuple[list[Any], list[Any]], tastes: np.ndarray) -> ModelVersion:
    """An active version of `als` that knows the tastes."""
    chairs, lamps = shelves
    return publish_vectors("als", chairs + lamps, tastes)
