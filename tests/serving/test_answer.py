"""What a shopper is shown, in which order, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from shop_recs import recommended_for_you, record_view, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import ActiveModel, Interaction, Kind, Visitor
from shop_recs.serving import context
from shop_recs.tracking import identity
from shop_recs.tracking.identity import Shopper
from tests.serving.versions import publish_popularity, publish_vectors


def names(products):
    return [product.name for product in products]


def shelf_of(products):
    return [product.name.split()[0] for product in products]


def test_a_list_begins_with_what_is_like_the_visitors_history(als, shelves, visitor, did, request_of):
    chairs, _ = shelves
    did(visitor, Kind.VIEW, chairs[0], chairs[1])
    recs = recommended_for_you(request_of(visitor), limit=5)
    assert shelf_of(recs) == ["Chair"] * 5
    assert (recs.rung, recs.version) == ("als", als.pk)


def test_products_are_the_shops_own_instances_in_order_of_their_score(als, shelves, visitor, did, request_of):
    did(visitor, Kind.VIEW, shelves[0][0])
    recs = recommended_for_you(request_of(visitor), limit=10)
    assert {type(product) for product in recs} == {get_product_model()}
    assert [product.recommendation.rank for product in recs] == list(range(1, 11))
    scores = [product.recommendation.score for product in recs]
    assert scores == sorted(scores, reverse=True)
    assert not [name for name in vars(recs[0]) if name.startswith("_shop_recs")]


def test_the_score_is_the_inner_product_with_the_encoded_history(
    als, shelves, tastes, visitor, did, request_of
):
    did(visitor, Kind.VIEW, shelves[0][0])
    (best, *_) = recommended_for_you(request_of(visitor), limit=10)
    vectors = dict(zip(names(shelves[0] + shelves[1]), tastes, strict=True))
    system = tastes.T @ tastes + np.eye(4) + 9 * np.outer(tastes[0], tastes[0])
    query = np.linalg.solve(system, 10 * tastes[0])
    assert best.recommendation.score == pytest.approx(vectors[best.name] @ query, rel=1e-4)


def test_three_views_move_the_very_next_list_towards_them(als, shelves, request_of):
    chairs, lamps = shelves
    request = request_of()
    for chair in chairs[:3]:
        record_view(request, chair)
    before = shelf_of(recommended_for_you(request, limit=5))
    for lamp in lamps[:3]:
        record_view(request, lamp)
    after = shelf_of(recommended_for_you(request, limit=5))
    assert before.count("Lamp") == 0
    assert after.count("Lamp") >= 3
    assert after[0] == "Lamp"


def test_a_users_list_counts_the_events_of_all_devices(als, shelves, did, request_of, django_user_model):
    user = django_user_model.objects.create(username="ada")
    phone, laptop = (Visitor.objects.create(user=user) for _ in range(2))
    did(phone, Kind.VIEW, shelves[1][0])
    recs = recommended_for_you(request_of(laptop, user=user), limit=5)
    assert shelf_of(recs) == ["Lamp"] * 5


def test_a_stranger_sees_what_is_popular(als, shelves, request_of):
    chairs, lamps = shelves
    popular = publish_popularity(lamps + chairs)
    recs = recommended_for_you(request_of(), limit=3)
    assert names(recs) == names(lamps[:3])
    assert (recs.rung, recs.version) == ("popular", popular.pk)


def test_a_visitor_whose_products_nobody_learned_sees_popular_ones_of_their_category_first(
    shelves, make_product, visitor, did, request_of
):
    category = get_product_model()._meta.get_field("category").related_model.objects.create(name="Lamps")
    chairs, lamps = shelves
    get_product_model().objects.filter(pk__in=[lamp.pk for lamp in lamps]).update(category=category)
    publish_popularity(chairs + lamps)
    did(visitor, Kind.VIEW, make_product("New lamp", category=category))
    recs = recommended_for_you(request_of(visitor), limit=7)
    assert names(recs) == names(lamps) + names(chairs[:2])


def test_without_any_model_the_newest_products_are_shown(products, request_of):
    if isinstance(products[0].pk, int):
        recs = recommended_for_you(request_of(), limit=3)
        assert names(recs) == names(products[:-4:-1])
        assert (recs.rung, recs.version) == ("newest", None)
        assert str(recs[0].recommendation.reason) == "new in the shop"


def test_an_empty_shop_gives_an_empty_list(request_of):
    recs = recommended_for_you(request_of())
    assert (list(recs), recs.rung, recs.version) == ([], "nothing", None)


def test_a_short_rung_is_filled_up_by_the_next_ones_without_repeats(
    shelves, tastes, make_product, visitor, did, request_of
):
    chairs, lamps = shelves
    publish_vectors("sasrec", chairs[:2], tastes[:2])
    publish_vectors("als", chairs, tastes[:5])
    publish_popularity(chairs + lamps[:1])
    new = make_product("New")
    did(visitor, Kind.VIEW, chairs[0])
    recs = recommended_for_you(request_of(visitor), limit=7, products=_among([*chairs, lamps[0], new]))
    sources = [product.recommendation.source for product in recs]
    assert sources == ["sasrec"] * 2 + ["als"] * 3 + ["popular", "newest"]
    assert len(set(recs)) == 7
    assert recs.rung == "sasrec"


def _among(products):
    return get_product_model().objects.filter(pk__in=[product.pk for product in products])


class TestQueries:
    def test_a_warm_list_costs_two(self, als, shelves, visitor, did, request_of, django_assert_num_queries):
        publish_popularity(shelves[0])
        did(visitor, Kind.VIEW, *shelves[0])
        recommended_for_you(request_of(visitor), limit=4)
        request = request_of(visitor)
        with django_assert_num_queries(2):
            recs = recommended_for_you(request, limit=4)
            assert [str(product.recommendation.reason) for product in recs]

    def test_the_first_list_of_a_process_costs_no_more(
        self, als, shelves, visitor, did, request_of, django_assert_num_queries
    ):
        did(visitor, Kind.VIEW, *shelves[0])
        with django_assert_num_queries(2):
            recommended_for_you(request_of(visitor), limit=4)

    def test_a_list_that_must_be_filled_up_costs_three(
        self, als, shelves, make_product, visitor, did, request_of, django_assert_num_queries
    ):
        make_product("New")
        did(visitor, Kind.VIEW, *shelves[0])
        with django_assert_num_queries(3):
            assert len(recommended_for_you(request_of(visitor), limit=11)) == 11

    def test_a_stranger_costs_two_and_the_log_is_not_read(
        self, als, shelves, request_of, django_assert_num_queries
    ):
        publish_popularity(shelves[0])
        with django_assert_num_queries(2) as captured:
            recommended_for_you(request_of(), limit=4)
        assert not [query for query in captured if "shop_recs_interaction" in query["sql"]]

    def test_similar_items_cost_two(self, als, shelves, django_assert_num_queries):
        with django_assert_num_queries(2):
            recs = similar_items(shelves[0][:2], limit=4)
            assert [str(product.recommendation.reason) for product in recs]


class TestLeftOut:
    def test_the_current_product_and_what_the_caller_names(self, als, shelves, visitor, did, request_of):
        chairs, lamps = shelves
        did(visitor, Kind.VIEW, *chairs)
        recs = recommended_for_you(request_of(visitor), product=chairs[0], exclude=[chairs[1], lamps[0].pk])
        assert not {chairs[0], chairs[1], lamps[0]} & set(recs)

    def test_everything_ever_bought(self, als, shelves, visitor, did, request_of):
        chairs, _ = shelves
        did(visitor, Kind.PURCHASE, chairs[0], days_ago=900)
        did(visitor, Kind.VIEW, *(chairs[1:] * 60))
        assert chairs[0] not in recommended_for_you(request_of(visitor))

    def test_what_was_bought_stays_where_the_shop_says_so(
        self, als, shelves, visitor, did, request_of, settings
    ):
        settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_PURCHASED": False}
        did(visitor, Kind.PURCHASE, shelves[0][0])
        assert shelves[0][0] in recommended_for_you(request_of(visitor))

    def test_what_was_bought_on_another_device(self, als, shelves, did, request_of, django_user_model):
        user = django_user_model.objects.create(username="ada")
        phone, laptop = (Visitor.objects.create(user=user) for _ in range(2))
        did(phone, Kind.PURCHASE, shelves[0][0])
        assert shelves[0][0] not in recommended_for_you(request_of(laptop, user=user))

    def test_what_was_carted_since_the_last_purchase(self, als, shelves, visitor, did, request_of, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_PURCHASED": False}
        chairs, lamps = shelves
        did(visitor, Kind.CART, chairs[0], days_ago=3)
        did(visitor, Kind.PURCHASE, chairs[1], days_ago=2)
        did(visitor, Kind.CART, chairs[2], days_ago=1)
        did(visitor, Kind.CART, lamps[0], days_ago=40)
        recs = recommended_for_you(request_of(visitor))
        assert set(chairs + lamps) - set(recs) == {chairs[2]}

    def test_an_old_cart_counts_no_more(self, als, shelves, visitor, did, request_of):
        did(visitor, Kind.CART, shelves[0][0], days_ago=40)
        assert shelves[0][0] in recommended_for_you(request_of(visitor))

    def test_the_shops_own_cart_where_it_names_one(self, als, shelves, visitor, did, request_of, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"CART": f"{__name__}.first_chair"}
        did(visitor, Kind.CART, shelves[0][1])
        recs = recommended_for_you(request_of(visitor))
        assert set(shelves[0]) - set(recs) == {shelves[0][0]}

    def test_products_that_are_not_available(self, als, shelves, visitor, did, request_of):
        chairs, _ = shelves
        did(visitor, Kind.VIEW, chairs[1])
        assert chairs[0] in recommended_for_you(request_of(visitor))
        chairs[0].is_active = False
        chairs[0].save()
        assert chairs[0] not in recommended_for_you(request_of(visitor))

    def test_products_that_were_deleted(self, als, shelves, visitor, did, request_of):
        chairs, _ = shelves
        did(visitor, Kind.VIEW, chairs[1])
        chairs[1].delete()
        recs = recommended_for_you(request_of(visitor))
        assert shelf_of(recs[:4]) == ["Chair"] * 4
        assert len(recs) == 9


def first_chair(request):
    """A cart as a shop would write it."""
    return [get_product_model().objects.get(name="Chair 0").pk]


def only_lamps(products):
    """A shop's own rule of availability."""
    return products.filter(name__startswith="Lamp")


