"""Why a product is in a list, and which products are like another."""

from __future__ import annotations

import numpy as np
import pytest

from shop_recs import recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import Kind
from tests.serving.versions import publish_popularity, publish_vectors


def names(products):
    return [product.name for product in products]


def shelf_of(products):
    return [product.name.split()[0] for product in products]


def _among(products):
    return get_product_model().objects.filter(pk__in=[product.pk for product in products])


def nothing(request):
    """A cart that is always empty."""
    return []


class TestReasons:
    @pytest.mark.parametrize(
        ("kind", "words", "of_itself"),
        [
            (Kind.VIEW, "because you viewed Chair 0", "you viewed this"),
            (Kind.FAVOURITE, "because you saved Chair 0", "you saved this"),
            (Kind.CART, "because you put Chair 0 into your cart", "you put this into your cart"),
            (Kind.PURCHASE, "because you bought Chair 0", "you bought this"),
        ],
    )
    def test_name_what_the_visitor_did(
        self, kind, words, of_itself, als, shelves, visitor, did, request_of, settings
    ):
        settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_PURCHASED": False, "CART": f"{__name__}.nothing"}
        did(visitor, kind, shelves[0][0])
        reasons = {
            product.name: product.recommendation
            for product in recommended_for_you(request_of(visitor), products=_among(shelves[0]))
        }
        assert {str(reason.reason) for name, reason in reasons.items() if name != "Chair 0"} == {words}
        assert {reason.reason_product for reason in reasons.values()} == {shelves[0][0]}
        assert str(reasons["Chair 0"].reason) == of_itself

    def test_name_the_product_most_like_the_recommended_one(self, als, shelves, visitor, did, request_of):
        chairs, lamps = shelves
        did(visitor, Kind.VIEW, lamps[0], chairs[0])
        recs = recommended_for_you(request_of(visitor), products=_among(chairs[1:] + lamps[1:]))
        assert {(p.name[0], p.recommendation.reason_product.name[0]) for p in recs} == {
            ("C", "C"),
            ("L", "L"),
        }

    def test_load_the_rest_of_the_named_product_only_when_asked(
        self, als, shelves, visitor, did, request_of, django_assert_num_queries
    ):
        did(visitor, Kind.VIEW, shelves[0][0])
        reason = recommended_for_you(request_of(visitor), product=shelves[0][0])[0].recommendation
        with django_assert_num_queries(0):
            assert reason.reason_product.name == "Chair 0"
        with django_assert_num_queries(1):
            assert reason.reason_product.price == 10

    def test_work_where_the_title_is_no_column(self, als, shelves, visitor, did, request_of, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"PRODUCT_FIELDS": {"title": "__str__"}}
        did(visitor, Kind.VIEW, shelves[0][0])
        reason = recommended_for_you(request_of(visitor), product=shelves[0][0])[0].recommendation.reason
        assert str(reason) == "because you viewed Chair 0"

    def test_keep_braces_in_a_title(self, als, shelves, visitor, did, request_of):
        shelves[0][0].name = "Chair {0} %s"
        shelves[0][0].save()
        did(visitor, Kind.VIEW, shelves[0][0])
        reason = recommended_for_you(request_of(visitor), product=shelves[0][0])[0].recommendation.reason
        assert str(reason) == "because you viewed Chair {0} %s"

    def test_never_name_a_product_that_was_deleted(self, als, shelves, visitor, did, request_of):
        chairs, lamps = shelves
        did(visitor, Kind.VIEW, lamps[0], chairs[0])
        for gone, words in ((chairs[0], "because you viewed Lamp 0"), (lamps[0], "")):
            gone.delete()
            best = recommended_for_you(request_of(visitor), products=_among(chairs[1:]))[0].recommendation
            assert (best.source, str(best.reason)) == ("als", words)


class TestSimilarItems:
    def test_are_ranked_by_the_angle_whatever_their_length(self, shelves, tastes, request_of):
        chairs, lamps = shelves
        tastes[9] *= 100  # the inner product would put this lamp first
        version = publish_vectors("als", chairs + lamps, tastes)
        recs = similar_items(chairs[0], limit=4)
        assert shelf_of(recs) == ["Chair"] * 4
        assert (recs.rung, recs.version) == ("als", version.pk)
        assert all(0.9 < product.recommendation.score <= 1.0 for product in recs)

    def test_of_several_products_lie_between_them(self, als, make_product, shelves, tastes):
        chairs, lamps = shelves
        both = make_product("Chair with a lamp")
        publish_vectors("als", [*chairs, *lamps, both], np.vstack([tastes, [[1, 1, 0, 0]]]))
        assert similar_items([chairs[0], lamps[0]], limit=1) == [both]

    def test_say_what_they_are_similar_to(self, als, shelves):
        first = similar_items(shelves[0][0], limit=1)[0].recommendation
        assert (str(first.reason), first.source) == ("similar to Chair 0", "als")
        assert first.reason_product is shelves[0][0]

    def test_skip_algorithms_whose_vectors_do_not_mean_likeness(self, shelves, tastes):
        publish_vectors("sasrec", shelves[0] + shelves[1], tastes[::-1].copy(), finds_similar=False)
        publish_vectors("als", shelves[0] + shelves[1], tastes)
        assert similar_items(shelves[0][0], limit=4).rung == "als"

    def test_of_an_unknown_product_are_popular_ones_of_its_category(self, shelves, make_product):
        category = get_product_model()._meta.get_field("category").related_model.objects.create(name="Lamps")
        chairs, lamps = shelves
        get_product_model().objects.filter(name__startswith="Lamp").update(category=category)
        publish_popularity(chairs + lamps)
        recs = similar_items(make_product("New lamp", category=category), limit=6)
        assert names(recs) == names(lamps)
        assert recs.rung == "popular"

    def test_of_an_unknown_product_in_an_empty_category_are_none(self, shelves, make_product):
        category = get_product_model()._meta.get_field("category").related_model.objects.create(name="Rugs")
        publish_popularity(shelves[0])
        assert similar_items(make_product("New rug", category=category)).rung == "nothing"

    def test_leave_the_cart_out_where_there_is_a_request(self, als, shelves, visitor, did, request_of):
        chairs, _ = shelves
        did(visitor, Kind.CART, chairs[1])
        assert chairs[1] in similar_items(chairs[0])
        assert chairs[1] not in similar_items(chairs[0], request=request_of(visitor))

    def test_need_products(self, als):
        with pytest.raises(TypeError, match=r"need instances of shop\.Product"):
            similar_items([object()])

    def test_of_nothing_are_what_is_popular(self, shelves):
        publish_popularity(shelves[1])
        assert similar_items([], limit=2).rung == "popular"
