"""Kill -9 at every statement of a publish."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from shop_recs.models import EncoderArtefact, ModelVersion
from shop_recs.training import publish
from tests.training.conftest import orphans, served, store

PRODUCTS = 30
NEVER = 10_000


@pytest.fixture
def shop(committed, configure, make_product):
    configure(EXACT_BELOW=10, KEEP_VERSIONS=0, LEASE_SECONDS=60)
    return [make_product(f"Product {number}") for number in range(PRODUCTS)]


@pytest.fixture
def publish_and_die(shop):
    """Publish elsewhere, and die there before the statement of a number; returns the exit code."""
    command = [sys.executable, "-m", "tests.training.dying", connection.settings_dict["NAME"]]
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


def test_a_publish_killed_at_any_statement_leaves_a_version_that_serves(shop, publish_and_die):
    statements = publish_and_die(NEVER)
    assert statements > 20
    for statement in range(statements):
        before = store("als", shop)
        assert publish_and_die(statement) == -signal.SIGKILL
        serving, named, rows = served("als")
        newest = ModelVersion.objects.first()
        assert serving in ({before.pk}, {newest.pk}), f"killed at statement {statement}"
        assert (named, rows) == ({float(*serving)}, PRODUCTS), f"killed at statement {statement}"
        the_next_run_comes()
        assert served("als") == (serving, named, rows)
        assert orphans() == []
        stored = EncoderArtefact.objects.values_list("version__status", flat=True)
        assert set(stored) == {ModelVersion.Status.READY}
        assert not ModelVersion.objects.training().exists()