def test_availability_may_be_a_function_of_the_shop(shelves, request_of, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"AVAILABLE": f"{__name__}.only_lamps"}
    assert set(recommended_for_you(request_of())) == set(shelves[1])


def test_a_negative_limit_is_refused(request_of):
    with pytest.raises(ValueError, match="limit is -1"):
        recommended_for_you(request_of(), limit=-1)


def test_a_list_is_made_of_the_version_that_its_context_saw(als, shelves, tastes, visitor, did, request_of):
    chairs, lamps = shelves
    did(visitor, Kind.VIEW, chairs[0])
    assert recommended_for_you(request_of(visitor), limit=4).version == als.pk
    newer = publish_vectors("als", lamps + chairs, tastes)
    recs = recommended_for_you(request_of(visitor), limit=4)
    assert recs.version == newer.pk
    ActiveModel.objects.filter(algorithm="als").update(version=als)
    assert recommended_for_you(request_of(visitor), limit=4).version == als.pk


def test_events_of_the_future_count_as_of_now(als, shelves, visitor, request_of):
    Interaction.objects.create(
        visitor=visitor, product=shelves[0][0], kind=Kind.VIEW, occurred_at=timezone.now() + timedelta(days=1)
    )
    assert recommended_for_you(request_of(visitor), limit=4).rung == "als"


