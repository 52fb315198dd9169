"""Where the fits of a run leave checkpoints, and find those of a run that died."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from shop_recs.algorithms.base import TrainingData
from shop_recs.models import ModelVersion, TrainingCheckpoint
from shop_recs.training.lease import Lease

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 60.0
LARGEST_BYTES = 400_000_000
"""A row of PostgreSQL cannot be sent with much more; a larger fit cannot be taken up."""
TAKEN_UP_FOR = timedelta(hours=6)
"""After that the log has grown so much that it is better read again."""
DECIDED_BY = (
    "HOLDOUT",
    "HALF_LIFE_DAYS",
    "INTERACTION_WEIGHTS",
    "TRAINING_DAYS",
    "MAX_PER_VISITOR",
    "MAX_PER_PAIR",
)
"""Settings that decide what a fit learns from; by others it starts anew."""


class Checkpoints:
    """Those of one fit of a run.

    Args:
        lease: the run; it must hold its lease to write.
        phase: which of its fits.
        fingerprint: what the fit learns from, from `fingerprint_of`; with another one it starts anew.
        read_at: when the log was read.
    """

    def __init__(self, lease: Lease, *, phase: str, fingerprint: str, read_at: datetime) -> None:
        self._lease = lease
        self._phase = phase
        self._facts = {"fingerprint": fingerprint, "read_at": read_at}
        self._saved = time.monotonic()

    def load(self) -> bytes | None:
        """The last one of a fit that learned from the same."""
        rows = TrainingCheckpoint.objects.filter(version=self._lease.version_id, phase=self._phase)
        row = rows.filter(fingerprint=self._facts["fingerprint"]).first()
        connection.close()
        if row is None:
            return None
        logger.info("%s is taken up where it was left at %s", self._phase, row.saved_at)
        return bytes(row.content)

    def save(self, content: Callable[[], bytes]) -> None:
        """Keep what `content` makes, unless the last one is less than a minute old.

        Raises:
            Superseded: the lease is lost.
        """
        if time.monotonic() - self._saved < SECONDS_BETWEEN:
            return
        made = content()
        if len(made) <= LARGEST_BYTES:
            self._write(made)
        self._saved = time.monotonic()

    def _write(self, content: bytes) -> None:
        with transaction.atomic():
            self._lease.write()
            TrainingCheckpoint.objects.update_or_create(
                version_id=self._lease.version_id,
                phase=self._phase,
                defaults={**self._facts, "saved_at": timezone.now(), "content": content},
            )
        connection.close()


def adopt(lease: Lease, version: ModelVersion) -> datetime | None:
    """Take over the checkpoints of the last run of the same options, if it died lately.

    Returns:
        When that run read the log, which this one must read as it was then; None where there is none.

    Raises:
        Superseded: the lease is lost.
    """
    with transaction.atomic():
        lease.write()
        runs = ModelVersion.objects.of(version.algorithm).filter(options=version.options)
        died = runs.filter(_alive(), cancel_requested=False).values("pk").distinct().first()
        if died is None:
            return None
        adopted = TrainingCheckpoint.objects.filter(version=died["pk"])
        read_at = adopted.values_list("read_at", flat=True)[0]
        adopted.update(version=lease.version_id)
    return read_at


def forget(version_id: int) -> None:
    """Drop the checkpoints of a run that needs none any more."""
    TrainingCheckpoint.objects.filter(version=version_id).delete()


def forget_old() -> None:
    """Drop what no run will take up."""
    TrainingCheckpoint.objects.exclude(version__status=ModelVersion.Status.TRAINING).exclude(
        version__in=ModelVersion.objects.filter(_alive()).values("pk")
    ).delete()


def fingerprint_of(data: TrainingData, product_keys: Sequence[Any], **options: Any) -> str:
    """Tells apart fits that cannot take one another up: by items, features and options, not by every event.

    Shoppers who log in or are forgotten between two readings do not make it another.
    """
    items = np.unique(data.items)
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    digest.update("\n".join(str(product_keys[item]) for item in items.tolist()).encode())
    for feature in data.features:
        digest.update(feature.name.encode() + feature.codes[items].tobytes())
    return digest.hexdigest()


def _alive() -> Q:
    """Runs that failed and whose checkpoints are worth taking up."""
    since = timezone.now() - TAKEN_UP_FOR
    return Q(status=ModelVersion.Status.FAILED, checkpoints__read_at__gte=since)
