"""Ingest: events per second through the API, none lost and none twice, over a bare COPY of the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any
from uuid import uuid4

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from shop_recs.bench import load, web
from shop_recs.bench.figures import Row
from shop_recs.bench.load import Answer, request
from shop_recs.bench.shop import Enter, Shop, cookie
from shop_recs.exceptions import CannotMeasure
from shop_recs.models import Interaction, Visitor

WORKERS, CLIENTS = 2, 6
EVENTS_OF_A_BATCH, BATCHES_OF_A_VISITOR = 50, 4
SENT_AGAIN = 20
"""Every so many-th batch is sent a second time, as a browser does that heard no answer."""

_COPY = (
    "COPY shop_recs_interaction"
    " (id, visitor_id, product_id, kind, quantity, order_reference, occurred_at, received_at) FROM STDIN"
)


def measure(shop: Shop, *, batches: int, enter: Enter) -> Iterator[Row]:
    """Events of many visitors in batches of fifty.

    Args:
        shop: an invented one, since its log is written.
        batches: how many; a fourth as many before them warm the server up.
        enter: told what is being done.

    Raises:
        CannotMeasure: gunicorn is missing, or a batch is answered with an error.
    """
    events = batches * EVENTS_OF_A_BATCH
    with web.served(workers=WORKERS, read_only=False, settings=shop.settings) as (port, _):
        enter("ingest")
        _send(port, _messages(shop, batches // 4))
        before = Interaction.objects.count()
        verdicts, seconds = _send(port, _messages(shop, batches))
    stored = Interaction.objects.count() - before
    enter("COPY")
    yield Row(
        "events through the API", events / seconds, "events/s", events / _seconds_of_a_copy(shop, events)
    )
    yield Row("events answered as accepted", verdicts.count("accepted"), "events", events)
    yield Row("rows that they made", stored, "events", events)
    again = len(verdicts) - events
    yield Row("events sent again, answered as duplicates", verdicts.count("duplicate"), "events", again)


def _messages(shop: Shop, batches: int) -> list[bytes]:
    """Batches ready to be sent, some of them twice, by visitors who were recorded before."""
    rng, messages = np.random.default_rng(), []
    visitors = Visitor.objects.bulk_create(Visitor() for _ in range(-(-batches // BATCHES_OF_A_VISITOR)))
    for number in range(batches):
        headers = cookie(visitors[number // BATCHES_OF_A_VISITOR].pk)
        products = rng.integers(len(shop.products), size=EVENTS_OF_A_BATCH).tolist()
        events = [
            {"id": str(uuid4()), "kind": "view", "product": str(shop.products[product])}
            for product in products
        ]
        message = request(f"{web.ROOT}v1/events/", headers, body=json.dumps(events).encode(), keep=False)
        messages += [message] * (2 if number % SENT_AGAIN == 0 else 1)
    return messages


def _send(port: int, messages: Sequence[bytes]) -> tuple[list[str], float]:
    """The verdict on each event, and the seconds until all were there."""
    verdicts: list[str] = []

    def done(answer: Answer) -> None:
        if answer.status != 202:
            raise CannotMeasure(f"A batch was answered with {answer.status}: {answer.body.decode()[:300]}")
        verdicts.extend(json.loads(answer.body)["verdicts"])

    return verdicts, load.flood(port, iter(messages), clients=CLIENTS, done=done)


def _seconds_of_a_copy(shop: Shop, events: int) -> float:
    """What the same events take that are copied in at once, and taken back."""
    now, visitor = timezone.now(), shop.visitors[0]
    products = np.random.default_rng().integers(len(shop.products), size=events).tolist()
    rows: list[tuple[Any, ...]] = [
        (uuid4(), visitor, shop.products[product], 1, 1, "", now, now) for product in products
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        started = perf_counter()
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
        taken = perf_counter() - started
        transaction.set_rollback(True)
    return taken
