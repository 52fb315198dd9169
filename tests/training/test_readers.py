"""Readers while versions come, go and change places, of vectors and of neighbours."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from shop_recs.training import publish, recall
from tests.training.conftest import served, served_neighbours, store, store_neighbours

READERS = 3
FLIPS = 20


class Readers:
    """Threads that ask for what is served again and again, until the block ends."""

    def __init__(self, ask):
        self.ask = ask
        self.answers = []
        self.over = threading.Event()
        self.pool = ThreadPoolExecutor(READERS)

    def __enter__(self):
        self.reading = [self.pool.submit(self.read) for _ in range(READERS)]
        return self

    def __exit__(self, *error):
        self.over.set()
        for reader in self.reading:
            reader.result()
        self.pool.shutdown()

    def failed(self):
        return any(reader.done() for reader in self.reading)

    def read(self):
        try:
            while not self.over.is_set():
                self.answers.append(self.ask())
        finally:
            connection.close()


@pytest.fixture
def shop(committed, make_product, monkeypatch):
    # Many publishes; their indexes are measured in passing.
    monkeypatch.setattr(recall, "QUERIES", 2)
    return [make_product(f"Product {number}") for number in range(50)]


@pytest.fixture(
    params=[(store, served, 50), (store_neighbours, served_neighbours, 100)], ids=["vectors", "neighbours"]
)
def kind(request):
    """How a version is stored and asked for, and how many rows it has."""
    return request.param


def assert_each_answer_is_of_one_version(answers, size):
    assert len(answers) > FLIPS
    for versions, said, rows in answers:
        assert len(versions) == 1
        assert said == {float(version) for version in versions}
        assert rows == size


def test_readers_see_one_version_at_a_time_while_the_pointer_moves(shop, kind):
    keep, ask, size = kind
    versions = [keep("als", shop), keep("als", shop)]
    with Readers(lambda: ask("als")) as readers:
        for flip in itertools.count():
            publish.publish(versions[flip % 2])
            if min(flip, len(readers.answers)) > FLIPS or readers.failed():
                break
    assert_each_answer_is_of_one_version(readers.answers, size)


def test_readers_see_one_version_at_a_time_while_versions_are_stored_and_dropped(shop, configure, kind):
    keep, ask, size = kind
    configure(KEEP_VERSIONS=1, EXACT_BELOW=10)
    keep("als", shop)
    with Readers(lambda: ask("als")) as readers:
        for _ in range(FLIPS):
            keep("als", shop)
    assert_each_answer_is_of_one_version(readers.answers, size)
    assert len({version for versions, _, _ in readers.answers for version in versions}) > 3