@pytest.mark.parametrize(("count", "left_out"), [(0, []), (1, [2]), (2, [1, 2]), (20, [0, 1, 2])])
def test_what_was_viewed_last_is_left_out(als, shelves, visitor, did, request_of, settings, count, left_out):
    settings.SHOP_RECS = {**settings.SHOP_RECS, "EXCLUDE_VIEWED": count}
    chairs, lamps = shelves
    did(visitor, Kind.VIEW, chairs[0], chairs[1], chairs[2], chairs[2])
    did(visitor, Kind.FAVOURITE, chairs[3], days_ago=1)
    shown = recommended_for_you(request_of(visitor), limit=12)
    assert set(names(chairs + lamps)) - set(names(shown)) == {chairs[place].name for place in left_out}


def test_a_copied_cookie_opens_no_history_that_is_somebodys_by_now(
    als, shelves, visitor, did, request_of, django_user_model
):
    copied = request_of(visitor)
    did(visitor, Kind.VIEW, shelves[0][0])
    assert recommended_for_you(copied, limit=5).rung == "als"
    visitor.user = django_user_model.objects.create(username="ada")
    visitor.save()
    assert recommended_for_you(copied, limit=5).rung == "newest"


def test_a_copied_cookie_does_not_tell_what_somebody_bought_or_put_into_the_cart(
    als, shelves, visitor, did, request_of, django_user_model
):
    chairs, lamps = shelves
    ada, bob = (django_user_model.objects.create(username=name) for name in ("ada", "bob"))
    did(visitor, Kind.PURCHASE, chairs[0])
    did(visitor, Kind.CART, chairs[1])
    did(Visitor.objects.create(user=bob), Kind.PURCHASE, lamps[0])
    of_bob = request_of(user=bob)
    identity.remember(of_bob, Shopper(visitor.pk, None))
    visitor.user = ada
    visitor.save()
    assert {chairs[0], chairs[1]} <= set(similar_items(chairs[2], request=request_of(visitor)))
    assert {chairs[0], chairs[1]} <= set(recommended_for_you(of_bob))


def test_the_lines_of_one_order_are_of_one_age(als, shelves, visitor, request_of):
    now = timezone.now()
    for chair in shelves[0]:
        Interaction.objects.create(visitor=visitor, product=chair, kind=Kind.PURCHASE, occurred_at=now)
    seen = context.of_shopper(Shopper(visitor.pk, None), using="default")
    assert len({event.age for event in seen.events}) == 1
