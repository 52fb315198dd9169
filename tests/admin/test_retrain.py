"""The button *Retrain now*: what is queued, and what is said where nothing can be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from shop_recs.models import Interaction, Kind, ModelVersion, Visitor
from tests.celery_broker import queued

RETRAIN = reverse("admin:shop_recs_modelversion_retrain")


@pytest.fixture
def enough(products, settings):
    """A log just large enough to train on."""
    settings.SHOP_RECS = settings.SHOP_RECS | {"MIN_INTERACTIONS": 12, "MIN_VISITORS": 2, "MIN_PRODUCTS": 6}
    visitors = Visitor.objects.bulk_create([Visitor(), Visitor()])
    Interaction.objects.bulk_create(
        Interaction(visitor=visitor, product=product, kind=Kind.VIEW)
        for visitor in visitors
        for product in products[:6]
    )


def said(response):
    return " ".join(str(message) for message in response.context["messages"])


@pytest.mark.django_db(transaction=True)
def test_retraining_queues_the_task_of_the_worker(admin_client, enough, broker):
    app = broker("memory://")
    queued(app)
    response = admin_client.post(RETRAIN, {"algorithm": "als"}, follow=True)
    assert queued(app) == [("shop_recs.tasks.train", "als")]
    assert "The training of als is queued" in said(response)
    assert "als" in LogEntry.objects.get().object_repr


@pytest.mark.django_db(transaction=True)
def test_an_unreachable_broker_is_told_at_once_and_kindly(admin_client, enough, broker):
    broker("amqp://127.0.0.1:1//")
    response = admin_client.post(RETRAIN, {"algorithm": "als"}, follow=True)
    assert response.status_code == 200
    assert "nothing was started" in said(response)
    assert "CELERY_BROKER_URL" in said(response)
    assert not LogEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_unreachable_broker_is_told_in_a_shop_with_atomic_requests(admin_client, enough, broker):
    from django.db import connections

    broker("amqp://127.0.0.1:1//")
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    try:
        response = admin_client.post(RETRAIN, {"algorithm": "als"}, follow=True)
    finally:
        connections["default"].settings_dict["ATOMIC_REQUESTS"] = False
    assert "nothing was started" in said(response)


def test_too_small_a_log_is_told_in_figures(admin_client, products):
    response = admin_client.post(RETRAIN, {"algorithm": "als"}, follow=True)
    assert "not enough data: have 0 interactions, need 200" in said(response)


def test_a_second_training_of_the_same_algorithm_is_refused_in_words(admin_client, enough):
    ModelVersion.objects.create(algorithm="als")
    response = admin_client.post(RETRAIN, {"algorithm": "als"}, follow=True)
    assert "is being trained already" in said(response)


@pytest.mark.django_db(transaction=True)
def test_a_dead_training_is_in_nobodys_way(admin_client, enough, broker):
    app = broker("memory://")
    queued(app)
    ModelVersion.objects.create(algorithm="als", heartbeat_at=timezone.now() - timedelta(hours=1))
    admin_client.post(RETRAIN, {"algorithm": "als"})
    assert queued(app) == [("shop_recs.tasks.train", "als")]


def test_an_unknown_algorithm_is_refused_in_words(admin_client):
    response = admin_client.post(RETRAIN, {"algorithm": "magic"}, follow=True)
    assert "configured are popular, als" in said(response)
