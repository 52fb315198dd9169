"""What a shopper need not see is the same, whether the log is asked or what the context read of it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shop_recs import not_interested, recommended_for_you
from shop_recs.models import Interaction, Kind
from shop_recs.serving import context, eligible
from shop_recs.tracking.identity import Shopper
from tests.serving.versions import publish_vectors


@pytest.fixture
def log(visitor, products):
    """Record what a visitor did at random with the products, over some forty days."""

    def record(seed):
        draw = random.Random(seed)
        for product in products:
            for _ in range(draw.randrange(4)):
                Interaction.objects.create(
                    visitor=visitor,
                    product=product,
                    kind=draw.choice(list(Kind)),
                    occurred_at=timezone.now() - timedelta(days=draw.uniform(0, 40)),
                )

    return record


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("bought", "carted"), [(True, True), (True, False), (False, True)])
def test_events_tell_what_the_log_tells(log, visitor, products, seed, bought, carted):
    log(seed)
    shopper = Shopper(visitor.pk, None)
    read = context.of_shopper(shopper, using="default")
    assert read.tells_all
    asks = {"shopper": shopper, "bought": bought, "carted": carted}
    of_log = eligible.unwanted(**asks).taken_from(eligible.available())
    of_events = eligible.unwanted(**asks, events=read.events).taken_from(eligible.available())
    assert {product.pk for product in of_events} == {product.pk for product in of_log}
    assert "shop_recs_interaction" not in str(of_events.query)


def test_events_that_do_not_count_any_more_are_asked_of_the_log(visitor, did, products, request_of):
    publish_vectors("als", products, [[1.0, place] for place in range(len(products))])
    did(visitor, Kind.PURCHASE, products[1], days_ago=4)
    did(visitor, Kind.CART, products[2], days_ago=5)
    request = request_of(visitor)
    assert products[2] in recommended_for_you(request)
    not_interested(request, products[1])
    assert products[1] not in recommended_for_you(request)
    assert products[2] in recommended_for_you(request)


def test_a_history_that_was_not_read_to_its_end_is_asked_of_the_log(
    visitor, did, products, request_of, monkeypatch
):
    publish_vectors("als", products, [[1.0, place] for place in range(len(products))])
    did(visitor, Kind.PURCHASE, products[1], days_ago=60)
    did(visitor, Kind.VIEW, products[0], products[2])

    def asks_log():
        with CaptureQueriesContext(connection) as captured:
            assert products[1] not in recommended_for_you(request_of(visitor))
        return "shop_recs_interaction" in captured[1]["sql"]

    assert not asks_log()
    monkeypatch.setattr(context, "HISTORY_LENGTH", 2)
    assert asks_log()
