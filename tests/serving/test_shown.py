"""How often a product was shown to a shopper who left it alone."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from shop_recs.models import Impression, Interaction, Kind, Placement, Visitor
from shop_recs.serving import context
from shop_recs.serving.asking import Asked
from shop_recs.tracking.identity import Shopper

DAYS = 14


@pytest.fixture(autouse=True)
def _home(db):
    """A placement that makes something of what was shown."""
    Placement.objects.create(slug="home", kind="recommended_for_you", fatigue=0.5)


@pytest.fixture
def saw(db):
    """Record an impression: `saw(visitor, chair, lamp, days_ago=3)`."""

    def record(visitor, *products, days_ago=0.0):
        ranks = {str(product.pk): rank for rank, product in enumerate(products, start=1)}
        moment = timezone.now() - timedelta(days=days_ago)
        Impression.objects.create(
            visitor=visitor, recommendation_id=uuid.uuid4(), products=ranks, seen_at=moment
        )

    return record


def shown_to(visitor=None, user=None):
    shopper = Shopper(visitor and visitor.pk, user and user.pk)
    return dict(context.of_shopper(shopper, using="default", asked=Asked(["home"], fatigue_of=shopper)).shown)


def test_each_showing_of_the_last_two_weeks_counts(shelves, visitor, saw):
    chairs, _ = shelves
    saw(visitor, *chairs[:2])
    saw(visitor, chairs[1], days_ago=DAYS - 1)
    saw(visitor, chairs[1], days_ago=DAYS + 1)
    assert shown_to(visitor) == {chairs[0].pk: 1, chairs[1].pk: 2}


def test_a_click_starts_the_count_anew(shelves, visitor, saw, did):
    chairs, _ = shelves
    for days_ago in (3, 2, 1):
        saw(visitor, *chairs[:2], days_ago=days_ago)
    did(visitor, Kind.VIEW, chairs[0], days_ago=1.5)
    assert shown_to(visitor) == {chairs[0].pk: 1, chairs[1].pk: 3}


def test_a_click_that_is_stored_a_moment_before_its_impression_is_one(shelves, visitor, saw, did):
    chairs, _ = shelves
    did(visitor, Kind.VIEW, chairs[0], days_ago=1)  # a minute before
    saw(visitor, chairs[0], days_ago=1 + 30 / 86_400)
    assert shown_to(visitor) == {}


def test_a_user_is_all_his_devices(shelves, saw, did, django_user_model):
    chairs, _ = shelves
    ada = django_user_model.objects.create(username="ada")
    phone, laptop, stranger = (Visitor.objects.create(user=owner) for owner in (ada, ada, None))
    for device in (phone, laptop, stranger):
        saw(device, *chairs[:2], days_ago=1)
    did(laptop, Kind.VIEW, chairs[0])
    assert shown_to(user=ada) == {chairs[1].pk: 2}
    assert shown_to(phone) == {}  # a copy of the cookie from before the login


def test_it_is_read_where_it_is_asked_for_and_takes_no_statement(
    als, shelves, visitor, saw, django_assert_num_queries
):
    chairs, _ = shelves
    saw(visitor, chairs[0])
    shopper = Shopper(visitor.pk, None)
    with django_assert_num_queries(1):
        assert shown_to(visitor) == {chairs[0].pk: 1}
    with django_assert_num_queries(1):
        read = context.of_products([chairs[1].pk], using="default", asked=Asked(["home"], fatigue_of=shopper))
    assert dict(read.shown) == {chairs[0].pk: 1}
    assert [event.product for event in read.events] == [chairs[1].pk]
    for asked in (Asked(), Asked(["home"]), Asked(["trending"], fatigue_of=shopper)):
        assert context.of_shopper(shopper, using="default", asked=asked).shown == {}


def test_a_placement_of_the_settings_may_ask_for_it(shelves, visitor, saw, settings):
    chairs, _ = shelves
    saw(visitor, chairs[0])
    Placement.objects.all().delete()
    assert shown_to(visitor) == {}
    entry = {"KIND": "recommended_for_you", "FATIGUE": 0.5}
    settings.SHOP_RECS = settings.SHOP_RECS | {"PLACEMENTS": {"home": entry}}
    assert shown_to(visitor) == {chairs[0].pk: 1}


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_one_counts_by_hand(products, visitor, seed):
    draw = random.Random(seed)
    now = timezone.now()
    moments = [now - timedelta(days=draw.uniform(0.01, 2 * DAYS)) for _ in range(80)]
    lists = [(moment, draw.sample(products, 4)) for moment in moments[:50]]
    choices = [(moment, draw.choice(products)) for moment in moments[50:]]
    for moment, chosen in lists:
        ranks = {str(product.pk): rank for rank, product in enumerate(chosen, start=1)}
        Impression.objects.create(
            visitor=visitor, recommendation_id=uuid.uuid4(), products=ranks, seen_at=moment
        )
    for moment, product in choices:
        Interaction.objects.create(visitor=visitor, product=product, kind=Kind.VIEW, occurred_at=moment)
    expected = Counter(
        product.pk
        for seen_at, chosen in lists
        for product in chosen
        if seen_at > now - timedelta(days=DAYS)
        and not any(taken == product and moment > seen_at for moment, taken in choices)
    )
    assert shown_to(visitor) == expected
