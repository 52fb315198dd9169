"""Kill -9 at every statement of a publish."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from shop_recs.models import EncoderArtefact, ModelVersion
from shop_recs.training import publish, recall
from tests.training.conftest import orphans, served, served_neighbours, store, store_neighbours

PRODUCTS = 30


@pytest.fixture
def shop(committed, configure, make_product, monkeypatch):
    monkeypatch.setattr(recall, "QUERIES", 2)
    configure(EXACT_BELOW=10, KEEP_VERSIONS=0, LEASE_SECONDS=60)
    return [make_product(f"Product {number}") for number in range(PRODUCTS)]


@pytest.fixture(
    params=[(store, served, PRODUCTS, 1), (store_neighbours, served_neighbours, 2 * PRODUCTS, 4)],
    ids=["vectors", "neighbours"],
)
def kind(request):
    """How a version is stored and asked for, how many rows it has, and every which statement is tried."""
    return request.param


@pytest.fixture
def publish_and_die(shop, kind):
    """Publish elsewhere, and die there before the statement of a number; returns the exit code."""
    database, store = connection.settings_dict["NAME"], kind[0].__name__
    command = [sys.executable, "-m", "tests.training.dying", database, store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(statement):
            process.stdin.write(f"{statement}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield ask
        process.stdin.close()


def the_next_run_comes():
    """What every training begins with, once the lease of the dead has run out."""
    ModelVersion.objects.training().update(heartbeat_at=timezone.now() - timedelta(hours=1))
    publish.clean_up()


def test_a_publish_killed_at_any_statement_leaves_a_version_that_serves(shop, kind, publish_and_die):
    store, served, size, step = kind
    for statement in itertools.count(step=step):
        before = store("als", shop)
        outcome = publish_and_die(statement)
        serving, named, rows = served("als")
        newest = ModelVersion.objects.first()
        assert serving in ({before.pk}, {newest.pk}), f"killed at statement {statement}"
        assert (named, rows) == ({float(*serving)}, size), f"killed at statement {statement}"
        the_next_run_comes()
        assert served("als") == (serving, named, rows)
        assert orphans() == set()
        stored = EncoderArtefact.objects.values_list("version__status", flat=True)
        assert set(stored) == {ModelVersion.Status.READY}
        assert not ModelVersion.objects.training().exists()
        if outcome != -signal.SIGKILL:
            break
    assert statement - step < outcome <= statement, "a publish had other statements than the one before"
    assert outcome > 30
