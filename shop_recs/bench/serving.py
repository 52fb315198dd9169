"""Serving: latency over a bare list, filters, throughput, and what a training beside it costs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle, islice
from json import loads
from time import perf_counter
from urllib.parse import urlencode

from django.db import connection
from pgvector import Vector
from psycopg import sql

from shop_recs.bench import filters, knobs, load, web
from shop_recs.bench.figures import Row, percentiles
from shop_recs.bench.load import Answer, Client, request
from shop_recs.bench.shop import Enter, Shop
from shop_recs.exceptions import CannotMeasure, Refused
from shop_recs.models import ItemVector, ModelVersion
from shop_recs.serving import recommended_for_you
from shop_recs.training import publish, runner
from shop_recs.training.partitions import table_of

WARM_UP = 50
WORKERS, CLIENTS = 2, 6
FLOOR = "bare list of 12 products"
ASKED = "recommendations"
BARE, LIST, FILTERED = f"{web.ROOT}bare/", f"{web.ROOT}v1/recommendations/", f"{web.ROOT}filtered/"

Messages = Iterator[bytes]


def measure(shop: Shop, *, requests: int, seconds: float, training: bool, enter: Enter) -> Iterator[Row]:
    """All figures of a shop.

    Args:
        shop: whose.
        requests: to each page.
        seconds: that each measurement of throughput lasts.
        training: also measure while models train.
        enter: told what is being done.

    Raises:
        CannotMeasure: gunicorn is missing, or a page answers with an error.
    """
    read_only = not shop.invented
    with web.served(workers=1, read_only=read_only, settings=shop.settings, keep_alive=True) as (port, _):
        enter("latency")
        yield from _latency(port, shop, requests)
        enter("filters")
        yield from _filtered(port, shop, requests)
        if training:
            enter("latency while a model trains")
            yield from _while_training(port, shop, requests)
    enter("throughput")
    with web.served(workers=WORKERS, read_only=read_only, settings=shop.settings) as (port, _):
        yield from _throughput(port, shop, seconds)
    enter("statements")
    yield from _select(shop, requests)
    enter("knobs")
    yield from knobs.measure(shop, requests=requests // 4)


def _pages(shop: Shop) -> dict[str, Messages]:
    similar = f"{web.ROOT}v1/items/{shop.products[len(shop.products) // 2]}/similar/"
    return {
        FLOOR: cycle([request(BARE)]),
        ASKED: cycle([request(LIST, cookie) for cookie in shop.cookies()]),
        f"{ASKED}, no cookie": cycle([request(LIST)]),
        "similar items": cycle([request(similar)]),
    }


def _latency(port: int, shop: Shop, requests: int) -> Iterator[Row]:
    """One client asks all pages in turn, so that whatever else the machine does meets all of them."""
    times = _asked_in_turn(port, _pages(shop), requests)
    floor = times.pop(FLOOR)
    yield from percentiles(FLOOR, floor)
    for page, taken in times.items():
        yield from percentiles(page, taken, floor)


def _filtered(port: int, shop: Shop, requests: int) -> Iterator[Row]:
    """Twenty products asked for of what a filter keeps."""
    pages, keys = {}, shop.products
    for share in filters.SHARES:
        if share * len(keys) < 2 * filters.LENGTH:
            continue
        last = keys[round(share * (len(keys) - 1))]
        for name, query in (("a hidden filter", {"share": share}), ("the first by key", {"key": last})):
            paths = [request(f"{FILTERED}?{urlencode(query)}", cookie) for cookie in shop.cookies()]
            pages[f"20 of the {share:.1%} that {name} keeps"] = cycle(paths)
    given: dict[str, int] = {}

    def note(page: str, answer: Answer) -> None:
        given[page] = min(given.get(page, filters.LENGTH), len(loads(answer.body)["items"]))

    for page, taken in _asked_in_turn(port, pages, requests, note=note).items():
        yield from percentiles(page, taken)
        yield Row(f"{page}, fewest given", given[page], "products")


def _asked_in_turn(
    port: int,
    pages: Mapping[str, Messages],
    requests: int,
    *,
    note: Callable[[str, Answer], None] | None = None,
    going_on: Callable[[], bool] = lambda: False,
) -> dict[str, list[float]]:
    """Milliseconds of so many requests to each page, and of more as long as it is `going_on`."""
    client = Client(port)
    times: dict[str, list[float]] = {page: [] for page in pages}
    number = -min(WARM_UP, requests)
    while number < requests or going_on():
        for page, messages in pages.items():
            answer, taken = client.ask(next(messages))
            _require_answered(page, answer)
            if number >= 0:
                times[page].append(taken)
            if note:
                note(page, answer)
        number += 1
    client.close()
    return times


def _require_answered(page: str, answer: Answer) -> None:
    if answer.status != 200:
        raise CannotMeasure(f"{page} answered {answer.status}: {answer.body.decode(errors='replace')[:300]}")


def _while_training(port: int, shop: Shop, requests: int) -> Iterator[Row]:
    """The list while a model trains, is indexed and published, over the same list before."""
    pages = {page: messages for page, messages in _pages(shop).items() if page in (FLOOR, ASKED)}
    idle = _asked_in_turn(port, pages, requests)
    with _training() as is_alive:
        busy = _asked_in_turn(port, pages, 0, going_on=is_alive)
    for page in pages:
        yield from percentiles(f"{page}, while a model trains", busy[page], idle[page])


@contextmanager
def _training() -> Iterator[Callable[[], bool]]:
    """A training from the log to the flip, in the process that every training has."""

    def train() -> None:
        try:
            runner.train("als", full=True)
        except Refused:
            version = ModelVersion.objects.of("als").ready().latest("pk")
            publish.publish(version, override="measured", by="recs_bench")
        finally:
            connection.close()

    thread = threading.Thread(target=train)
    thread.start()
    yield thread.is_alive
    thread.join()


def _throughput(port: int, shop: Shop, seconds: float) -> Iterator[Row]:
    """Answers per second of both lists, one after the other and again."""
    pages = {FLOOR: cycle([request(BARE, keep=False)])}
    pages[ASKED] = cycle([request(LIST, cookie, keep=False) for cookie in shop.cookies()])
    answered = dict.fromkeys(pages, 0.0)
    for measured in (False, True, True, True):
        for page, messages in pages.items():
            count = [0]

            def done(answer: Answer, page: str = page, count: list[int] = count) -> None:
                _require_answered(page, answer)
                count[0] += 1

            taken = load.flood(port, _during(messages, seconds / 3), clients=CLIENTS, done=done)
            answered[page] += measured * count[0] / taken / 3
    yield Row(f"{FLOOR}, {WORKERS} workers", answered[FLOOR], "answers/s")
    yield Row(f"{ASKED}, {WORKERS} workers", answered[ASKED], "answers/s", answered[FLOOR])


def _during(messages: Messages, seconds: float) -> Messages:
    end = perf_counter() + seconds
    for message in messages:
        if perf_counter() > end:
            return
        yield message


def _select(shop: Shop, requests: int) -> Iterator[Row]:
    """A list made in this process, over the bare SELECT of an index that such a list cannot do without."""
    version = ModelVersion.objects.served().filter(dimensions__gt=1).first()
    if version is None:
        return
    nearest = sql.SQL("SELECT product_id FROM {} ORDER BY vector::vector({}) <#> %s::vector LIMIT 12").format(
        sql.Identifier(table_of(ItemVector, version.pk)), sql.Literal(version.dimensions)
    )
    queries = list(ItemVector.objects.filter(version=version).values_list("vector", flat=True)[:50])
    visitors = cycle(shop.cookies())
    floor, taken = [], []
    for query in islice(cycle(queries), requests):
        started = perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(nearest, [Vector(query).to_text()])
            cursor.fetchall()
        between = perf_counter()
        recommended_for_you(knobs.request_of(next(visitors)))
        floor.append((between - started) * 1000)
        taken.append((perf_counter() - between) * 1000)
    yield from percentiles("SELECT of the nearest vectors", floor)
    yield from percentiles("recommended_for_you(), over the SELECT", taken, floor)
