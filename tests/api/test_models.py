"""The endpoints of model versions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from shop_recs.models import ActiveModel, Interaction, Kind, ModelVersion, Visitor
from tests.celery_broker import queued

LIST = reverse("shop_recs:models")
LOOK = "view_modelversion"


@pytest.fixture
def staff(make_staff):
    """A client of somebody on the staff with some permissions of ours: `staff("retrain")`."""

    def log_in(*codenames: str) -> APIClient:
        client = APIClient()
        client.force_authenticate(make_staff(*codenames))
        return client

    return log_in


@pytest.fixture
def make_version(db):
    def make(algorithm="als", **fields):
        return ModelVersion.objects.create(
            algorithm=algorithm, **{"status": ModelVersion.Status.READY, "metrics": {"model": {}}} | fields
        )

    return make


@pytest.fixture
def active(make_version):
    version = make_version()
    ActiveModel.objects.create(algorithm="als", version=version)
    return version


@pytest.fixture
def enough(products, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"MIN_INTERACTIONS": 6, "MIN_VISITORS": 1, "MIN_PRODUCTS": 6}
    visitor = Visitor.objects.create()
    yesterday = timezone.now() - timedelta(days=1)
    for product in products[:6]:
        Interaction.objects.create(visitor=visitor, product=product, kind=Kind.VIEW, occurred_at=yesterday)


def address(name, *args):
    return reverse(f"shop_recs:model-{name}", args=args)


def test_staff_reads_the_versions_newest_first(staff, active, make_version):
    newer = make_version("sasrec", percent=41.5, status=ModelVersion.Status.TRAINING)
    answer = staff(LOOK).get(LIST).json()
    assert answer["count"] == 2
    first, second = answer["results"]
    assert (first["id"], first["is_active"], first["percent"]) == (newer.pk, False, 41.5)
    assert (second["id"], second["is_active"]) == (active.pk, True)
    assert "lease" not in first


def test_the_list_is_filtered_by_algorithm_and_paginated_by_limit(staff, make_version):
    for algorithm in ("als", "sasrec", "als", "als"):
        make_version(algorithm)
    answer = staff(LOOK).get(LIST, {"algorithm": "als", "limit": 2}).json()
    assert answer["count"] == 3
    assert [row["algorithm"] for row in answer["results"]] == ["als", "als"]
    assert "limit=2&offset=2" in answer["next"]


def test_the_list_makes_two_queries_however_long_it_is(staff, make_version, django_assert_num_queries):
    client = staff(LOOK)
    for _ in range(30):
        make_version()
    client.get(LIST)  # whose permissions are read once
    with django_assert_num_queries(2):
        assert len(client.get(LIST, {"limit": 100}).json()["results"]) == 30


def test_staff_reads_one_version(staff, active):
    client = staff(LOOK)
    assert client.get(reverse("shop_recs:model", args=[active.pk])).json()["algorithm"] == "als"
    assert client.get(reverse("shop_recs:model", args=[active.pk + 1])).status_code == 404


def posts(version):
    return [
        (address("retrain"), {"algorithm": "als"}, "retrain"),
        (address("cancel", version.pk), {}, "retrain"),
        (address("publish", version.pk), {}, "publish"),
        (address("rollback"), {"algorithm": "als"}, "publish"),
    ]


def test_strangers_and_shoppers_are_refused_everything(active, django_user_model):
    shopper = APIClient()
    shopper.force_authenticate(django_user_model.objects.create_user(username="ada", password="x"))
    for client in (APIClient(), shopper):
        assert client.get(LIST).status_code in (401, 403)
        for url, data, _ in posts(active):
            assert client.post(url, data).status_code in (401, 403)


def test_staff_without_the_permission_to_look_is_refused(staff, active):
    client = staff("retrain")
    assert client.get(LIST).status_code == 403
    assert client.get(reverse("shop_recs:model", args=[active.pk])).status_code == 403


def test_every_change_needs_its_permission(staff, active, django_user_model):
    for url, data, permission in posts(active):
        django_user_model.objects.all().delete()
        others = {"retrain", "publish", "view_modelversion"} - {permission}
        assert staff(*others).post(url, data).status_code == 403


def test_a_session_must_send_its_csrf_token(admin_user, active):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(address("publish", active.pk)).status_code == 403


def test_publishing_serves_the_version(staff, active, make_version):
    better = make_version()
    answer = staff("publish").post(address("publish", better.pk))
    assert (answer.status_code, answer.json()["is_active"]) == (200, True)
    assert ActiveModel.objects.get().version == better


def test_publishing_what_is_not_ready_is_a_conflict(staff, active, make_version):
    failed = make_version(status=ModelVersion.Status.FAILED)
    answer = staff("publish").post(address("publish", failed.pk))
    assert answer.status_code == 409
    assert "is failed" in answer.json()["detail"]


def test_publishing_what_was_refused_is_a_conflict_without_an_override(staff, active, make_version):
    refused = make_version(refusal="It shows the same 10 products to each of 500 shoppers.")
    client = staff("publish")
    answer = client.post(address("publish", refused.pk))
    assert answer.status_code == 409
    assert "It shows the same 10 products" in answer.json()["detail"]
    assert ActiveModel.objects.get().version == active
    answer = client.post(
        address("publish", refused.pk), {"override": "all shoppers are alike"}, format="json"
    )
    assert (answer.status_code, answer.json()["is_active"]) == (200, True)
    shown = {key: answer.json()[key] for key in ("refusal", "override_note", "overridden_by")}
    assert shown == {
        "refusal": refused.refusal,
        "override_note": "all shoppers are alike",
        "overridden_by": "grace",
    }


def test_rolling_back_answers_the_version_that_is_served_now(staff, make_version):
    older, newer = make_version(), make_version()
    ActiveModel.objects.create(algorithm="als", version=newer)
    client = staff("publish")
    stale = client.post(address("rollback"), {"algorithm": "als", "version": older.pk}, format="json")
    assert stale.status_code == 409
    answer = client.post(address("rollback"), {"algorithm": "als", "version": newer.pk}, format="json")
    assert (answer.status_code, answer.json()["id"]) == (200, older.pk)
    again = client.post(address("rollback"), {"algorithm": "als"}, format="json")
    assert again.status_code == 409


def test_cancelling_asks_the_training_to_stop(staff, make_version):
    running = make_version(status=ModelVersion.Status.TRAINING)
    answer = staff("retrain").post(address("cancel", running.pk))
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)


def test_cancelling_what_is_over_is_a_conflict(staff, active):
    answer = staff("retrain").post(address("cancel", active.pk))
    assert (answer.status_code, "not being trained" in answer.json()["detail"]) == (409, True)


@pytest.mark.django_db(transaction=True)
def test_retraining_queues_the_task_of_the_worker(staff, enough, broker):
    app = broker("memory://")
    queued(app)
    answer = staff("retrain").post(address("retrain"), {"algorithm": "als"}, format="json")
    assert (answer.status_code, queued(app)) == (202, [("shop_recs.tasks.train", "als")])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic", [False, True])
def test_an_unreachable_broker_is_service_unavailable(staff, enough, broker, monkeypatch, atomic):
    from django.db import connection

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    broker("amqp://127.0.0.1:1//")
    answer = staff("retrain").post(address("retrain"), {"algorithm": "als"}, format="json")
    assert answer.status_code == 503
    assert "CELERY_BROKER_URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({}, 400, "required"),
        ({"algorithm": "magic"}, 400, "configured are"),
        ({"algorithm": "als"}, 409, "not enough data: have 0 interactions, need 200"),
    ],
)
def test_a_training_that_cannot_run_is_refused_in_words(staff, data, code, words):
    answer = staff("retrain").post(address("retrain"), data, format="json")
    assert answer.status_code == code
    assert words in str(answer.json())


def test_a_second_training_is_a_conflict_until_the_first_is_dead(staff, enough, make_version):
    running = make_version(status=ModelVersion.Status.TRAINING)
    client = staff("retrain")
    answer = client.post(address("retrain"), {"algorithm": "als"}, format="json")
    assert (answer.status_code, "already" in answer.json()["detail"]) == (409, True)
    ModelVersion.objects.filter(pk=running.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    answer = client.post(address("retrain"), {"algorithm": "als"}, format="json")
    assert answer.status_code == 202


def test_the_endpoints_have_a_rate_of_their_own(staff, active, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"models": "2/min"}}
    client = staff(LOOK)
    assert [client.get(LIST).status_code for _ in range(3)] == [200, 200, 429]


def test_the_browsable_api_shows_them(admin_client, active):
    assert admin_client.get(LIST, headers={"accept": "text/html"}).status_code == 200
