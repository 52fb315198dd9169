"""Trains models through the Celery worker, as the nightly schedule does, and watches them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from django.db.models import Max

from shop_recs.exceptions import TrainingFailed
from shop_recs.models import ActiveModel, ModelVersion
from shop_recs.tasks import train
from shop_recs.training.lease import Lease

NEWS_PERCENT = 10


def untrained(names: Iterable[str]) -> set[str]:
    """Those of the algorithms that have no published version."""
    return set(names) - set(ActiveModel.objects.values_list("algorithm", flat=True))


def end_interrupted() -> None:
    """Mark runs as failed that were under way when the shop was killed; call it before a worker runs."""
    for version in ModelVersion.objects.training():
        if version.lease:
            Lease(version.pk, version.lease).fail("the shop was stopped")


def train_through_worker(
    names: Iterable[str], *, report: Callable[[str], None], alive: Callable[[], None]
) -> None:
    """Queue a training of each algorithm and wait until all are published, or refused by the gate.

    Args:
        names: algorithms without a published version.
        report: called with a line whenever there is news.
        alive: called while waiting; raises where waiting has become pointless.

    Raises:
        TrainingFailed: one of the runs failed.
    """
    before = ModelVersion.objects.aggregate(newest=Max("pk", default=0))["newest"]
    waiting = set(names)
    told = dict.fromkeys(waiting, ("", 0))
    for name in sorted(waiting):
        train.delay(name)
    while waiting:
        alive()
        missing = untrained(waiting)
        for version in ModelVersion.objects.filter(pk__gt=before, algorithm__in=waiting):
            if version.is_refused:
                missing.discard(version.algorithm)
            news = (_phase(version), int(version.percent // NEWS_PERCENT))
            if news != told[version.algorithm]:
                told[version.algorithm] = news
                report(f"{version.algorithm:<8} {version.percent:3.0f} %  {news[0]}")
        waiting = missing
        time.sleep(0.3)


def _phase(version: ModelVersion) -> str:
    if version.status == ModelVersion.Status.FAILED:
        raise TrainingFailed(f"{version} failed: {version.error}")
    if version.is_refused:
        return f"refused: {version.refusal}"
    return version.phase.partition(":")[0] if version.status == ModelVersion.Status.TRAINING else "published"
