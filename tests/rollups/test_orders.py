"""What is bought together: by lift, and never below the support."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import combinations

import pytest
from django.utils import timezone

from shop_recs.conf import settings as ours
from shop_recs.models import ActiveModel, Interaction, ItemNeighbour, Kind, ModelVersion, Visitor
from shop_recs.rollups.orders import roll_up_orders
from shop_recs.training import partitions


@pytest.fixture
def committed(transactional_db):
    yield
    for version_id in partitions.existing():
        partitions.drop(version_id)


@pytest.fixture
def bought(committed):
    """Record an order of a new visitor, or of this one."""

    def record(*products, order="", visitor=None, days_ago=1):
        visitor = visitor or Visitor.objects.create()
        for product in products:
            Interaction.objects.create(
                visitor=visitor,
                product=product,
                kind=Kind.PURCHASE,
                order_reference=order,
                occurred_at=timezone.now() - timedelta(days=days_ago),
            )
        return visitor

    return record


def neighbours(name, product):
    """What goes with a product in the active version: key to support, the best first."""
    version = ActiveModel.objects.get(algorithm=name).version
    rows = ItemNeighbour.objects.filter(version=version, product=product).order_by("-score")
    return {row.neighbour_id: row.support for row in rows}


def test_a_pair_needs_so_many_distinct_buyers(bought, products):
    tea, cup, spoon = products[:3]
    for number in range(5):
        bought(tea, cup, order=f"T{number}")
    for number in range(4):
        bought(tea, spoon, order=f"S{number}")
    again = bought(tea, spoon, order="S4a")
    for number in range(20):
        bought(tea, spoon, order=f"again{number}", visitor=again)
    for number in range(40):
        bought(products[5 + number % 5], order=f"other{number}")
    roll_up_orders()
    assert neighbours("bought_together", cup) == {tea.pk: 5}
    assert spoon.pk in neighbours("bought_together", tea)  # a fifth buyer came
    Interaction.objects.filter(visitor=again).delete()
    roll_up_orders()
    assert neighbours("bought_together", tea) == {cup.pk: 5}


def test_what_is_in_every_order_goes_with_nothing_by_lift(bought, products):
    bag, tea, cup = products[:3]
    for number in range(30):
        bought(bag, *((tea, cup) if number % 3 == 0 else (products[3 + number % 6],)), order=f"o{number}")
    roll_up_orders()
    # The bag meets tea more often than the cup does, and no more often than anything.
    assert list(neighbours("bought_together", tea)) == [cup.pk]


def test_lift_is_that_of_the_definition(bought, products):
    orders = [products[:2]] * 20 + [products[:1]] * 4 + [products[1:2]] * 2 + [products[4:6]] * 40
    for number, order in enumerate(orders):
        bought(*order, order=f"o{number}")
    roll_up_orders()
    row = ItemNeighbour.objects.get(
        version__algorithm="bought_together", product=products[0], neighbour=products[1]
    )
    lift = 20 * 66 / (24 * 22)
    assert row.score == pytest.approx(lift * math.exp(-1.645 / math.sqrt(20)), rel=1e-4)


def test_also_bought_joins_what_the_same_people_bought_in_different_orders(bought, products):
    lamp, bulb = products[:2]
    for number in range(5):
        visitor = bought(lamp, order=f"L{number}", days_ago=30)
        bought(bulb, order=f"B{number}", visitor=visitor)
    for number in range(20):
        bought(products[4 + number % 6], order=f"o{number}")
    roll_up_orders()
    assert neighbours("also_bought", lamp) == {bulb.pk: 5}
    assert neighbours("bought_together", lamp) == {}


def test_old_versions_go_and_an_empty_log_is_no_error(bought, products, settings):
    settings.SHOP_RECS = {**settings.SHOP_RECS, "KEEP_VERSIONS": 1}
    for _ in range(4):
        roll_up_orders()
    ready = ModelVersion.objects.of("bought_together").ready()
    assert ready.count() == 1 + ours.KEEP_VERSIONS
    assert {version.pair_count for version in ready} == {0}


def test_huge_baskets_say_nothing(bought, make_product):
    many = [make_product(f"P{number}") for number in range(101)]
    for number in range(5):
        bought(*many, order=f"o{number}")
    roll_up_orders()
    assert not any(neighbours("bought_together", product) for product, _ in combinations(many[:3], 2))
