"""Who may train, and who may not any more."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from shop_recs.exceptions import AlreadyRunning, Superseded, UnknownAlgorithm
from shop_recs.models import ModelVersion
from shop_recs.training import lease

pytestmark = pytest.mark.django_db(transaction=True)

Status = ModelVersion.Status


def stop_the_heart(held):
    held.held().update(heartbeat_at=timezone.now() - timedelta(hours=1))


def test_a_run_excludes_another_of_the_same_algorithm_alone():
    lease.acquire("als")
    lease.acquire("popular")
    with pytest.raises(AlreadyRunning, match="als is being trained already"):
        lease.acquire("als")


def test_an_unknown_algorithm_is_refused_before_any_version():
    with pytest.raises(UnknownAlgorithm, match=r"No algorithm 'sla'; configured are .*als"):
        lease.acquire("sla")
    assert not ModelVersion.objects.exists()


def test_the_options_of_the_run_are_kept(configure):
    configure(ALGORITHMS={"als": {"BACKEND": "x.Y", "OPTIONS": {"factors": 8}}})
    assert ModelVersion.objects.get(pk=lease.acquire("als").version_id).options == {"factors": 8}


def test_a_run_whose_heart_stopped_is_taken_over():
    dead = lease.acquire("als")
    stop_the_heart(dead)
    successor = lease.acquire("als")
    version = ModelVersion.objects.get(pk=dead.version_id)
    assert (version.status, version.error) == (Status.FAILED, "died: no heartbeat for 120 seconds")
    assert version.finished_at is not None
    assert successor.held().exists()


def test_a_heartbeat_keeps_the_lease():
    held = lease.acquire("als")
    stop_the_heart(held)
    held.write(percent=5.0)
    with pytest.raises(AlreadyRunning):
        lease.acquire("als")


def test_who_lost_the_lease_writes_nothing_more():
    dead = lease.acquire("als")
    stop_the_heart(dead)
    lease.acquire("als")
    with pytest.raises(Superseded):
        dead.write(percent=50.0)
    assert not dead.fail("too late")
    assert ModelVersion.objects.get(pk=dead.version_id).percent == 0


def test_the_row_alone_is_not_the_lease():
    held = lease.acquire("als")
    stranger = lease.Lease(held.version_id, uuid.uuid4())
    with pytest.raises(Superseded):
        stranger.write(percent=50.0)


def test_a_run_cannot_begin_inside_of_a_transaction():
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        lease.acquire("als")


def test_a_cancellation_is_noted_while_the_run_lasts():
    held = lease.acquire("als")
    version = ModelVersion.objects.get(pk=held.version_id)
    assert lease.cancel(version)
    assert held.held().get().cancel_requested
    held.fail("cancelled")
    assert not lease.cancel(version)


def test_a_request_is_recognised_while_it_runs():
    request = uuid.uuid4()
    held = lease.acquire("als", token=request)
    assert lease.is_running(request)
    held.fail("broken")
    assert not lease.is_running(request)
