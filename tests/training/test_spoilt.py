"""Spoilt data, trained on as any other: what was served before is served on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from shop_recs import tasks
from shop_recs.conf import get_product_model
from shop_recs.exceptions import NotEnoughInteractions, Refused, TrainingFailed
from shop_recs.models import ActiveModel, Interaction, Kind, ModelVersion, Visitor
from shop_recs.training import dataset, runner
from shop_recs.training.gate import DESCRIBED, Gate
from tests.training.conftest import PLUGINS, served, store


@pytest.fixture
def before(log, plugins):
    """What is served: a version that learnt from a good log."""
    version = store("counting", log)
    ModelVersion.objects.update(interaction_count=Interaction.objects.count())
    return version


def served_on(version):
    """Whether a version is served, all of it and nothing else."""
    versions, _, rows = served("counting")
    return (versions, rows) == ({version.pk}, version.item_count)


def leave(count):
    """Delete all interactions but the newest."""
    kept = Interaction.objects.latest_first().values_list("pk", flat=True)[:count]
    Interaction.objects.exclude(pk__in=list(kept)).delete()


def visit(visitor, products, times):
    """One visitor looks at all products, over and over again."""
    now = timezone.now()
    Interaction.objects.bulk_create(
        Interaction(
            visitor=visitor, product=product, kind=Kind.VIEW, occurred_at=now - timedelta(minutes=minute)
        )
        for minute in range(times)
        for product in products
    )


def refused(version):
    """Why the version that was trained last is not served."""
    newest = ModelVersion.objects.latest("pk")
    assert (newest.status, newest.is_refused) == (ModelVersion.Status.READY, True)
    assert newest.pk > version.pk
    return newest.refusal


def test_an_empty_log(before):
    Interaction.objects.all().delete()
    with pytest.raises(NotEnoughInteractions, match="have 0 interactions"):
        runner.train("counting")
    assert served_on(before)


def test_a_log_cut_to_a_hundredth(before, configure):
    leave(Interaction.objects.count() // 100)
    with pytest.raises(NotEnoughInteractions, match="have 4 interactions"):
        runner.train("counting")
    # A larger shop has still enough to train on; only beside what there was does it show.
    configure(MIN_INTERACTIONS=4, MIN_VISITORS=1, MIN_PRODUCTS=1)
    with pytest.raises(Refused, match="The log has 4 interactions to learn from"):
        runner.train("counting")
    assert f"counting {before.pk} had 400" in refused(before)
    assert served_on(before)


def test_a_log_of_one_shopper(before):
    Interaction.objects.update(visitor=Visitor.objects.first())
    with pytest.raises(NotEnoughInteractions, match="have 1 shopper"):
        runner.train("counting")
    assert served_on(before)


def test_a_log_of_one_product(before, log):
    Interaction.objects.update(product=log[0])
    with pytest.raises(NotEnoughInteractions, match="have 1 product"):
        runner.train("counting")
    assert served_on(before)


def test_prices_that_are_no_numbers(before, configure):
    ModelVersion.objects.update(info={DESCRIBED: {"price": 1.0}})
    table = get_product_model()._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET price = 'NaN'")
    configure(ITEM_FEATURES=["price"])
    with pytest.raises(Refused, match="0% of the products have a usable 'price'"):
        runner.train("counting")
    assert refused(before)
    assert served_on(before)


def test_a_log_of_one_bot(before, log):
    leave(100)
    visit(Visitor.objects.create(), log, times=50)
    assert Interaction.objects.count() == 1300
    answer = tasks.train.apply(args=["counting"]).get()
    assert "is trained but not published" in answer
    assert "of the interactions are of one visitor: a bot, or a test?" in answer
    assert refused(before) in answer
    assert served_on(before)


def test_a_bot_that_is_capped_among_many_shoppers_spoils_nothing(before, log):
    visit(Visitor.objects.create(), log, times=200)
    assert Interaction.objects.count() == 5200  # of which it made more than nine in ten
    gate = Gate(before)
    gate.look_at_log(dataset.read().data)
    assert gate.refusal == ""


def test_vectors_that_are_no_numbers(before, configure):
    configure(ALGORITHMS={"counting": PLUGINS["diverging"]})
    with pytest.raises(TrainingFailed, match="item_vectors has NaN"):
        runner.train("counting")
    assert served_on(before)


def test_a_good_log_is_published_and_the_next_training_is_judged_beside_it(log, plugins, configure):
    configure(HOLDOUT=0.3)
    first = runner.train("counting")
    assert "active" not in first.metrics["gate"]
    second = runner.train("counting")
    assert ActiveModel.objects.get().version == second
    assert second.metrics["gate"]["active"]["difference"] == 0
    assert second.metrics["gate"]["cases"] >= 30
