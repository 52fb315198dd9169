"""What is popular, what is trending, and after how many days something is bought again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shop_recs.models import Interaction, ItemScore, Kind, RepeatInterval, Visitor
from shop_recs.rollups.scores import roll_up_intervals, roll_up_scores

pytestmark = pytest.mark.django_db


@pytest.fixture
def happened():
    """Record that some visitors did something: `happened(product, visitors=3, days_ago=2)`."""

    def record(product, *, visitors=1, days_ago=0.5, kind=Kind.VIEW, segment="", times=1):
        for _ in range(visitors):
            visitor = Visitor.objects.create(segment=segment)
            for _ in range(times):
                Interaction.objects.create(
                    visitor=visitor,
                    product=product,
                    kind=kind,
                    occurred_at=timezone.now() - timedelta(days=days_ago),
                )

    return record


def ranked(ranking, segment=""):
    """The keys of a ranking, the best first."""
    scores = ItemScore.objects.filter(ranking=ranking, segment=segment).order_by("-score")
    return [score.product_id for score in scores]


def test_what_more_shoppers_chose_is_more_popular_however_often_one_came(products, happened):
    happened(products[0], visitors=3)
    happened(products[1], visitors=1, times=20)
    roll_up_scores()
    assert ranked("popular") == [products[0].pk, products[1].pk]


def test_a_purchase_weighs_more_than_a_view_and_what_is_old_less(products, happened):
    happened(products[0], kind=Kind.VIEW)
    happened(products[1], kind=Kind.PURCHASE)
    happened(products[2], kind=Kind.VIEW, days_ago=60)
    happened(products[3], kind=Kind.PURCHASE, days_ago=100)  # beyond POPULAR_DAYS
    roll_up_scores()
    assert ranked("popular") == [products[1].pk, products[0].pk, products[2].pk]


def test_a_trend_exceeds_what_the_weeks_before_let_one_expect(products, happened):
    steady, rising, fading = products[:3]
    for week in range(5):
        happened(steady, visitors=10, days_ago=7 * week + 3)
    happened(rising, visitors=6, days_ago=2)
    happened(rising, visitors=1, days_ago=20)
    happened(fading, visitors=9, days_ago=12)
    roll_up_scores()
    assert ranked("trending") == [rising.pk]
    assert ranked("popular")[0] == steady.pk


def test_segments_are_counted_apart_and_in_the_whole(products, happened):
    happened(products[0], visitors=2, segment="at")
    happened(products[1], visitors=3, segment="de")
    roll_up_scores()
    assert ranked("popular") == [products[1].pk, products[0].pk]
    assert ranked("popular", "at") == [products[0].pk]
    assert ranked("popular", "de") == [products[1].pk]


def test_rolling_up_again_replaces_what_is_no_more(products, happened):
    happened(products[0])
    roll_up_scores()
    Interaction.objects.all().delete()
    happened(products[1])
    roll_up_scores()
    assert ranked("popular") == [products[1].pk]
    Interaction.objects.all().delete()
    roll_up_scores()
    assert not ItemScore.objects.exclude(ranking="unchosen").exists()


def test_what_happens_in_the_future_does_not_count(products, happened):
    happened(products[0], days_ago=-2)
    roll_up_scores()
    assert not ItemScore.objects.exclude(ranking="unchosen").exists()


def test_the_interval_is_the_median_of_those_who_bought_again(products):
    coffee, sofa = products[:2]
    now = timezone.now()
    for gap in (20, 30, 70):
        visitor = Visitor.objects.create()
        for days_ago in (gap, 0):
            # Two lines of one day are one purchase.
            for _ in range(2):
                Interaction.objects.create(
                    visitor=visitor,
                    product=coffee,
                    kind=Kind.PURCHASE,
                    occurred_at=now - timedelta(days=days_ago),
                )
        Interaction.objects.create(visitor=visitor, product=sofa, kind=Kind.PURCHASE, occurred_at=now)
    roll_up_intervals()
    interval = RepeatInterval.objects.get()
    assert (interval.product_id, round(interval.days), interval.buyers) == (coffee.pk, 30, 3)


def test_what_nobody_chose_is_sampled_for_exploration(products, happened):
    happened(products[0])
    roll_up_scores()
    unchosen = ItemScore.objects.filter(ranking="unchosen")
    assert {score.product_id for score in unchosen} == {product.pk for product in products[1:]}
