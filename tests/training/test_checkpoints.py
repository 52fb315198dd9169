"""A run that died is taken up by the next one."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from shop_recs.algorithms.splits import split_by_time
from shop_recs.conf import settings
from shop_recs.exceptions import Superseded, TrainingFailed
from shop_recs.models import Interaction, ItemVector, ModelVersion, TrainingCheckpoint
from shop_recs.training import checkpoints, child, dataset, lease, publish, runner
from shop_recs.training.checkpoints import Checkpoints, adopt, fingerprint_of
from tests.algorithms.logs import log_of
from tests.training.plugins import Counting, Failing

KEYS = list("abcde")


@pytest.fixture
def run(committed, plugins, monkeypatch):
    """A run of the counting algorithm that may write at any time, and the checkpoints of its fit."""
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)

    def begin(*, fingerprint="one", read_at=None):
        held = lease.acquire("counting")
        kept = Checkpoints(held, phase="fitting", fingerprint=fingerprint, read_at=read_at or timezone.now())
        return held, ModelVersion.objects.get(pk=held.version_id), kept

    return begin


def test_what_was_saved_last_is_loaded_by_a_fit_that_learns_from_the_same(run):
    held, _, kept = run()
    assert kept.load() is None
    kept.save(lambda: b"1")
    kept.save(lambda: b"2")
    assert kept.load() == b"2"
    now = timezone.now()
    for phase, fingerprint in (("fitting", "two"), ("fitting on everything", "one")):
        assert Checkpoints(held, phase=phase, fingerprint=fingerprint, read_at=now).load() is None


def test_within_a_minute_nothing_is_made(run, monkeypatch):
    _, _, kept = run()
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 60.0)
    kept.save(lambda: pytest.fail("made for nothing"))


def test_what_is_too_large_is_not_kept(run, monkeypatch):
    _, _, kept = run()
    monkeypatch.setattr(checkpoints, "LARGEST_BYTES", 3)
    kept.save(lambda: b"1234")
    assert kept.load() is None


def test_a_run_that_lost_its_lease_leaves_nothing(run):
    held, _, kept = run()
    held.fail("somebody else trains")
    with pytest.raises(Superseded):
        kept.save(lambda: b"1")
    assert not TrainingCheckpoint.objects.exists()


def test_the_next_run_takes_over_what_a_dead_one_left_and_when_it_read_the_log(run):
    held, version, kept = run()
    assert adopt(held, version) is None
    kept.save(lambda: b"1")
    held.fail("killed")
    held, version, kept = run()
    before = TrainingCheckpoint.objects.get().read_at
    assert adopt(held, version) == before
    assert kept.load() == b"1"


def happened_again(interaction):
    """Record the same once more, as of now."""
    interaction.pk, interaction.received_at = uuid.uuid4(), timezone.now()
    interaction.save(force_insert=True)


def died(run, *, options=None, **options_of_run):
    held, version, kept = run(**options_of_run)
    ModelVersion.objects.filter(pk=version.pk).update(options=options or {})
    kept.save(lambda: b"1")
    return held


def test_other_options_long_ago_and_what_somebody_stopped_are_not_taken_up(run):
    died(run, options={"dimensions": 3}).fail("killed")
    died(run, read_at=timezone.now() - timedelta(hours=7)).fail("killed")
    stopped = died(run)
    lease.cancel(ModelVersion.objects.get(pk=stopped.version_id))
    stopped.fail("cancelled")
    held, version, _ = run()
    assert adopt(held, version) is None


def test_a_published_run_needs_none_any_more_and_a_failed_one_does(log, run):
    held, _, kept = run()
    kept.save(lambda: b"1")
    assert child.run(held) == child.Ending.PUBLISHED
    assert not TrainingCheckpoint.objects.exists()
    died(run).fail("killed")
    publish.clean_up()
    assert TrainingCheckpoint.objects.count() == 1
    TrainingCheckpoint.objects.update(read_at=timezone.now() - timedelta(days=1))
    publish.clean_up()
    assert not TrainingCheckpoint.objects.exists()


def test_a_run_that_fails_by_itself_leaves_nothing_to_fail_with_again(log, run, configure):
    configure(ALGORITHMS={"counting": {"BACKEND": "tests.training.plugins.Failing"}})
    held, _, kept = run()
    kept.save(lambda: b"1")
    assert child.run(held) == child.Ending.FAILED
    assert not TrainingCheckpoint.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"), [("HOLDOUT", 0.2), ("HALF_LIFE_DAYS", 7.0), ("INTERACTION_WEIGHTS", {"view": 2.0})]
)
def test_a_fit_under_other_settings_starts_anew(log, run, configure, monkeypatch, name, value):
    made = []
    monkeypatch.setattr(child.checkpoints, "fingerprint_of", lambda *args, **about: made.append(about) or "")
    monkeypatch.setattr(Counting, "keeps_checkpoints", True)
    monkeypatch.setattr(Counting, "work", Failing.work)
    for change in ({}, {name: value}):
        configure(**change)
        held, *_ = run()
        assert child.run(held) == child.Ending.FAILED
    first, second = made
    assert {key for key in first if first[key] != second[key]} == {name}


def test_a_fit_is_known_by_its_items_and_options_and_not_by_who_logged_in():
    log = log_of([[0, 1, 2], [2, 0]], n_items=5)
    one = fingerprint_of(log, KEYS, seed=0)
    merged = replace(log, users=np.zeros_like(log.users), n_users=1)
    assert fingerprint_of(merged, KEYS, seed=0) == one
    assert fingerprint_of(log, [*KEYS[:4], "new"], seed=0) == one
    assert fingerprint_of(log, ["new", *KEYS[1:]], seed=0) != one
    assert fingerprint_of(log.select(log.items != 1), KEYS, seed=0) != one
    assert fingerprint_of(log, KEYS, seed=1) != one


def test_the_log_can_be_read_as_it_was(log):
    moment = dataset.read().read_at
    before = dataset.read().data
    for interaction in Interaction.objects.all()[:5]:
        happened_again(interaction)
    assert len(dataset.read().data) == len(before) + 5
    assert dataset.read(as_of=moment).data.times.tobytes() == before.times.tobytes()


@pytest.fixture
def one_thread():
    """Torch works here as it does in the training process."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.training
