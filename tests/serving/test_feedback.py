"""What a shopper hides, or is not interested in, is gone from every list that is his."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shop_recs import recommend, recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import Feedback, FeedbackKind, Kind, Visitor
from shop_recs.serving.querysets import RecommendableQuerySet
from tests.serving.versions import publish_popularity

HIDE, NOT_INTERESTED = FeedbackKind.HIDE, FeedbackKind.NOT_INTERESTED


@pytest.fixture
def says(db):
    """Give feedback: `says(visitor, HIDE, chair)`."""

    def give(visitor, kind, product, *, days_ago=0.0):
        moment = timezone.now() - timedelta(days=days_ago)
        return Feedback.objects.create(visitor=visitor, kind=kind, product=product, created_at=moment)

    return give


@pytest.mark.parametrize("kind", FeedbackKind)
def test_what_is_hidden_is_in_no_list_of_the_visitor(als, shelves, visitor, did, request_of, says, kind):
    chairs, lamps = shelves
    publish_popularity(chairs + lamps)
    did(visitor, Kind.VIEW, *chairs[:3])
    says(visitor, kind, chairs[4])
    request = request_of(visitor)
    queryset = RecommendableQuerySet(get_product_model())
    for products in (
        recommended_for_you(request, limit=10),
        similar_items(chairs[0], request=request, limit=10),
        recommend("similar-items", request, seeds=chairs[0], limit=10),
        recommend("trending", request, limit=10),
        recommend("recommended-for-you", request, limit=10),
        queryset.recommended_for(request),
    ):
        assert len(products) >= 8
        assert chairs[4] not in products


def test_a_list_of_the_own_past_keeps_silent_of_it_too(shelves, visitor, did, request_of, says):
    chairs, _ = shelves
    did(visitor, Kind.VIEW, *chairs)
    says(visitor, HIDE, chairs[2])
    assert set(recommend("recently-viewed", request_of(visitor))) == {*chairs} - {chairs[2]}


def test_who_puts_products_of_his_own_in_order_keeps_them_all(als, shelves, visitor, did, request_of, says):
    chairs, _ = shelves
    did(visitor, Kind.VIEW, chairs[0])
    says(visitor, NOT_INTERESTED, chairs[1])
    found = get_product_model().objects.filter(pk__in=[chair.pk for chair in chairs])
    assert set(recommend("rank", request_of(visitor), products=found)) == set(chairs)


def test_nobody_elses_lists_change(als, shelves, visitor, request_of, says):
    chairs, _ = shelves
    says(visitor, HIDE, chairs[4])
    assert chairs[4] in recommended_for_you(request_of(Visitor.objects.create()), limit=10)
    assert chairs[4] in similar_items(chairs[0], limit=10)


def test_it_counts_on_all_devices_of_a_user_and_for_no_copy_of_an_old_cookie(
    als, shelves, request_of, says, django_user_model
):
    chairs, _ = shelves
    ada = django_user_model.objects.create(username="ada")
    phone = Visitor.objects.create(user=ada)
    says(phone, HIDE, chairs[4])
    assert chairs[4] not in recommended_for_you(request_of(user=ada), limit=10)
    assert chairs[4] in recommended_for_you(request_of(phone), limit=10)


def test_of_what_one_is_not_interested_in_nothing_follows(als, shelves, visitor, did, request_of, says):
    chairs, lamps = shelves
    did(visitor, Kind.VIEW, chairs[0], days_ago=1)
    did(visitor, Kind.VIEW, *lamps[:1] * 5)

    def shelves_shown():
        recs = recommended_for_you(request_of(visitor), limit=2)
        return {product.name.split()[0] for product in recs}

    assert shelves_shown() == {"Lamp"}
    opinion = says(visitor, NOT_INTERESTED, lamps[0])
    assert shelves_shown() == {"Chair"}
    opinion.delete()
    assert shelves_shown() == {"Lamp"}


def test_of_what_is_only_hidden_the_rest_follows(als, shelves, visitor, did, request_of, says):
    _, lamps = shelves
    did(visitor, Kind.VIEW, lamps[0])
    says(visitor, HIDE, lamps[0])
    recs = recommended_for_you(request_of(visitor), limit=4)
    assert set(recs) == set(lamps[1:])


@pytest.mark.parametrize("kind", [Kind.CART, Kind.PURCHASE])
def test_who_takes_it_after_all_is_interested(als, shelves, visitor, did, request_of, says, settings, kind):
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_PURCHASED": False, "CART": __name__ + ".nothing"}
    _, lamps = shelves
    did(visitor, Kind.VIEW, lamps[0], days_ago=3)
    says(visitor, NOT_INTERESTED, lamps[0], days_ago=2)
    did(visitor, Kind.VIEW, lamps[0], days_ago=1.5)
    assert recommended_for_you(request_of(visitor)).rung != "als"
    did(visitor, kind, lamps[0], days_ago=1)
    recs = recommended_for_you(request_of(visitor), limit=5)
    assert recs.rung == "als"
    assert lamps[0] in recs


def test_what_was_taken_before_stays_out(als, shelves, visitor, did, request_of, says, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_PURCHASED": False}
    _, lamps = shelves
    did(visitor, Kind.PURCHASE, lamps[0], days_ago=3)
    says(visitor, NOT_INTERESTED, lamps[0], days_ago=2)
    recs = recommended_for_you(request_of(visitor), limit=10)
    assert lamps[0] not in recs
    assert recs.rung != "als"


def test_it_costs_no_statement(
    als, shelves, visitor, did, request_of, says, django_user_model, django_assert_num_queries
):
    chairs, lamps = shelves
    ada = django_user_model.objects.create(username="ada")
    Visitor.objects.filter(pk=visitor.pk).update(user=ada)
    did(visitor, Kind.VIEW, lamps[0])
    says(visitor, NOT_INTERESTED, lamps[1])
    says(visitor, HIDE, lamps[2])
    request = request_of(visitor, user=ada)
    with django_assert_num_queries(2):
        assert set(recommended_for_you(request, limit=3)) == {lamps[0], lamps[3], lamps[4]}
    with django_assert_num_queries(2):
        similar_items(chairs[0], request=request, limit=4)
    with django_assert_num_queries(2):
        recommend("similar-items", request, seeds=[chairs[0].pk], limit=4)


def nothing(request):
    return []
