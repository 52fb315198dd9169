"""Celery tasks: a few lines around the services that commands call too."""

from __future__ import annotations

import uuid
from typing import Any

from celery import Task, shared_task

from shop_recs.conf import settings
from shop_recs.exceptions import AlreadyRunning, NotEnoughInteractions, Refused
from shop_recs.registry import names_to_train
from shop_recs.rollups.orders import roll_up_orders
from shop_recs.rollups.scores import roll_up_intervals, roll_up_scores
from shop_recs.tracking.impressions import forget_old
from shop_recs.training import lease, publish, runner


@shared_task(bind=True, acks_late=True, reject_on_worker_lost=True, max_retries=None)
def train(self: Task[Any, Any], algorithm: str) -> str:
    """Train and publish one algorithm; a second delivery of the same message trains nothing twice."""
    request = _request_of(self.request.id)
    try:
        return f"published {runner.train(algorithm, request=request)}"
    except (NotEnoughInteractions, Refused) as error:
        return str(error)
    except AlreadyRunning:
        if request and lease.is_running(request):
            # This very message, delivered before: its worker lives, or died and its lease has yet to run out.
            raise self.retry(countdown=settings.LEASE_SECONDS) from None
        return "already running"


@shared_task
def train_all() -> None:
    """Train every algorithm of the ladder, each in a task of its own."""
    for algorithm in names_to_train():
        train.delay(algorithm)


@shared_task
def roll_up() -> None:
    """Count what is popular, trending and bought again; every hour, say."""
    roll_up_scores()
    roll_up_intervals()


@shared_task
def roll_up_bought_together() -> None:
    """Count what is bought together and what the same people buy; every night, say."""
    roll_up_orders()


@shared_task
def clean_up() -> None:
    """End dead runs and drop what they left, and impressions that are old."""
    publish.clean_up()
    forget_old()


def _request_of(task_id: str | None) -> uuid.UUID | None:
    """The task's id as the token of its lease, whatever a caller of his own chose for one."""
    return None if task_id is None else uuid.uuid5(uuid.NAMESPACE_OID, task_id)
