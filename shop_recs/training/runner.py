"""Trains in a process of its own and looks after that process until it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

from django.db import OperationalError, connection

from shop_recs.conf import settings
from shop_recs.exceptions import NotEnoughInteractions, Refused, Superseded, TrainingFailed
from shop_recs.models import ModelVersion
from shop_recs.registry import require_known
from shop_recs.training import dataset
from shop_recs.training.child import Ending
from shop_recs.training.lease import Lease, acquire, cancel

__all__ = ["cancel", "train"]

logger = logging.getLogger(__name__)

OnProgress = Callable[[ModelVersion], None]

LOOK_SECONDS = 0.5
CANCEL_SECONDS = 15.0
"""How long a cancelled process may take to end by itself."""
DEATHS = 3
"""After so many failed runs a request that is delivered once more is given up."""


def train(
    algorithm: str,
    *,
    request: uuid.UUID | None = None,
    full: bool = False,
    on_progress: OnProgress | None = None,
) -> ModelVersion:
    """Train and publish a version; blocks until it is served.

    Args:
        algorithm: a name in `SHOP_RECS["ALGORITHMS"]`.
        request: identifies who asks; asking again after success returns the same version.
        full: start afresh instead of from what the active version learned.
        on_progress: called about twice a second with the version as it stands.

    Raises:
        AlreadyRunning: another run trains this algorithm.
        NotEnoughInteractions: the log is too small; there is no version.
        Refused: the gate keeps the version from being served; what was served before is served on.
        Superseded: the run was cancelled, or taken over because its heart stopped beating.
        TrainingFailed: the version says in `error` what went wrong.
        UnknownAlgorithm: no algorithm of that name is configured.
    """
    if request and (version := _answered(request)):
        return version
    require_known(algorithm)
    dataset.require_enough()
    lease = acquire(algorithm, token=request)
    error = "interrupted"
    try:
        with _process(lease, full=full) as process:
            code = _watch(process, lease, on_progress)
        error = _describe(code)
    finally:
        # However this ends (time limit, Ctrl-C, a mistake of ours), no open run stays behind.
        lease.fail(error)
    return _result(lease, code)


def _answered(request: uuid.UUID) -> ModelVersion | None:
    """The version that an earlier delivery of the same request made, if one did."""
    earlier = ModelVersion.objects.filter(lease=request)
    if earlier.filter(cancel_requested=True, status=ModelVersion.Status.FAILED).exists():
        raise Superseded("This training was cancelled.")
    if earlier.filter(status=ModelVersion.Status.FAILED).count() >= DEATHS:
        raise TrainingFailed(f"Given up after {DEATHS} runs that failed; the log of the worker may tell why.")
    version = earlier.filter(status__in=[ModelVersion.Status.READY, ModelVersion.Status.RETIRED]).first()
    return version and _passed(version)


@contextlib.contextmanager
def _process(lease: Lease, *, full: bool) -> Iterator[subprocess.Popen[bytes]]:
    """The training process; it does not outlive the block."""
    threads = str(settings.TRAINING_THREADS)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # Linear algebra reads these when it is imported, never again.
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }
    payload = {
        "version": lease.version_id,
        "lease": str(lease.token),
        "database": connection.settings_dict["NAME"],
        "full": full,
    }
    # Its standard input stays open: when that ends, the process knows that we are gone. A session of its own
    # keeps Ctrl-C for us, who end it in order.
    with subprocess.Popen(
        [sys.executable, "-m", "shop_recs.training"],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(payload).encode() + b"\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def _watch(process: subprocess.Popen[bytes], lease: Lease, on_progress: OnProgress | None) -> int:
    """Wait for the process to end and show its progress; returns its exit code."""
    cancelled_at: float | None = None
    while cancelled_at is None or time.monotonic() - cancelled_at < CANCEL_SECONDS:
        try:
            return process.wait(timeout=LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            version = _look(lease)
        if version is None:
            continue
        if on_progress:
            on_progress(version)
        if version.cancel_requested:
            cancelled_at = cancelled_at or time.monotonic()
    return Ending.CANCELLED


def _look(lease: Lease) -> ModelVersion | None:
    """The version as it stands; None while the database is away, which the training may outlive."""
    try:
        return ModelVersion.objects.filter(pk=lease.version_id).first()
    except OperationalError:
        logger.warning("Cannot look at version %s", lease.version_id, exc_info=True)
        connection.close()
        return None


def _describe(code: int) -> str:
    """What to write on a version whose process did not write anything itself."""
    if code == Ending.CANCELLED:
        return "cancelled"
    if code >= 0:
        return f"the training process ended with code {code} and without a word; its log may tell"
    name = signal.Signals(-code).name
    return f"the training process was killed by {name}{'; out of memory?' if name == 'SIGKILL' else ''}"


def _result(lease: Lease, code: int) -> ModelVersion:
    version = ModelVersion.objects.filter(pk=lease.version_id).first()
    if version is None:
        raise Superseded(f"Version {lease.version_id} was deleted while it was trained.")
    if code == Ending.NOT_ENOUGH_DATA:
        version.delete()
        raise NotEnoughInteractions(version.error)
    if version.status == ModelVersion.Status.FAILED:
        ended_from_outside = version.cancel_requested or code == Ending.SUPERSEDED
        raise (Superseded if ended_from_outside else TrainingFailed)(f"{version}: {version.error}")
    return _passed(version)


def _passed(version: ModelVersion) -> ModelVersion:
    """The version, unless the gate refused it."""
    if version.is_refused:
        raise Refused(f"{version} is trained but not published: {version.refusal}")
    return version
