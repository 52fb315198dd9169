"""What Celery must be told so that minutes of training neither end early nor hold up other tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from celery import Celery

LONG_ENOUGH_SECONDS = 3600
DEFAULT_VISIBILITY_SECONDS = {"redis": 3600, "rediss": 3600, "sentinel": 3600, "sqs": 1800}


def celery_warnings(app: Celery) -> list[str]:
    """What is wrong with the settings of a Celery application; each sentence says what to write instead."""
    return [*_about_running(app.conf), *_about_delivery(app.conf)]


def _about_running(conf: Any) -> Iterator[str]:
    if conf.task_always_eager:
        yield (
            "task_always_eager is on: a training would run inside of the request that asks for it. "
            "Set CELERY_TASK_ALWAYS_EAGER = False and start a worker."
        )
    for name in ("task_time_limit", "task_soft_time_limit"):
        limit = getattr(conf, name)
        if limit and limit < LONG_ENOUGH_SECONDS:
            yield (
                f"{name} is {limit} seconds, which ends a longer training. Set CELERY_{name.upper()} to "
                f'{LONG_ENOUGH_SECONDS} or more, or CELERY_TASK_ANNOTATIONS = {{"shop_recs.tasks.train": '
                f'{{"{name.removeprefix("task_")}": {LONG_ENOUGH_SECONDS}}}}}.'
            )


def _about_delivery(conf: Any) -> Iterator[str]:
    visibility = _visibility_timeout(conf)
    if visibility is not None and visibility < LONG_ENOUGH_SECONDS:
        yield (
            f"The broker delivers a message again after {visibility:g} seconds, even if its training runs: "
            "nothing is trained twice, but other workers are kept busy with asking. Set "
            f'CELERY_BROKER_TRANSPORT_OPTIONS = {{"visibility_timeout": {LONG_ENOUGH_SECONDS}}} or more.'
        )
    if conf.worker_prefetch_multiplier != 1 and not _has_its_own_queue(conf):
        yield (
            f"worker_prefetch_multiplier is {conf.worker_prefetch_multiplier}: tasks that a worker reserved "
            "wait behind a training of minutes. Set CELERY_WORKER_PREFETCH_MULTIPLIER = 1, or give trainings "
            'a worker of their own: CELERY_TASK_ROUTES = {"shop_recs.tasks.*": {"queue": "shop_recs"}}.'
        )
    if not conf.task_acks_on_failure_or_timeout:
        yield (
            "task_acks_on_failure_or_timeout is off: a training that fails is delivered again and again. "
            "Set CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True."
        )


def _visibility_timeout(conf: Any) -> float | None:
    """Seconds after which the broker delivers an unacknowledged message again; None where it does not."""
    scheme = str(conf.broker_url or "").partition("://")[0].partition("+")[0]
    default = DEFAULT_VISIBILITY_SECONDS.get(scheme)
    if default is None:
        return None
    return float((conf.broker_transport_options or {}).get("visibility_timeout", default))


def _has_its_own_queue(conf: Any) -> bool:
    routes = conf.task_routes
    return isinstance(routes, dict) and any(str(name).startswith("shop_recs.") for name in routes)
