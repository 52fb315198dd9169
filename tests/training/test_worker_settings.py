"""Settings of Celery that would hurt a training are named, with what to write instead."""

from __future__ import annotations

import pytest
from celery import Celery

from shop_recs.training.worker_settings import celery_warnings

GOOD = {"broker_url": "redis://localhost", "worker_prefetch_multiplier": 1}


def warnings_of(**conf):
    app = Celery("shop", set_as_current=False)
    app.conf.update(GOOD | conf)
    return celery_warnings(app)


def test_good_settings_are_passed_over_in_silence():
    assert warnings_of() == []
    assert warnings_of(task_time_limit=4000, broker_transport_options={"visibility_timeout": 7200}) == []


@pytest.mark.parametrize(
    ("conf", "advice"),
    [
        ({"task_always_eager": True}, "CELERY_TASK_ALWAYS_EAGER = False"),
        ({"task_time_limit": 300}, "CELERY_TASK_TIME_LIMIT to 3600"),
        ({"task_soft_time_limit": 300}, '"shop_recs.tasks.train": {"soft_time_limit": 3600}'),
        ({"broker_transport_options": {"visibility_timeout": 60}}, "after 60 seconds"),
        ({"broker_url": "sqs://"}, "after 1800 seconds"),
        ({"worker_prefetch_multiplier": 4}, "CELERY_WORKER_PREFETCH_MULTIPLIER = 1"),
        ({"task_acks_on_failure_or_timeout": False}, "CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True"),
    ],
)
def test_a_harmful_setting_is_named_with_what_to_write(conf, advice):
    (warning,) = warnings_of(**conf)
    assert advice in warning


def test_a_broker_that_never_delivers_again_needs_no_timeout():
    options = {"visibility_timeout": 60}
    assert warnings_of(broker_url="amqp://localhost", broker_transport_options=options) == []


def test_a_queue_of_its_own_may_prefetch():
    assert warnings_of(worker_prefetch_multiplier=4, task_routes={"shop_recs.tasks.*": {"queue": "r"}}) == []
