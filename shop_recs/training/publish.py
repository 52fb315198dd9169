"""Storing a version, moving the pointer to it and back, dropping what is old or left over."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from shop_recs.algorithms.base import Fitted, FittedVectors, Floats
from shop_recs.conf import settings
from shop_recs.exceptions import NothingToPublish, Refused
from shop_recs.models import ActiveModel, EncoderArtefact, JudgedFit, ModelVersion
from shop_recs.registry import require_known
from shop_recs.training import checkpoints, graph, partitions, recall
from shop_recs.training.contents import contents_of
from shop_recs.training.lease import Lease, drop_leftovers, end_dead_runs

logger = logging.getLogger(__name__)

_POINT_AT = """
    WITH version AS (
        SELECT id, algorithm FROM shop_recs_modelversion
        WHERE id = %s AND status = 'ready' AND (refusal = '' OR overridden_at IS NOT NULL)
        FOR UPDATE
    )
    INSERT INTO shop_recs_activemodel (algorithm, version_id, published_at)
    SELECT algorithm, id, %s FROM version
    ON CONFLICT (algorithm) DO UPDATE
    SET version_id = excluded.version_id, published_at = excluded.published_at
"""
"""One statement, which is a transaction of its own: a flip is one message to the database and one commit.

The lock keeps `retire_old` from dropping the version's vectors meanwhile."""


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What `clean_up` found: ids of versions."""

    dead_runs: list[int]
    orphan_partitions: list[int]


def store_and_publish(
    lease: Lease,
    fitted: Fitted,
    product_keys: Sequence[Any],
    *,
    finds_similar: bool,
    enter: Callable[[str], None],
    queries: Floats | None = None,
    refusal: str = "",
    beside: ModelVersion | None = None,
) -> None:
    """Store what was learned as the version of a lease and serve it from then on, unless the gate refused it.

    The table is filled and indexed apart from the others, so that nobody waits for a lock meanwhile; a run
    that dies leaves at most a table that nothing points to. Old versions go afterwards.

    Args:
        lease: the run whose version it is.
        fitted: vectors or neighbours, and the encoder; only known items are stored.
        product_keys: the key of each item index.
        finds_similar: whether products like one another can be told by it.
        enter: told the phase that begins after storing: indexing, publishing.
        queries: `(q, d)` of shoppers, by which the index is measured; see `recall.queries_of`.
        refusal: why the gate refuses the version; it is stored, but what was served before is served on.
        beside: what the gate compared it with; where another is served by now, it is refused, too.

    Raises:
        NotEnoughData: no item is known.
        Superseded: the lease was lost; nothing is stored.
    """
    contents = contents_of(fitted, product_keys)
    with transaction.atomic(durable=True):
        lease.write(finds_similar=finds_similar, **contents.facts)
        partitions.create(contents.parent, lease.version_id)
    with transaction.atomic(durable=True):
        partitions.load(contents.parent, lease.version_id, contents.rows)
        enter("indexing")
        index = {}
        if isinstance(fitted, FittedVectors):
            index = _indexed(lease.version_id, fitted, finds_similar=finds_similar, queries=queries)
    enter("publishing")
    with transaction.atomic(durable=True):
        lease.write()
        if index:
            metrics = ModelVersion.objects.get(pk=lease.version_id).metrics
            lease.write(metrics={**metrics, "index": index})
        partitions.attach(contents.parent, lease.version_id)
        _store_encoder(lease.version_id, fitted)
    partitions.wait_for_readers(contents.parent)
    _publish_stored(lease, refusal=refusal, beside=beside)


def _publish_stored(lease: Lease, *, refusal: str, beside: ModelVersion | None) -> None:
    """Declare a stored version ready and, unless it is refused, serve it."""
    with transaction.atomic(durable=True):
        version = ModelVersion.objects.get(pk=lease.version_id)
        active = ActiveModel.objects.filter(algorithm=version.algorithm).select_for_update().first()
        served_before = active.version_id if active else None
        if not refusal and served_before != (beside and beside.pk):
            now = f"{active.algorithm} {active.version_id}" if active else "nothing"
            refusal = f"It was compared with {beside or 'nothing'}, but by now {now} is served."
        lease.write(
            status=ModelVersion.Status.READY,
            refusal=refusal,
            phase="",
            percent=100.0,
            eta_seconds=None,
            finished_at=timezone.now(),
        )
        if not refusal:
            _point_at(version.pk)
    retire_old(version.algorithm, served_before=served_before)


def publish(version: ModelVersion, *, override: str = "", by: str = "") -> None:
    """Serve a version that is ready.

    Args:
        version: which.
        override: why to serve it although the gate refused it; kept on the version, with `by` and the time.
        by: the name of who says so.

    Raises:
        NothingToPublish: it is not ready.
        Refused: the gate refused it, and nobody says why it should be served all the same.
    """
    if _point_at(version.pk):
        return
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().ready().filter(pk=version.pk).first()
        if locked is None:
            raise NothingToPublish(_why_not(version))
        if locked.is_refused:
            _override(locked, note=override.strip(), by=by)
        _point_at(locked.pk)


def _override(version: ModelVersion, *, note: str, by: str) -> None:
    """Write down who serves a refused version and why."""
    if not note:
        raise Refused(
            f"The gate refused {version}: {version.refusal} To publish it all the same, say why: "
            f'manage.py recs_publish {version.pk} --override "…", or in the admin.'
        )
    version.override_note, version.overridden_by, version.overridden_at = note, by[:254], timezone.now()
    version.save(update_fields=["override_note", "overridden_by", "overridden_at"])


def rollback(algorithm: str, *, from_version: int | None = None) -> ModelVersion:
    """Serve the newest version older than the one served now that the gate let pass; returns it.

    Args:
        algorithm: whose.
        from_version: id of the version that is served, as far as the caller knows.

    Raises:
        NothingToPublish: there is none, or another version is served by now.
        UnknownAlgorithm: nothing is published under that name, and no algorithm has it.
    """
    active = ActiveModel.objects.filter(algorithm=algorithm).first()
    if active is None:
        require_known(algorithm)
        raise NothingToPublish(f"No version of {algorithm!r} is published, so there is nothing to roll back.")
    if from_version not in (None, active.version_id):
        raise NothingToPublish(
            f"Not version {from_version} of {algorithm!r} but {active.version_id} is served by now."
        )
    older = ModelVersion.objects.before(active.version_id, algorithm).first()
    if older is None:
        raise NothingToPublish(
            f"No version of {algorithm!r} older than {active.version_id} is kept;"
            f' SHOP_RECS["KEEP_VERSIONS"] is {settings.KEEP_VERSIONS}.'
        )
    publish(older)
    return older


def retire_old(algorithm: str, *, served_before: int | None = None) -> None:
    """Drop the vectors of all versions but the one served, the one served before and the newest others.

    Of the versions that were refused only the newest is kept: they shall not drive out what one can roll back
    to. What a long query keeps from being dropped waits for the next publish.
    """
    versions = ModelVersion.objects.of(algorithm).filter(active=None).order_by("-pk")
    refused = versions.ready().refused().values_list("pk", flat=True)
    served = sorted(
        versions.publishable().values_list("pk", flat=True), key=lambda pk: (pk != served_before, -pk)
    )
    for pk in [*served[settings.KEEP_VERSIONS :], *refused[1:]]:
        try:
            _retire(pk)
        except OperationalError:
            logger.warning("Version %s is still being read; its vectors are dropped later", pk)


def clean_up() -> CleanedUp:
    """End runs whose heart stopped, and drop what no version, or a failed one, needs."""
    dead_runs = end_dead_runs()
    checkpoints.forget_old()
    # The tables first: the version of a table that appears now exists by the second query.
    tables = partitions.existing()
    wanted = ModelVersion.objects.ready() | ModelVersion.objects.training()
    orphans = sorted(tables - set(wanted.values_list("pk", flat=True)))
    for version_id in orphans:
        drop_leftovers(version_id)
    return CleanedUp(dead_runs, orphans)


def _indexed(
    version_id: int, fitted: FittedVectors, *, finds_similar: bool, queries: Floats | None
) -> dict[str, Any]:
    """Index many vectors for the ways they are ranked, and say how well; few are scanned."""
    if not graph.is_large(fitted):
        return {}
    dimensions = fitted.item_vectors.shape[1]
    operators = graph.operators(fitted, finds_similar=finds_similar)
    # A second process takes the processor from the shop: tail latency grew fourfold with two on two cores.
    workers = settings.TRAINING_THREADS - 1
    partitions.index(version_id, dimensions=dimensions, operators=operators, workers=workers)
    if dimensions == 1:
        return {}
    return recall.measured(version_id, fitted, personal=queries, similar=finds_similar)


def _store_encoder(version_id: int, fitted: Fitted) -> None:
    content = fitted.encoder.dumps()
    EncoderArtefact.objects.create(
        version_id=version_id,
        name=fitted.encoder.name,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _point_at(version_id: int) -> bool:
    """Serve a version from now on; False where it is not ready, or refused."""
    with connection.cursor() as cursor:
        cursor.execute(_POINT_AT, [version_id, timezone.now()])
        return bool(cursor.rowcount)


def _retire(version_id: int) -> None:
    """Drop one version, unless somebody published it since it was chosen."""
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().ready().filter(pk=version_id)
        if not locked or ActiveModel.objects.filter(version=version_id).exists():
            return
        partitions.drop(version_id)
        EncoderArtefact.objects.filter(version=version_id).delete()
        JudgedFit.objects.filter(version=version_id).delete()
        ModelVersion.objects.filter(pk=version_id).update(status=ModelVersion.Status.RETIRED)


def _why_not(version: ModelVersion) -> str:
    status = ModelVersion.objects.filter(pk=version.pk).values_list("status", flat=True).first() or "gone"
    ready = ModelVersion.objects.of(version.algorithm).publishable().values_list("pk", flat=True)
    names = ", ".join(map(str, ready)) or "none; train one with: manage.py recs_train " + version.algorithm
    return f"Version {version.pk} of {version.algorithm!r} is {status}. Ready to publish are: {names}."
