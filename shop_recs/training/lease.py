"""Who may train: one run per algorithm, alive as long as its heart beats, harmless once it lost its lease."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from shop_recs.conf import settings
from shop_recs.exceptions import AlreadyRunning, Superseded
from shop_recs.models import EncoderArtefact, JudgedFit, ModelVersion
from shop_recs.models.versions import ModelVersionQuerySet
from shop_recs.registry import algorithm_options
from shop_recs.training import partitions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one version while it trains; every write asks whether it still holds.

    Attributes:
        version_id: the row of the run.
        token: tells this run from one that took the row over, and says which request the run answers.
    """

    version_id: int
    token: uuid.UUID

    def held(self) -> ModelVersionQuerySet:
        """The row of the run, or no row once the lease is lost."""
        return ModelVersion.objects.training().filter(pk=self.version_id, lease=self.token)

    def write(self, **fields: Any) -> None:
        """Change the version's row, which counts as a heartbeat.

        Raises:
            Superseded: the lease is lost.
        """
        if not self.held().update(heartbeat_at=timezone.now(), **fields):
            raise Superseded(f"The training of version {self.version_id} was ended by somebody else.")

    def fail(self, error: str) -> bool:
        """End the run as failed; False where the lease was lost, so that there is nothing to end."""
        return _fail(self.held(), self.version_id, error)


def acquire(algorithm: str, *, token: uuid.UUID | None = None) -> Lease:
    """Begin a run, after ending a dead one.

    Args:
        algorithm: what to train.
        token: names the request that the run answers, so that its second delivery is recognised.

    Raises:
        AlreadyRunning: a run is under way and its heart beats.
        UnknownAlgorithm: no algorithm of that name is configured.
    """
    options = algorithm_options(algorithm)
    end_dead_runs(ModelVersion.objects.of(algorithm))
    token = token or uuid.uuid4()
    try:
        # A training inside of a caller's transaction would be invisible to the process that does it.
        with transaction.atomic(durable=True):
            version = ModelVersion.objects.create(algorithm=algorithm, options=options, lease=token)
    except IntegrityError as error:
        raise AlreadyRunning(f"{algorithm} is being trained already.") from error
    return Lease(version.pk, token)


def is_running(token: uuid.UUID) -> bool:
    """Whether the run of a request is under way, or counts as such until its lease runs out."""
    return ModelVersion.objects.training().filter(lease=token).exists()


def cancel(version: ModelVersion) -> bool:
    """Ask a run to stop, which it does within seconds; False where it is over already."""
    return bool(ModelVersion.objects.training().filter(pk=version.pk).update(cancel_requested=True))


def end_dead_runs(versions: ModelVersionQuerySet | None = None) -> list[int]:
    """Mark runs as failed whose heart stopped beating; returns their ids."""
    dead = (ModelVersion.objects.all() if versions is None else versions).dead()
    error = f"died: no heartbeat for {settings.LEASE_SECONDS} seconds"
    candidates = list(dead.values_list("pk", flat=True))
    return [pk for pk in candidates if _fail(dead.filter(pk=pk), pk, error)]


def drop_leftovers(version_id: int) -> None:
    """Drop what a failed run stored; what a long query keeps from being dropped waits for `clean_up`."""
    EncoderArtefact.objects.filter(version=version_id).delete()
    JudgedFit.objects.filter(version=version_id).delete()
    try:
        with transaction.atomic():
            partitions.drop(version_id)
    except OperationalError:
        logger.warning("The vectors of version %s are being read; they are dropped later", version_id)


def _fail(rows: ModelVersionQuerySet, version_id: int, error: str) -> bool:
    """Mark the version as failed, if it still is among `rows`."""
    ended = rows.update(
        status=ModelVersion.Status.FAILED, error=error, finished_at=timezone.now(), eta_seconds=None
    )
    if ended:
        drop_leftovers(version_id)
    return bool(ended)