def test_a_training_killed_between_two_epochs_ends_as_if_nothing_had_happened(log, configure, one_thread):
    from shop_recs.algorithms.sasrec import SASRec
    from tests.training.mortal import OPTIONS

    mortal = {"BACKEND": "tests.training.mortal.Mortal", "OPTIONS": OPTIONS}
    configure(ALGORITHMS={"mortal": mortal}, GATE={"WORSE_THAN_POPULAR_BY": None})
    with pytest.raises(TrainingFailed, match="SIGKILL"):
        runner.train("mortal")
    left = TrainingCheckpoint.objects.get()
    read = dataset.read(as_of=left.read_at)
    part = split_by_time(read.data, fraction=settings.HOLDOUT, seed=settings.SEED).train
    expected = SASRec(**OPTIONS).fit(read.data, resume=SASRec(**OPTIONS).fit(part))
    happened_again(Interaction.objects.order_by("occurred_at").first())

    version = runner.train("mortal")
    stored = dict(ItemVector.objects.filter(version=version).values_list("product_id", "vector"))
    vectors = {
        read.product_keys[item]: expected.item_vectors[item] for item in np.flatnonzero(expected.known)
    }
    assert stored.keys() == vectors.keys()
    assert all(np.array_equal(np.float32(stored[key]), vectors[key]) for key in stored)
    assert version.interaction_count == len(read.data)
    assert not TrainingCheckpoint.objects.exists()
