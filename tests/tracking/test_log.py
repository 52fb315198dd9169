"""Appending to the log under competition."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from shop_recs.conf import get_product_model
from shop_recs.models import Interaction, Kind, Visitor
from shop_recs.tracking.identity import Shopper
from shop_recs.tracking.log import Event, append

CLIENTS = 8


def in_parallel(work):
    """Call `work(client)` in 8 threads, each with a connection of its own."""

    def one(client):
        try:
            return work(client)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_the_same_batch_in_any_order_from_many_clients_never_deadlocks():
    product = get_product_model().objects.create(name="Red chair")
    shopper = Shopper(Visitor.objects.create().pk, None)
    now = timezone.now()
    batches = [[Event(uuid.uuid4(), product.pk, Kind.VIEW, now) for _ in range(2_000)] for _ in range(4)]
    start, before = Barrier(CLIENTS), deadlocks()

    def post(client: int) -> int:
        stored = 0
        for batch in batches:
            shuffled = random.Random(client).sample(batch, len(batch))
            start.wait(30)
            stored += len(append(shopper, shuffled) or ())
        return stored

    assert sum(in_parallel(post)) == Interaction.objects.count() == 8_000
    assert deadlocks() == before


@pytest.mark.django_db(transaction=True)
def test_one_of_many_users_gets_the_visitor(django_user_model):
    product = get_product_model().objects.create(name="Red chair")
    visitor = Visitor.objects.create()
    users = [django_user_model.objects.create(username=f"user {number}") for number in range(CLIENTS)]
    start = Barrier(CLIENTS)

    def bind(client: int) -> bool:
        event = Event(uuid.uuid4(), product.pk, Kind.VIEW, timezone.now())
        start.wait(30)
        return append(Shopper(visitor.pk, users[client].pk), [event], binds=True) is not None

    won = in_parallel(bind)
    assert sum(won) == 1
    visitor.refresh_from_db()
    assert visitor.user == users[won.index(True)]
    assert Interaction.objects.count() == 1
