"""The tasks, run by real Celery workers that live and die."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from shop_recs.exceptions import Superseded, TrainingFailed
from shop_recs.models import ActiveModel, Impression, ItemScore, ModelVersion, Visitor
from shop_recs.training import lease
from tests.training import workers
from tests.training.conftest import PLUGINS, orphans

Status = ModelVersion.Status
SECONDS = 60


ALGORITHMS = {
    "counting": PLUGINS["counting"],
    "brief": PLUGINS["slow"] | {"OPTIONS": {"seconds": 1.0}},
    "slow": PLUGINS["slow"] | {"OPTIONS": {"seconds": 60}},
}
LADDER = ["slow", "counting", "brief", "popular"]
SETTINGS = {"ALGORITHMS": ALGORITHMS, "LADDER": LADDER, "LEASE_SECONDS": 2}


@pytest.fixture(scope="module")
def office(django_db_setup, tmp_path_factory):
    """What sends tasks, a worker that all tests share, and its log."""
    folder = tmp_path_factory.mktemp("broker")
    conf = workers.filesystem(folder)
    with workers.worker(conf, settings=SETTINGS, log=folder / "worker.log") as process:
        yield workers.application(conf), process, folder / "worker.log"


@pytest.fixture
def app(office):
    return office[0]


@pytest.fixture
def worker(office):
    return office[1]


@pytest.fixture
def worker_log(office):
    return office[2]


def train(app, algorithm, *, task_id=None):
    return app.send_task("shop_recs.tasks.train", [algorithm], task_id=task_id)


def fitting():
    return ModelVersion.objects.training().filter(phase__startswith="fitting").first()


def statuses():
    return list(ModelVersion.objects.order_by("pk").values_list("status", flat=True))


def test_a_worker_trains_what_it_is_told(log, app):
    answer = train(app, "counting").get(SECONDS)
    assert answer == f"published {ActiveModel.objects.get().version}"


def test_a_worker_trains_every_algorithm_of_the_ladder(log, app, until):
    app.send_task("shop_recs.tasks.train_all")
    until(lambda: set(ActiveModel.objects.values_list("pk", flat=True)) == {"counting", "popular", "brief"})
    slow = until(lambda: ModelVersion.objects.of("slow").first())
    lease.cancel(slow)
    until(lambda: not ModelVersion.objects.training().exists())


def test_a_worker_answers_too_little_data_in_words(committed, app):
    answer = train(app, "counting").get(SECONDS)
    assert answer.startswith("not enough data: have 0 interactions, need 200")
    assert statuses() == []


def test_a_worker_cleans_up_after_the_dead_and_what_is_old(committed, app):
    dead = lease.acquire("sasrec")
    dead.held().update(heartbeat_at=timezone.now() - timedelta(hours=1))
    Impression.objects.create(
        visitor=Visitor.objects.create(),
        recommendation_id=uuid.uuid4(),
        products={},
        seen_at=timezone.now() - timedelta(days=400),
    )
    app.send_task("shop_recs.tasks.clean_up").get(SECONDS)
    assert statuses() == [Status.FAILED]
    assert not Impression.objects.exists()


def test_a_worker_rolls_up_what_is_popular_and_what_is_bought_together(log, app):
    app.send_task("shop_recs.tasks.roll_up").get(SECONDS)
    assert ItemScore.objects.filter(ranking="popular").count() == len(log)
    app.send_task("shop_recs.tasks.roll_up_bought_together").get(SECONDS)
    served = ActiveModel.objects.filter(algorithm__in=["bought_together", "also_bought"])
    assert {active.version.status for active in served} == {Status.READY}


def test_a_second_request_is_answered_while_the_first_runs(log, app, until):
    first = train(app, "slow")
    until(fitting)
    assert train(app, "slow").get(SECONDS) == "already running"
    lease.cancel(ModelVersion.objects.get())
    with pytest.raises(Superseded, match="cancelled"):
        first.get(SECONDS)


def test_one_message_delivered_twice_at_once_trains_once(log, app, worker_log, until):
    task_id = str(uuid.uuid4())
    train(app, "brief", task_id=task_id)
    until(fitting)
    answer = train(app, "brief", task_id=task_id)
    until(lambda: worker_log.read_text().count(f"[{task_id}] succeeded") == 2)
    assert answer.get(SECONDS).startswith("published")
    assert statuses() == [Status.READY]


def test_a_cancelled_task_ends_soon_and_leaves_nothing(log, app, until):
    answer = train(app, "slow")
    version = until(fitting)
    lease.cancel(version)
    with pytest.raises(Superseded, match="cancelled"):
        answer.get(SECONDS)
    assert statuses() == [Status.FAILED]
    assert orphans() == set()


def test_a_killed_training_process_fails_its_task(log, app, worker, until):
    answer = train(app, "slow")
    until(fitting)
    _, child = workers.trainer(worker)
    child.kill()
    with pytest.raises(TrainingFailed, match="killed by SIGKILL"):
        answer.get(SECONDS)
    assert statuses() == [Status.FAILED]


def test_a_task_whose_process_is_killed_runs_again(log, app, worker, until):
    answer = train(app, "brief")
    until(fitting)
    process, child = workers.trainer(worker)
    process.kill()
    until(lambda: not child.is_running())
    assert answer.get(SECONDS).startswith("published")
    assert statuses() == [Status.FAILED, Status.READY]
    assert ModelVersion.objects.last().error == "died: no heartbeat for 2 seconds"
    assert orphans() == set()


def test_a_message_that_redis_delivers_again_meanwhile_trains_once(log, tmp_path, until):
    text = tmp_path / "worker.log"
    with (
        workers.redis(tmp_path, visibility_timeout=1) as conf,
        workers.worker(conf, settings=SETTINGS, log=text),
    ):
        answer = train(workers.application(conf), "brief")
        assert answer.get(SECONDS).startswith("published")
    assert text.read_text().count(f"[{answer.id}] received") > 1
    assert statuses() == [Status.READY]


def test_what_a_killed_worker_began_another_one_finishes(log, tmp_path, until):
    with workers.redis(tmp_path, visibility_timeout=4) as conf:
        with workers.worker(conf, settings=SETTINGS) as first:
            answer = train(workers.application(conf), "brief")
            until(fitting)
            _, child = workers.trainer(first)
            workers.kill(first)
            until(lambda: not child.is_running())
        with workers.worker(conf, settings=SETTINGS):
            assert answer.get(SECONDS).startswith("published")
    assert statuses() == [Status.FAILED, Status.READY]
    assert orphans() == set()
