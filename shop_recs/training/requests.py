"""A person asks for a training, or for its end: refused at once where that is plainly impossible."""

from __future__ import annotations

import logging
from functools import partial

from django.db import transaction
from kombu.exceptions import OperationalError

from shop_recs.exceptions import AlreadyRunning, BrokerUnreachable, NotRunning
from shop_recs.models import ModelVersion
from shop_recs.registry import require_known
from shop_recs.training.dataset import require_enough
from shop_recs.training.lease import cancel

logger = logging.getLogger(__name__)


def request_training(algorithm: str) -> None:
    """Queue a training of `algorithm` for the worker, after the current transaction.

    Raises:
        UnknownAlgorithm: no algorithm of that name is configured.
        AlreadyRunning: one is being trained.
        NotEnoughInteractions: the log is too small.
        BrokerUnreachable: the queue does not answer; raised after the commit where a transaction is open.
    """
    require_known(algorithm)
    versions = ModelVersion.objects.of(algorithm)
    running = versions.training().exclude(pk__in=versions.dead()).first()
    if running is not None:
        raise AlreadyRunning(f"{running} is being trained already; wait for it or cancel it.")
    require_enough()
    transaction.on_commit(partial(_send, algorithm))


def request_cancellation(version: ModelVersion) -> None:
    """Ask the run of a version to stop, which it does within seconds.

    Raises:
        NotRunning: it is over already.
    """
    if not cancel(version):
        raise NotRunning(f"{version} is not being trained any more.")


def _send(algorithm: str) -> None:
    from shop_recs.tasks import train

    try:
        # A person waits for the answer, so one attempt must do.
        train.apply_async((algorithm,), retry=False)
    except OperationalError as error:
        logger.exception("The broker did not take the training of %s", algorithm)
        raise BrokerUnreachable(
            "The task queue does not answer, so nothing was started. Check that the broker runs and that "
            "CELERY_BROKER_URL leads to it."
        ) from error
