"""The log as a training reads it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models import Manager
from django.utils import timezone

from shop_recs.algorithms.base import SECONDS_PER_DAY
from shop_recs.conf import get_product_model
from shop_recs.exceptions import NotEnoughInteractions
from shop_recs.models import Interaction, Kind, Visitor
from shop_recs.training import dataset
from tests.training.conftest import in_a_thread

TINY = {"MIN_INTERACTIONS": 1, "MIN_VISITORS": 1, "MIN_PRODUCTS": 1}


@pytest.fixture
def tiny(committed, configure, make_product):
    """Three products and a log that is never too small."""
    configure(**TINY, HALF_LIFE_DAYS=None)
    return [make_product(f"Product {number}") for number in range(3)]


def happened(product, *, visitor=None, kind=Kind.VIEW, days_ago=1.0, **fields):
    moment = timezone.now() - timedelta(days=days_ago)
    visitor = visitor or Visitor.objects.create()
    return Interaction.objects.create(
        visitor=visitor, product=product, kind=kind, occurred_at=moment, **fields
    )


def test_columns_say_who_did_what_when(tiny):
    visitor = Visitor.objects.create()
    last = happened(tiny[2], visitor=visitor, kind=Kind.PURCHASE, days_ago=1)
    first = happened(tiny[0], visitor=visitor, kind=Kind.VIEW, days_ago=2)
    read = dataset.read()
    data = read.data
    assert [read.product_keys[item] for item in data.items] == [tiny[0].pk, tiny[2].pk]
    assert data.kinds.tolist() == [Kind.VIEW, Kind.PURCHASE]
    assert data.times == pytest.approx([first.occurred_at.timestamp(), last.occurred_at.timestamp()])
    assert data.now == data.times.max()
    assert (data.n_users, data.n_items) == (1, 3)
    assert (data.users.dtype, data.items.dtype, data.kinds.dtype, data.weights.dtype) == (
        np.int32,
        np.int32,
        np.int8,
        np.float32,
    )
    assert (read.first_at, read.last_at) == (first.occurred_at, last.occurred_at)


def test_rows_are_sorted_by_person_and_then_by_time(log):
    data = dataset.read().data
    assert (np.diff(data.users) >= 0).all()
    assert sorted(set(data.users.tolist())) == list(range(data.n_users))
    same = np.diff(data.users) == 0
    assert (np.diff(data.times)[same] >= 0).all()


def test_two_readings_of_one_log_are_equal_to_the_bit(log):
    moment = timezone.now() - timedelta(days=1)
    Interaction.objects.update(occurred_at=moment)
    first, second = dataset.read().data, dataset.read().data
    for column in ("users", "items", "kinds", "times", "weights"):
        assert getattr(first, column).tobytes() == getattr(second, column).tobytes()


def test_all_visitors_of_a_user_are_one_person(tiny, django_user_model):
    user = django_user_model.objects.create(username="ada")
    for owner in (user, user, None, None):
        happened(tiny[0], visitor=Visitor.objects.create(user=owner))
    assert dataset.read().data.n_users == 3


def test_deleted_products_and_visitors_leave_no_rows(tiny):
    happened(tiny[0])
    happened(tiny[1])
    Visitor.objects.filter(pk=happened(tiny[2]).visitor_id)._raw_delete("default")
    tiny[1].delete()
    read = dataset.read()
    assert len(read.data) == 1
    assert read.product_keys == sorted([tiny[0].pk, tiny[2].pk])


class Hiding(Manager):
    """A manager that hides products, as shops write them for soft deletion."""

    def get_queryset(self):
        return super().get_queryset().exclude(name="hidden")


def test_products_that_the_shops_manager_hides_move_no_others(tiny, monkeypatch):
    hidden, *_, seen = sorted(tiny, key=lambda product: product.pk)
    get_product_model().objects.filter(pk=hidden.pk).update(name="hidden")
    hiding = Hiding()
    hiding.model = get_product_model()
    monkeypatch.setitem(vars(hiding.model._meta), "base_manager", hiding)
    happened(seen)
    read = dataset.read()
    assert [read.product_keys[item] for item in read.data.items] == [seen.pk]


def test_an_interaction_dated_ahead_does_not_fade_the_others(tiny, configure):
    configure(HALF_LIFE_DAYS=1)
    happened(tiny[0], days_ago=1)
    happened(tiny[0], days_ago=-4_000)
    assert dataset.read().data.weights.tolist() == [1.0]


def test_weights_are_those_of_the_kind_halved_by_age(tiny, configure):
    configure(HALF_LIFE_DAYS=10, INTERACTION_WEIGHTS={"purchase": 8})
    visitor = Visitor.objects.create()
    for days_ago, kind in ((21, Kind.VIEW), (11, Kind.PURCHASE), (1, Kind.VIEW)):
        happened(tiny[0], visitor=visitor, kind=kind, days_ago=days_ago)
    data = dataset.read().data
    assert data.weights == pytest.approx([0.25, 4.0, 1.0], rel=1e-3)
    assert data.half_life_days == 10
    assert data.kind_weights[[Kind.VIEW, Kind.PURCHASE]].tolist() == [1.0, 8.0]


def test_of_one_visitor_and_product_only_the_most_recent_count(tiny, configure):
    configure(MAX_PER_PAIR=2)
    visitor = Visitor.objects.create()
    for days_ago in (1, 2, 3, 4):
        happened(tiny[0], visitor=visitor, days_ago=days_ago)
    happened(tiny[1], visitor=visitor, days_ago=5)
    data = dataset.read().data
    ages = (timezone.now().timestamp() - data.times) / SECONDS_PER_DAY
    assert ages == pytest.approx([5, 2, 1], abs=0.01)


def test_of_one_visitor_only_the_most_recent_count(tiny, configure):
    configure(MAX_PER_VISITOR=2)
    visitor = Visitor.objects.create()
    for days_ago, product in ((3, tiny[0]), (2, tiny[1]), (1, tiny[2])):
        happened(product, visitor=visitor, days_ago=days_ago)
    happened(tiny[0], days_ago=10)
    read = dataset.read()
    counts = np.bincount(read.data.users)
    assert sorted(counts.tolist()) == [1, 2]
    kept = read.data.items[read.data.users == counts.argmax()]
    assert [read.product_keys[item] for item in kept] == [tiny[1].pk, tiny[2].pk]


def test_training_days_leave_older_interactions_out(tiny, configure):
    configure(TRAINING_DAYS=30)
    happened(tiny[0], days_ago=29)
    happened(tiny[0], days_ago=31)
    assert len(dataset.read().data) == 1


def test_what_is_recorded_during_the_reading_is_not_read(tiny):
    happened(tiny[0])

    def record_elsewhere(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        if get_product_model()._meta.db_table in str(sql):
            in_a_thread(lambda: happened(tiny[1]))
        return answer

    with connection.execute_wrapper(record_elsewhere):
        read = dataset.read()
    assert Interaction.objects.count() == 2
    assert len(read.data) == 1


def test_a_small_log_is_refused_with_what_is_there_and_what_is_needed(committed, configure, make_product):
    configure(MIN_INTERACTIONS=5, MIN_VISITORS=2, MIN_PRODUCTS=1)
    visitor, product = Visitor.objects.create(), make_product()
    for _ in range(3):
        happened(product, visitor=visitor)
    message = "^not enough data: have 3 interactions, need 5; have 1 shoppers, need 2$"
    with pytest.raises(NotEnoughInteractions, match=message):
        dataset.require_enough()
    with pytest.raises(NotEnoughInteractions, match=message):
        dataset.read()


def test_an_empty_log_is_refused(committed, make_product):
    make_product()
    with pytest.raises(NotEnoughInteractions, match="have 0 interactions, need 200"):
        dataset.read()


def test_asking_whether_the_log_suffices_looks_at_a_part_of_it(log, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(dataset, "ROWS_LOOKED_AT", 5)
    with django_assert_num_queries(1):
        dataset.require_enough()


@pytest.mark.parametrize("key", [uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)])
def test_visitors_of_any_key_are_read(tiny, key):
    happened(tiny[0], visitor=Visitor.objects.create(pk=key))
    assert dataset.read().data.n_users == 1
