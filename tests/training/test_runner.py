"""Trainings in real processes: their ends, good and bad, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
from datetime import timedelta

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from shop_recs.exceptions import (
    AlreadyRunning,
    NotEnoughInteractions,
    Refused,
    Superseded,
    TrainingFailed,
    UnknownAlgorithm,
)
from shop_recs.models import ActiveModel, EncoderArtefact, Interaction, ModelVersion
from shop_recs.training import lease, partitions, runner
from tests.training.conftest import PLUGINS, PRODUCTS, SHOPPERS, orphans

Status = ModelVersion.Status
FIGURES = {f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate", "mrr", "coverage") for k in (10, 20)}


def in_background(work):
    """Run `work` in a thread and return the thread and the list of the errors it raised."""
    errors = []

    def run():
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def running(phase="fitting"):
    """The version that is in a phase now, if one is."""
    return ModelVersion.objects.training().filter(phase__startswith=phase).first()


def assert_nothing_is_left(before=None):
    assert orphans() == set()
    assert partitions.existing() == ({before.pk} if before else set())
    assert EncoderArtefact.objects.count() == (1 if before else 0)
    assert list(ActiveModel.objects.values_list("version", flat=True)) == ([before.pk] if before else [])
    assert not ModelVersion.objects.training().exists()


@pytest.fixture
def child_of(monkeypatch):
    """The process id of the training that this process started last."""
    started = []
    popen = subprocess.Popen

    def start(*args, **kwargs):
        process = popen(*args, **kwargs)
        started.append(process.pid)
        return process

    monkeypatch.setattr(runner.subprocess, "Popen", start)
    return started


def test_a_training_ends_with_a_served_version(log, plugins):
    version = runner.train("counting")
    assert ActiveModel.objects.get(algorithm="counting").version == version
    assert (version.status, version.item_count, version.dimensions) == (Status.READY, PRODUCTS, 4)
    assert (version.interaction_count, version.visitor_count) == (Interaction.objects.count(), SHOPPERS)
    times = Interaction.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
    assert (version.data_from, version.data_until) == (times.first(), times.last())
    assert version.info["resumed"] is True
    assert set(version.info["seconds"]) == {"reading", "fitting", "evaluating", "fitting on everything"}


def test_a_version_carries_its_figures_beside_the_baselines(log, plugins):
    metrics = runner.train("counting").metrics
    assert set(metrics) == {"split", "model", "popular", "history", "gate"}
    assert 0 < metrics["split"]["cases"] <= SHOPPERS
    assert metrics["split"]["interactions"] == pytest.approx(0.9 * Interaction.objects.count(), abs=2)
    for who in ("model", "popular", "history"):
        for part in ("all", "discovery"):
            assert set(metrics[who][part]) >= FIGURES
            assert all(0 <= metrics[who][part][name] <= 1 for name in FIGURES)


@pytest.mark.training
def test_als_learns_the_planted_tastes(log, configure):
    configure(ALGORITHMS={"als": {"BACKEND": "shop_recs.algorithms.als.ALS", "OPTIONS": {"factors": 8}}})
    metrics = runner.train("als").metrics
    better = metrics["model"]["discovery"]["ndcg@10"]
    assert better > metrics["popular"]["discovery"]["ndcg@10"]


def test_a_log_too_short_to_judge_is_learnt_from_all_the_same(log, plugins, configure):
    last = Interaction.objects.latest_first().values_list("pk", flat=True)[:300]
    moment = timezone.now() - timedelta(days=1)
    Interaction.objects.exclude(pk__in=list(last)).delete()
    Interaction.objects.update(occurred_at=moment)
    version = runner.train("counting")
    assert version.metrics["split"]["cases"] == 0
    assert version.metrics["split"]["reason"].startswith("not enough data")
    assert version.info["resumed"] is False


def test_too_little_data_is_refused_without_a_version(committed, plugins):
    with pytest.raises(NotEnoughInteractions, match="have 0 interactions, need 200"):
        runner.train("counting")
    assert not ModelVersion.objects.exists()


def test_an_algorithm_that_has_not_enough_leaves_no_version(log, plugins):
    with pytest.raises(NotEnoughInteractions, match="have 1 sequence, need 1000"):
        runner.train("choosy")
    assert not ModelVersion.objects.exists()


def test_an_unknown_algorithm_is_refused(log):
    with pytest.raises(UnknownAlgorithm):
        runner.train("alse")


def test_an_error_of_the_algorithm_is_written_on_the_version(log, plugins):
    with pytest.raises(TrainingFailed, match="the matrix is singular"):
        runner.train("failing")
    version = ModelVersion.objects.get()
    assert (version.status, version.error) == (Status.FAILED, "RuntimeError: the matrix is singular")
    assert_nothing_is_left()


def test_a_wrong_option_is_written_on_the_version(log, configure):
    configure(ALGORITHMS={"counting": PLUGINS["counting"] | {"OPTIONS": {"dimension": 3}}})
    with pytest.raises(TrainingFailed, match="unexpected keyword argument 'dimension'; known are dimensions"):
        runner.train("counting")


def test_a_killed_process_fails_its_version_and_the_old_one_serves_on(log, plugins, configure):
    before = runner.train("counting")
    configure(ALGORITHMS={"counting": PLUGINS["killed"]})
    with pytest.raises(TrainingFailed, match=r"killed by SIGKILL; out of memory\?"):
        runner.train("counting")
    assert ModelVersion.objects.first().status == Status.FAILED
    assert_nothing_is_left(before)


def test_a_second_training_is_refused_while_one_runs(log, plugins, until, child_of):
    thread, errors = in_background(lambda: runner.train("slow"))
    version = until(running)
    with pytest.raises(AlreadyRunning):
        runner.train("slow")
    lease.cancel(version)
    thread.join(30)
    assert [type(error) for error in errors] == [Superseded]
    assert len(child_of) == 1


def test_a_cancelled_run_stops_within_seconds_and_says_so(log, plugins, until):
    thread, _ = in_background(lambda: runner.train("slow"))
    version = until(running)
    assert runner.cancel(version)
    thread.join(10)
    assert not thread.is_alive()
    version.refresh_from_db()
    assert (version.status, version.error) == (Status.FAILED, "cancelled")
    assert_nothing_is_left()


def test_a_cancelled_run_that_does_not_listen_is_killed(log, plugins, until, monkeypatch, child_of):
    monkeypatch.setattr(runner, "CANCEL_SECONDS", 1.0)
    thread, _ = in_background(lambda: runner.train("deaf"))
    version = until(running)
    runner.cancel(version)
    thread.join(20)
    version.refresh_from_db()
    assert (version.status, version.error) == (Status.FAILED, "cancelled")
    assert not psutil.pid_exists(child_of[0])


def test_progress_is_told_while_it_goes_on(log, configure):
    slow = PLUGINS["slow"] | {"OPTIONS": {"seconds": 1.5}}
    configure(ALGORITHMS={"slow": slow})
    seen = []
    runner.train("slow", on_progress=lambda version: seen.append((version.phase, version.percent)))
    percents = [percent for _, percent in seen]
    assert percents == sorted(percents)
    assert {phase for phase, _ in seen} >= {"fitting: waiting", "fitting on everything: waiting"}


def test_an_error_of_who_watches_ends_the_run(log, plugins, child_of):
    def stumble(version):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner.train("slow", on_progress=stumble)
    assert ModelVersion.objects.get().error == "interrupted"
    assert not psutil.pid_exists(child_of[0])


def test_a_run_that_is_taken_over_stops(log, plugins, until):
    thread, errors = in_background(lambda: runner.train("slow"))
    version = until(running)
    ModelVersion.objects.filter(pk=version.pk).update(status=Status.FAILED, error="taken over")
    thread.join(20)
    assert [str(error) for error in errors] == [f"slow {version.pk}: taken over"]
    assert isinstance(errors[0], Superseded)


def test_a_version_deleted_meanwhile_ends_its_run(log, plugins, until):
    thread, errors = in_background(lambda: runner.train("slow"))
    version = until(running)
    ModelVersion.objects.filter(pk=version.pk).delete()
    thread.join(20)
    assert [type(error) for error in errors] == [Superseded]


def test_a_training_outlives_broken_connections(log, configure, until):
    configure(ALGORITHMS={"slow": PLUGINS["slow"] | {"OPTIONS": {"seconds": 1.5}}})
    thread, errors = in_background(lambda: runner.train("slow"))
    version = until(running)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] > 0
    thread.join(30)
    assert errors == []
    assert ActiveModel.objects.get().version == version


def test_a_request_that_is_asked_again_gets_the_version_it_got(log, plugins):
    request = uuid.uuid4()
    version = runner.train("counting", request=request)
    assert runner.train("counting", request=request) == version
    assert ModelVersion.objects.count() == 1


def test_a_cancelled_request_does_not_begin_again(log, plugins):
    request = uuid.uuid4()
    cancelled = {"status": Status.FAILED, "cancel_requested": True}
    ModelVersion.objects.create(algorithm="counting", lease=request, **cancelled)
    with pytest.raises(Superseded, match="cancelled"):
        runner.train("counting", request=request)


def test_a_request_that_was_refused_does_not_train_again(log, plugins):
    request = uuid.uuid4()
    ready = {"status": Status.READY, "refusal": "Its log is a bot's."}
    ModelVersion.objects.create(algorithm="counting", lease=request, **ready)
    with pytest.raises(Refused, match="trained but not published: Its log is a bot's"):
        runner.train("counting", request=request)
    assert ModelVersion.objects.count() == 1


def test_a_request_that_failed_three_times_is_given_up(log, plugins):
    request = uuid.uuid4()
    for _ in range(3):
        ModelVersion.objects.create(algorithm="counting", lease=request, status=Status.FAILED)
    with pytest.raises(TrainingFailed, match="Given up after 3 runs"):
        runner.train("counting", request=request)


def test_a_training_dies_with_the_process_that_asked_for_it(log, plugins, configure, until):
    configure(LEASE_SECONDS=2)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                """
            import django
            django.setup()
            from shop_recs.training.runner import train
            train("slow")
            """
            ),
        ],
        env={**os.environ, "SHOP_RECS_TEST_DATABASE": connection.settings_dict["NAME"]},
    )
    version = until(running)
    (child,) = psutil.Process(parent.pid).children()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not child.is_running())
    until(lambda: ModelVersion.objects.dead().exists())
    lease.acquire("slow")
    version.refresh_from_db()
    assert (version.status, version.error) == (Status.FAILED, "died: no heartbeat for 2 seconds")


def test_the_process_uses_the_threads_of_the_settings_and_is_nice(log, plugins, until, child_of, configure):
    configure(TRAINING_THREADS=3)
    thread, _ = in_background(lambda: runner.train("slow"))
    version = until(running)
    child = psutil.Process(child_of[0])
    assert child.environ()["OMP_NUM_THREADS"] == child.environ()["OPENBLAS_NUM_THREADS"] == "3"
    assert child.nice() >= 10
    runner.cancel(version)
    thread.join(20)


def test_no_transaction_stays_open_while_a_fit_goes_on(log, plugins, until, child_of):
    thread, _ = in_background(lambda: runner.train("slow"))
    version = until(running)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%%' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone() == (0,)
    runner.cancel(version)
    thread.join(20)
