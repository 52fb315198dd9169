"""What the training process does: read, fit, judge, fit on everything, store, publish."""

from __future__ import annotations

import enum
import logging
from typing import Any

from django.db import DatabaseError, connection, transaction

from shop_recs.algorithms.base import Cancelled, Earlier, Fitted, NotEnoughData, Recommender, TrainingData
from shop_recs.conf import settings
from shop_recs.exceptions import NotEnoughInteractions, Superseded
from shop_recs.models import ModelVersion
from shop_recs.registry import recommender
from shop_recs.training import checkpoints, dataset, judged, publish, recall, report
from shop_recs.training.evaluation import split_by_time
from shop_recs.training.gate import DESCRIBED, Gate, described
from shop_recs.training.heartbeat import Heartbeat
from shop_recs.training.lease import Lease
from shop_recs.training.progress import Timeline

logger = logging.getLogger(__name__)


class Ending(enum.IntEnum):
    """Exit codes of the training process."""

    PUBLISHED = 0
    FAILED = 1
    NOT_ENOUGH_DATA = 3
    CANCELLED = 4
    SUPERSEDED = 5


def run(lease: Lease, *, full: bool = False) -> Ending:
    """Train the version of a lease, afresh where it says `full`; what went wrong is written on it."""
    ending = _train(lease, full=full)
    # Those of a run that failed may be kept: the database was away, and the next run takes them up.
    if ending not in (Ending.FAILED, Ending.SUPERSEDED):
        checkpoints.forget(lease.version_id)
    return ending


def _train(lease: Lease, *, full: bool) -> Ending:
    """How the training of a lease ended."""
    try:
        version = ModelVersion.objects.get(pk=lease.version_id)
        timeline = Timeline(_seconds_of_the_last_run(version.algorithm))
        with Heartbeat(lease, timeline) as heartbeat:
            _Run(lease, version, timeline, heartbeat, full=full).train()
    except (NotEnoughData, NotEnoughInteractions) as error:
        lease.fail(str(error))
        return Ending.NOT_ENOUGH_DATA
    except Cancelled:
        lease.fail("cancelled")
        return Ending.CANCELLED
    except Superseded as error:
        logger.warning("%s", error)
        return Ending.SUPERSEDED
    except Exception as error:
        logger.exception("The training of version %s failed", lease.version_id)
        if not isinstance(error, DatabaseError):
            # The database comes back; what fails by itself would fail again at the same place.
            checkpoints.forget(lease.version_id)
        # Who took the lease also dropped what was stored, which is an error of any kind here.
        return Ending.FAILED if lease.fail(f"{type(error).__name__}: {error}") else Ending.SUPERSEDED
    return Ending.PUBLISHED


def _seconds_of_the_last_run(algorithm: str) -> dict[str, float]:
    last = ModelVersion.objects.of(algorithm).ready().first()
    return last.info.get("seconds", {}) if last else {}


class _Run:
    """One training under way: whatever it does, the lease and the progress go along."""

    def __init__(
        self, lease: Lease, version: ModelVersion, timeline: Timeline, heartbeat: Heartbeat, *, full: bool
    ) -> None:
        self.lease = lease
        self.version = version
        self.timeline = timeline
        self.heartbeat = heartbeat
        self.algorithm: Recommender = recommender(version.algorithm, version.options)
        self.gate = Gate(ModelVersion.objects.of(version.algorithm).served().first())
        self.full = full
        self.warm_starts = 0

    def train(self) -> None:
        read = dataset.read(as_of=checkpoints.adopt(self.lease, self.version))
        self._write(
            interaction_count=len(read.data),
            visitor_count=read.data.n_users,
            data_from=read.first_at,
            data_until=read.last_at,
        )
        self.gate.look_at_log(read.data)
        judged_fit = self._fit_and_judge(read)
        fitted = self._fit("fitting on everything", read, read.data, resume=judged_fit)
        self.gate.look_at_lists(fitted, read.data)
        self._enter("storing")
        facts = {"warm_starts": self.warm_starts, "seconds": self.timeline.seconds}
        facts[DESCRIBED] = described(read.data)
        self._write(info={**fitted.info, **facts})
        publish.store_and_publish(
            self.lease,
            fitted,
            read.product_keys,
            finds_similar=self.algorithm.finds_similar,
            enter=self._enter,
            queries=recall.queries_of(fitted, read.data),
            refusal=self.gate.refusal,
            beside=self.gate.active,
        )

    def _fit_and_judge(self, read: dataset.Dataset) -> Fitted | None:
        """Fit on the log without its last part and write how well that foretells it; None where it cannot."""
        try:
            split = split_by_time(read.data, fraction=settings.HOLDOUT, seed=settings.SEED)
            earlier = self.gate.earlier(read.product_keys, before=split.train.now)
            fitted = self._fit("fitting", read, split.train, resume=self._start(earlier))
        except NotEnoughData as error:
            self._write(metrics={"split": {"cases": 0, "reason": str(error)}})
            return None
        self._enter("evaluating")
        figures = report.figures(fitted, split)
        self.gate.compare(fitted, split, earlier)
        with transaction.atomic():
            self.lease.write(metrics={**figures, "gate": self.gate.figures})
            judged.keep(self.lease.version_id, fitted, read.product_keys, until=split.train.now)
        return fitted

    def _start(self, earlier: Fitted | None) -> Fitted | None:
        """What the fit that is judged starts from: the one by which the active version was judged.

        What is served saw a part of what is to be foretold now; that one did not. Afresh is started where it
        is time to, where the options have changed, and where somebody asks for it.
        """
        active = self.gate.active
        if self.full or active is None or earlier is None or not earlier.state:
            return None
        warm_starts = active.info.get("warm_starts", 0) + 1
        if active.options != self.version.options or warm_starts >= settings.FULL_TRAINING_EVERY:
            return None
        self.warm_starts = warm_starts
        return earlier

    def _fit(
        self, phase: str, read: dataset.Dataset, data: TrainingData, *, resume: Earlier | None
    ) -> Fitted:
        """Fit on all or a part of what was read."""
        self._enter(phase)
        # A fit takes minutes: no connection waits for it, so that no pooler and no restart can break it.
        connection.close()
        more: dict[str, Any] = {}
        if self.algorithm.keeps_checkpoints:
            about = {"options": self.version.options, "seed": settings.SEED, "start": self.warm_starts}
            about |= {name: getattr(settings, name) for name in checkpoints.DECIDED_BY}
            fingerprint = checkpoints.fingerprint_of(data, read.product_keys, **about)
            more["checkpoints"] = checkpoints.Checkpoints(
                self.lease, phase=phase, fingerprint=fingerprint, read_at=read.read_at
            )
        return self.algorithm.fit(data, seed=settings.SEED, progress=self._report, resume=resume, **more)

    def _enter(self, phase: str) -> None:
        self.heartbeat.check()
        self.timeline.enter(phase)

    def _report(self, phase: str, fraction: float) -> None:
        self.heartbeat.check()
        self.timeline.report(phase, fraction)

    def _write(self, **fields: Any) -> None:
        self.lease.write(**fields)
        connection.close()
