"""Publishing: the whole of it over a bare COPY, and flips of the pointer while lists are read."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from shop_recs.algorithms.base import FittedVectors, TrainingData
from shop_recs.bench import web
from shop_recs.bench.database import processor_seconds
from shop_recs.bench.figures import Row, percentiles
from shop_recs.bench.load import Answer, Client, request
from shop_recs.bench.shop import Enter, Shop, cookie, fits, invented_log, publish_fit
from shop_recs.models import ItemVector, ModelVersion
from shop_recs.training import partitions, publish, recall
from shop_recs.training.contents import contents_of

FLIPS = 100
READERS, PAUSE_SECONDS = 2, 0.025
WIDTHS = (40, 64, 100, 160, 250, 400)
"""Values of `hnsw.ef_search` whose recall is shown."""

_UPDATE = "UPDATE shop_recs_modelversion SET percent = percent WHERE id = %s"


def measure(shop: Shop, *, dimensions: int, enter: Enter) -> Iterator[Row]:
    """A whole publish, and a hundred flips between two versions.

    Args:
        shop: an invented one, since versions of it are published; in the end the same is served as before.
        dimensions: of the vectors.
        enter: told what is being done.

    Raises:
        CannotMeasure: gunicorn or the extra for training is missing.
    """
    log = invented_log(len(shop.products))
    fitted = dict(fits(log, dimensions=dimensions, enter=enter))["als"]
    # Every product has the vector of another one, so that no list of the new version is one of the old.
    moved = replace(fitted, item_vectors=np.roll(fitted.item_vectors, len(shop.products) // 2, axis=0))
    served = ModelVersion.objects.of("als").served().get()
    clock, processor = _Clock(enter), processor_seconds()
    version = publish_fit("als", moved, shop.products, log=log, enter=clock.enter)
    phases = clock.phases()
    floor = _seconds_of_a_copy(moved, shop)
    yield Row("publish, all of it", sum(phases.values()), "s", floor)
    for phase, seconds in phases.items():
        yield Row(f"publish, {phase}", seconds, "s")
    if processor is not None:
        yield Row("publish, processor of the database", (processor_seconds() or 0.0) - processor, "s")
    yield from _recalls(version, moved, log)
    enter("flipping under load")
    yield from _flips(shop, [served, version])


class _Clock:
    """How long each phase lasts."""

    def __init__(self, enter: Enter) -> None:
        self._tell = enter
        self._began: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        self._tell(phase)
        self._began[phase] = perf_counter()

    def phases(self) -> dict[str, float]:
        """Seconds of each phase, of the last until now."""
        ends = [*list(self._began.values())[1:], perf_counter()]
        return {phase: end - began for (phase, began), end in zip(self._began.items(), ends, strict=True)}


def _recalls(version: ModelVersion, fitted: FittedVectors, log: TrainingData) -> Iterator[Row]:
    """What the publish measured of its index, and what other widths of search find."""
    for use, found in version.metrics.get("index", {}).items():
        yield Row(f"recall@20, {use}, as published", found["recall@20"], "share")
        yield Row(f"ef_search, {use}, as published", found["ef_search"], "")
    if "index" not in version.metrics:
        return
    vectors = fitted.item_vectors[fitted.known]
    drawn = np.random.default_rng(0).permutation(len(vectors))[: recall.QUERIES]
    personal = recall.queries_of(fitted, log)
    assert personal is not None  # of the encoder of ALS, which looks at a history
    searches = {"personal": (personal, False), "similar": (vectors[drawn], True)}
    for use, (queries, by_angle) in searches.items():
        found = recall.by_width(version.pk, vectors, queries, by_angle=by_angle, widths=WIDTHS)
        yield from (Row(f"recall@20, {use}, ef_search {width}", share, "share") for width, share in found)


def _seconds_of_a_copy(fitted: FittedVectors, shop: Shop) -> float:
    """What it takes to copy the same rows into a table without key or index."""
    contents = contents_of(fitted, shop.products)
    with transaction.atomic():
        partitions.create(ItemVector, 0)
        started = perf_counter()
        partitions.copy(ItemVector, 0, contents.rows)
        taken = perf_counter() - started
        transaction.set_rollback(True)
    return taken


def _flips(shop: Shop, versions: list[ModelVersion]) -> Iterator[Row]:
    """The pointer goes to and fro while readers ask; each list must be that of one version alone."""
    with web.served(workers=2, read_only=False, settings=shop.settings, keep_alive=True) as (port, _):
        asked = _Asked(port, shop.visitors[0])
        for version in versions[::-1]:
            _flip(version)
            asked.expect(version)
        readers = [threading.Thread(target=asked.until_told) for _ in range(READERS)]
        for reader in readers:
            reader.start()
        taken, floor = [], []
        for flip in range(1, FLIPS + 1):
            taken.append(_milliseconds(_flip, versions[flip % 2]))
            time.sleep(PAUSE_SECONDS)
            floor.append(_milliseconds(_write, versions[flip % 2]))
            time.sleep(PAUSE_SECONDS)
        asked.enough.set()
        for reader in readers:
            reader.join()
    yield from percentiles("flip of the pointer, over a bare UPDATE of a row", taken, floor)
    yield Row("lists read during the flips", asked.lists, "lists")
    yield Row("lists that failed or were of two versions", asked.wrong, "lists")


def _milliseconds(change: Callable[[ModelVersion], None], version: ModelVersion) -> float:
    started = perf_counter()
    change(version)
    return (perf_counter() - started) * 1000


def _flip(version: ModelVersion) -> None:
    publish.publish(version, override="measured", by="recs_bench")


def _write(version: ModelVersion) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [version.pk])


class _Asked:
    """One visitor's list, asked for again and again, and compared with what each version answers alone."""

    def __init__(self, port: int, visitor: UUID) -> None:
        self.port = port
        self.message = request(f"{web.ROOT}v1/recommendations/", cookie(visitor))
        self.expected: dict[int, list[str]] = {}
        self.enough = threading.Event()
        self.lists = self.wrong = 0

    def expect(self, version: ModelVersion) -> None:
        """Take what is answered now for the list of a version."""
        answer, _ = Client(self.port).ask(self.message)
        self.expected[version.pk] = _products(answer)

    def until_told(self) -> None:
        client = Client(self.port)
        while not self.enough.is_set():
            answer, _ = client.ask(self.message)
            self.lists += 1
            body = json.loads(answer.body) if answer.status == 200 else {}
            self.wrong += not body or self.expected.get(body["version"]) != _products(answer)


def _products(answer: Answer) -> list[str]:
    return [item["id"] for item in json.loads(answer.body)["items"]]
