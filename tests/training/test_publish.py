"""Storing versions, publishing them, rolling back and cleaning up."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone

from shop_recs.algorithms import encoders
from shop_recs.algorithms.base import NotEnoughData
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from shop_recs.exceptions import NothingToPublish, Refused, Superseded
from shop_recs.models import ActiveModel, EncoderArtefact, ItemVector, ModelVersion
from shop_recs.training import lease, partitions, publish
from tests.training.conftest import in_a_thread, orphans, served, store

Status = ModelVersion.Status
ONES = np.ones(4, dtype=np.float32)


@pytest.fixture
def shop(committed, make_product):
    """Six products, in a database that other connections see."""
    return [make_product(f"Product {number}") for number in range(6)]


def fold_in():
    """An encoder that answers every visitor in his own way."""
    weights = {"alpha": 1.0, "half_life_days": 90.0, "step_decay": 1.0, "history_length": 20}
    return FoldInEncoder(np.eye(4, dtype=np.float32), np.ones(8, dtype=np.float32), **weights)


def attempt(version):
    """Publish a version; what became of it instead."""
    try:
        publish.publish(version)
    except NothingToPublish as error:
        return re.search(r"is (\w+)\.", str(error))[1]
    return "published"


def indexes(version):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%hnsw%%'",
            [partitions.table_of(ItemVector, version.pk)],
        )
        return [definition.split("USING ")[1] for (definition,) in cursor.fetchall()]


def test_a_stored_version_is_served_and_says_what_it_is(shop):
    version = store("als", shop)
    assert ActiveModel.objects.get().version == version
    assert (version.status, version.dimensions, version.item_count) == (Status.READY, 4, 6)
    assert (version.percent, version.phase, version.eta_seconds) == (100.0, "", None)
    assert version.finished_at is not None
    assert served("als") == ({version.pk}, {float(version.pk)}, 6)


def test_vectors_come_back_as_they_were(shop):
    vectors = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    version = store("als", shop, item_vectors=vectors, dimensions=3)
    stored = {row.product_id: row.vector for row in ItemVector.objects.filter(version=version)}
    assert np.array([stored[product.pk] for product in shop], dtype=np.float32).tobytes() == vectors.tobytes()


def test_only_products_with_a_meaningful_vector_are_stored(shop):
    known = np.array([True, False, True, False, False, False])
    version = store("als", shop, known=known)
    assert version.item_count == 2
    assert {row.product_id for row in version.vectors.all()} == {shop[0].pk, shop[2].pk}


def test_a_fit_that_knows_no_product_is_not_published(shop):
    before = store("als", shop)
    with pytest.raises(NotEnoughData):
        store("als", shop, known=np.zeros(6, dtype=np.bool_))
    assert ActiveModel.objects.get().version == before


def test_the_encoder_is_stored_with_its_checksum(shop):
    artefact = store("als", shop).encoder
    assert artefact.sha256 == hashlib.sha256(artefact.content).hexdigest()
    encoder = encoders.load(artefact.name, bytes(artefact.content))
    assert encoder(None).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_few_products_are_ranked_without_an_index(shop, configure):
    configure(EXACT_BELOW=7)
    assert indexes(store("als", shop)) == []


@pytest.mark.parametrize(
    ("answers", "operators"),
    [
        ({}, ["vector_cosine_ops", "vector_ip_ops"]),
        ({"unit_norm": True}, ["vector_ip_ops"]),
        ({"finds_similar": False}, ["vector_ip_ops"]),
        ({"encoder": ConstantEncoder(ONES)}, ["vector_cosine_ops"]),
        ({"encoder": ConstantEncoder(ONES), "unit_norm": True}, ["vector_ip_ops"]),
        ({"encoder": ConstantEncoder(ONES), "finds_similar": False}, []),
    ],
)
def test_many_products_are_indexed_for_the_ways_they_are_ranked(shop, configure, answers, operators):
    configure(EXACT_BELOW=6)
    version = store("als", shop, **({"encoder": fold_in()} | answers))
    assert sorted(indexes(version)) == [
        f"hnsw (((vector)::vector(4)) {operator})"
        f" WITH (m='{partitions.CONNECTIONS}', ef_construction='{partitions.CANDIDATES[operator]}')"
        for operator in operators
    ]


def test_many_scores_that_are_the_same_for_everybody_get_a_plain_index(shop, configure):
    configure(EXACT_BELOW=6)
    scores = np.arange(1, 7, dtype=np.float32)[:, None]
    version = store("popular", shop, item_vectors=scores, encoder=ConstantEncoder(ONES[:1]))
    assert indexes(version) == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = %s",
            [partitions.table_of(ItemVector, version.pk)],
        )
        assert any("<#>" in definition for (definition,) in cursor.fetchall())


def test_a_ranking_of_a_pinned_version_uses_its_index(shop, configure):
    configure(EXACT_BELOW=6)
    version = store("als", shop, encoder=fold_in())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT product_id FROM shop_recs_itemvector WHERE version_id = %s"
            " ORDER BY vector::vector(4) <#> '[1,1,1,1]' LIMIT 3",
            [version.pk],
        )
        plan = " ".join(line for (line,) in cursor.fetchall())
    assert f"Index Scan using {partitions.table_of(ItemVector, version.pk)}_vector_idx" in plan


def test_a_run_that_lost_its_lease_publishes_nothing(shop, monkeypatch):
    before = store("als", shop)
    load = partitions.load

    def load_too_late(parent, version_id, rows):
        load(parent, version_id, rows)
        in_a_thread(lambda: ModelVersion.objects.filter(pk=version_id).update(status=Status.FAILED))

    monkeypatch.setattr(partitions, "load", load_too_late)
    with pytest.raises(Superseded):
        store("als", shop)
    assert EncoderArtefact.objects.count() == 1
    assert ActiveModel.objects.get().version == before
    publish.clean_up()
    assert partitions.existing() == {before.pk}


def test_any_ready_version_can_be_published_again(shop):
    first, second = store("als", shop), store("als", shop)
    publish.publish(first)
    assert served("als")[0] == {first.pk}
    publish.publish(second)
    assert served("als")[0] == {second.pk}


def test_publishing_is_one_statement(shop, django_assert_num_queries):
    first, _ = store("als", shop), store("als", shop)
    with django_assert_num_queries(1):
        publish.publish(first)
    active = ActiveModel.objects.get()
    assert active.version == first
    assert timezone.now() - active.published_at < timedelta(minutes=1)


def test_a_version_that_is_being_dropped_is_not_published(shop):
    first, second = store("als", shop), store("als", shop)
    published = []
    with transaction.atomic():
        ModelVersion.objects.select_for_update().get(pk=first.pk)
        waiting = threading.Thread(target=lambda: published.append(in_a_thread(lambda: attempt(first))))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        ModelVersion.objects.filter(pk=first.pk).update(status=Status.RETIRED)
    waiting.join()
    assert published == ["retired"]
    assert served("als")[0] == {second.pk}


@pytest.mark.parametrize("status", [Status.TRAINING, Status.FAILED, Status.RETIRED])
def test_a_version_that_is_not_ready_is_not_published(shop, status):
    ready = store("als", shop)
    version = ModelVersion.objects.create(algorithm="als", status=status)
    with pytest.raises(NothingToPublish, match=rf"'als' is {status}. Ready to publish are: {ready.pk}."):
        publish.publish(version)


def test_publishing_without_any_ready_version_says_how_to_train_one(db):
    version = ModelVersion.objects.create(algorithm="als", status=Status.FAILED)
    with pytest.raises(NothingToPublish, match="recs_train als"):
        publish.publish(version)


def test_rolling_back_serves_the_version_before(shop):
    first, second, third = (store("als", shop) for _ in range(3))
    assert publish.rollback("als") == second
    assert publish.rollback("als") == first
    with pytest.raises(NothingToPublish, match=r"older than \d+ is kept.*KEEP_VERSIONS"):
        publish.rollback("als")
    assert served("als")[0] == {first.pk}
    assert third.status == Status.READY


def test_rolling_back_another_version_than_the_one_seen_is_refused(shop):
    first, second, third = (store("als", shop) for _ in range(3))
    with pytest.raises(NothingToPublish, match=f"Not version {second.pk} of 'als' but {third.pk} is served"):
        publish.rollback("als", from_version=second.pk)
    assert publish.rollback("als", from_version=third.pk) == second
    assert first.pk < second.pk


def test_a_version_is_not_served_in_place_of_one_it_was_not_compared_with(shop):
    first, second = store("als", shop), store("als", shop)
    publish.rollback("als")
    compared_with_the_second = store("als", shop, beside=second)
    assert compared_with_the_second.refusal == (
        f"It was compared with als {second.pk}, but by now als {first.pk} is served."
    )
    assert ActiveModel.objects.get().version == first


def test_rolling_back_what_was_never_published_says_so(db):
    with pytest.raises(NothingToPublish, match="No version of 'als' is published"):
        publish.rollback("als")


def test_algorithms_are_published_apart(shop):
    als, popular = store("als", shop), store("popular", shop)
    assert (served("als")[0], served("popular")[0]) == ({als.pk}, {popular.pk})


def test_the_versions_before_are_kept_and_older_ones_dropped(shop, configure):
    configure(KEEP_VERSIONS=2)
    versions = [store("als", shop) for _ in range(5)]
    statuses = [ModelVersion.objects.get(pk=version.pk).status for version in versions]
    assert statuses == [Status.RETIRED, Status.RETIRED, Status.READY, Status.READY, Status.READY]
    assert partitions.existing() == {version.pk for version in versions[2:]}
    assert EncoderArtefact.objects.count() == 3


def test_a_version_that_was_rolled_back_to_outlives_the_next_publish(shop, configure):
    configure(KEEP_VERSIONS=2)
    good, _, _ = (store("als", shop) for _ in range(3))
    publish.publish(good)
    store("als", shop)
    publish.publish(good)
    assert served("als")[0] == {good.pk}


def test_a_version_published_meanwhile_is_not_dropped(shop, configure, monkeypatch):
    configure(KEEP_VERSIONS=0)
    first = store("als", shop)
    candidate = ModelVersion.objects.ready

    def publish_meanwhile():
        monkeypatch.undo()
        publish.publish(first)
        return candidate()

    retire = publish._retire
    monkeypatch.setattr(publish, "_retire", lambda pk: (publish_meanwhile(), retire(pk)))
    store("als", shop)
    assert served("als") == ({first.pk}, {float(first.pk)}, 6)


def test_a_long_query_delays_neither_the_publish_nor_other_readers(shop, configure, monkeypatch):
    configure(KEEP_VERSIONS=0)
    monkeypatch.setattr(partitions, "LOCK_ATTEMPTS", 2)
    first = store("als", shop)
    reading, enough = threading.Event(), threading.Event()

    def read_for_long():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM shop_recs_itemvector")
            reading.set()
            assert enough.wait(30)

    reader = threading.Thread(target=lambda: in_a_thread(read_for_long))
    reader.start()
    assert reading.wait(10)
    try:
        second = store("als", shop)
        started = time.monotonic()
        assert served("als")[0] == {second.pk}
        assert time.monotonic() - started < 1
        assert partitions.existing() == {first.pk, second.pk}
    finally:
        enough.set()
        reader.join()
    publish.retire_old("als")
    assert partitions.existing() == {second.pk}


def test_cleaning_up_finds_dead_runs_and_tables_without_a_version(shop):
    ready = store("als", shop)
    gone = store("popular", shop)
    ActiveModel.objects.get(algorithm="popular").delete()
    gone_pk = gone.pk
    gone.delete()
    dead = lease.acquire("sasrec")
    dead.held().update(heartbeat_at=timezone.now() - timedelta(hours=1))
    alive = lease.acquire("als")
    found = publish.clean_up()
    assert (found.dead_runs, found.orphan_partitions) == ([dead.version_id], [gone_pk])
    assert orphans() == set()
    assert served("als")[0] == {ready.pk}
    assert alive.held().exists()
    failed = ModelVersion.objects.get(pk=dead.version_id)
    assert (failed.status, failed.error) == (Status.FAILED, "died: no heartbeat for 120 seconds")


def test_cleaning_up_a_second_time_finds_nothing(shop):
    store("als", shop)
    publish.clean_up()
    assert publish.clean_up() == publish.CleanedUp([], [])


def test_a_refused_version_is_stored_and_what_was_served_is_served_on(shop):
    before = store("als", shop)
    refused = store("als", shop, refusal="Its log is a bot's.")
    assert served("als") == ({before.pk}, {float(before.pk)}, 6)
    assert (refused.status, refused.is_refused) == (Status.READY, True)
    assert ItemVector.objects.filter(version=refused).count() == 6


def test_a_refused_version_is_published_by_who_says_why(shop):
    before, refused = store("als", shop), store("als", shop, refusal="Its log is a bot's.")
    with pytest.raises(Refused, match=f"Its log is a bot's.*recs_publish {refused.pk} --override"):
        publish.publish(refused)
    assert served("als")[0] == {before.pk}
    publish.publish(refused, override="the bot is a robot shopper", by="grace")
    assert served("als")[0] == {refused.pk}
    refused.refresh_from_db()
    assert (refused.override_note, refused.overridden_by) == ("the bot is a robot shopper", "grace")
    publish.publish(before)
    publish.publish(refused)  # once said is enough
    assert served("als")[0] == {refused.pk}


def test_rolling_back_passes_over_what_was_refused(shop):
    first = store("als", shop)
    store("als", shop, refusal="Its log is a bot's.")
    store("als", shop)
    assert publish.rollback("als") == first


def test_refused_versions_drive_out_each_other_alone(shop):
    passed = [store("als", shop) for _ in range(3)]
    refused = [store("als", shop, refusal="Its log is a bot's.") for _ in range(3)]
    assert partitions.existing() == {*(version.pk for version in passed), refused[-1].pk}
