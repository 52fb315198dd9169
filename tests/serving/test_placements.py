"""Lists by the place where they stand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from shop_recs.conf import get_product_model
from shop_recs.exceptions import UnknownPlacement
from shop_recs.models import ItemScore, Kind, Placement, RepeatInterval
from shop_recs.serving import listing
from shop_recs.serving.placements import Ask, recommend, recommend_page
from tests.serving.versions import neighbours, publish_neighbours, publish_popularity, publish_vectors


def names(products):
    return [product.name for product in products]


def sources(products):
    return [product.recommendation.source for product in products]


@pytest.fixture
def scored(db):
    """Roll up as told: `scored("trending", lamp, chair)`, the best first."""

    def store(ranking, *products, segment=""):
        for place, product in enumerate(products):
            ItemScore.objects.create(
                ranking=ranking, segment=segment, product_id=product.pk, score=len(products) - place
            )

    return store


@pytest.fixture
def placements(settings):
    """Change `PLACEMENTS`: `placements(home={"KIND": "trending"})`."""

    def change(**entries):
        settings.SHOP_RECS = {**settings.SHOP_RECS, "PLACEMENTS": entries}

    return change


def test_recommended_for_you_is_the_ladders_list(als, shelves, visitor, did, request_of):
    did(visitor, Kind.VIEW, shelves[1][0])
    recs = recommend("recommended-for-you", request_of(visitor), limit=4)
    assert {name.split()[0] for name in names(recs)} == {"Lamp"}
    assert (recs.placement, recs.heading, recs.rung) == ("recommended-for-you", "Recommended for you", "als")


def test_similar_items_of_a_whole_cart(als, shelves, request_of):
    chairs, _ = shelves
    recs = recommend("similar-items", request_of(), seeds=chairs[:2], limit=3)
    assert set(names(recs)) == set(names(chairs[2:]))
    assert "similar to Chair" in str(recs[0].recommendation.reason)


def test_bought_together_shows_pairs_and_nothing_else(shelves, request_of):
    chairs, lamps = shelves
    publish_neighbours("bought_together", chairs + lamps, neighbours({0: {7: 3.0, 5: 2.0}}, n_items=10))
    publish_popularity(chairs)
    recs = recommend("bought-together", request_of(), seeds=chairs[0])
    assert names(recs) == ["Lamp 2", "Lamp 0"]
    assert str(recs[0].recommendation.reason) == "often bought together with Chair 0"
    assert list(recommend("bought-together", request_of(), seeds=lamps[0])) == []


def test_because_you_viewed_names_what_was_viewed_last(als, shelves, visitor, did, request_of):
    chairs, lamps = shelves
    did(visitor, Kind.VIEW, chairs[0], chairs[1], lamps[3])
    recs = recommend("because-you-viewed", request_of(visitor), limit=3)
    assert recs.heading == "Because you viewed Lamp 3"
    assert {name.split()[0] for name in names(recs)} == {"Lamp"}
    assert list(recommend("because-you-viewed", request_of())) == []


def test_trending_and_popular_follow_the_roll_up_and_are_filled_up(scored, products, request_of):
    scored("trending", products[3], products[5])
    scored("popular", products[5], products[8])
    trending = recommend("trending", request_of(), limit=4)
    assert names(trending)[:3] == ["Product 3", "Product 5", "Product 8"]
    assert sources(trending) == ["trending", "trending", "popular", "newest"]
    assert [str(product.recommendation.reason) for product in trending[1:3]] == [
        "trending now",
        "popular right now",
    ]
    assert names(recommend("popular", request_of(), limit=2)) == ["Product 5", "Product 8"]


def test_a_segment_has_its_own_bestsellers(scored, products, request_of, settings):
    scored("popular", products[1])
    scored("popular", products[2], segment="at")
    settings.SHOP_RECS = {**settings.SHOP_RECS, "SEGMENT": "tests.serving.test_placements.segment"}
    assert names(recommend("popular", request_of(path="/at/"), limit=2)) == ["Product 2", "Product 1"]
    assert names(recommend("popular", request_of(path="/"), limit=1)) == ["Product 1"]


def segment(request):
    return request.path.strip("/")


def test_a_cold_shop_shows_its_newest_everywhere_but_where_that_would_be_a_lie(products, request_of):
    for slug in ("recommended-for-you", "trending", "popular"):
        assert sources(recommend(slug, request_of(), limit=3)) == ["newest"] * 3
    for slug in ("recently-viewed", "still-in-mind", "buy-again", "because-you-viewed", "bought-together"):
        assert list(recommend(slug, request_of(), limit=3)) == []


def test_recently_viewed_begins_with_the_last(products, visitor, did, request_of):
    did(visitor, Kind.VIEW, products[2], products[4], products[2], products[7])
    recs = recommend("recently-viewed", request_of(visitor))
    assert names(recs) == ["Product 7", "Product 2", "Product 4"]
    assert str(recs[0].recommendation.reason) == "you viewed this"


def test_still_in_mind_is_what_was_wanted_and_not_bought_since(products, visitor, did, request_of):
    did(visitor, Kind.PURCHASE, products[3], days_ago=9)
    did(visitor, Kind.CART, products[1], products[2], products[3], days_ago=5)
    did(visitor, Kind.FAVOURITE, products[4], days_ago=3)
    did(visitor, Kind.PURCHASE, products[1], days_ago=1)
    did(visitor, Kind.FAVOURITE, products[5], days_ago=90)
    recs = recommend("still-in-mind", request_of(visitor))
    assert names(recs) == ["Product 4", "Product 3", "Product 2"]
    reasons = [str(product.recommendation.reason) for product in recs]
    assert reasons == ["you saved this", *["you put this into your cart"] * 2]


def test_buy_again_begins_with_what_is_due(products, visitor, did, request_of):
    coffee, soap, sofa, milk = products[:4]
    for product, days in ((coffee, 30), (soap, 30), (milk, 7)):
        RepeatInterval.objects.create(product_id=product.pk, days=days, buyers=9)
    did(visitor, Kind.PURCHASE, coffee, days_ago=29)
    did(visitor, Kind.PURCHASE, soap, days_ago=50)
    did(visitor, Kind.PURCHASE, milk, days_ago=1)
    did(visitor, Kind.PURCHASE, sofa, days_ago=40)
    recs = recommend("buy-again", request_of(visitor))
    assert names(recs) == ["Product 0", "Product 1"]
    for days_ago in (12, 8, 4):  # by the shopper's own rhythm
        did(visitor, Kind.PURCHASE, sofa, days_ago=days_ago)
    assert "Product 2" not in names(recommend("buy-again", request_of(visitor)))


def test_new_arrivals_are_new_first_of_all(als, shelves, make_product, visitor, did, request_of):
    did(visitor, Kind.VIEW, shelves[1][0])
    recs = recommend("new-arrivals", request_of(visitor), limit=3)
    assert {name.split()[0] for name in names(recs)} == {"Lamp"}


def test_rank_orders_the_callers_products_and_loses_none(
    als, shelves, make_product, visitor, did, request_of
):
    chairs, lamps = shelves
    new = [make_product(f"New {number}") for number in range(3)]
    did(visitor, Kind.VIEW, lamps[0])
    given = get_product_model().objects.filter(pk__in=[p.pk for p in [chairs[0], lamps[1], *new]])
    recs = recommend("rank", request_of(visitor), products=given.order_by("-name"))
    assert names(recs) == ["Lamp 1", "Chair 0", "New 2", "New 1", "New 0"]


def test_a_blend_fuses_ranks_and_says_what_each_source_added(
    als, scored, shelves, visitor, did, request_of, placements
):
    chairs, lamps = shelves
    scored("trending", lamps[0], chairs[4])
    did(visitor, Kind.VIEW, chairs[0])
    placements(home={"KIND": "recommended_for_you", "BLEND": {"personal": 1.0, "trending": 1.0}, "LIMIT": 5})
    recs = recommend("home", request_of(visitor))
    both = next(product for product in recs if product.name == "Chair 4")
    assert set(both.recommendation.parts) == {"als", "trending"}
    assert both.recommendation.score == pytest.approx(sum(both.recommendation.parts.values()))
    assert recs[0].name == "Chair 4"
    assert "Lamp 0" in names(recs)


def test_an_algorithm_outside_of_the_ladder_can_be_blended(
    shelves, tastes, visitor, did, request_of, placements
):
    chairs, lamps = shelves
    publish_vectors("svd", chairs + lamps, tastes)
    did(visitor, Kind.VIEW, lamps[0])
    placements(home={"KIND": "recommended_for_you", "BLEND": {"svd": 1.0}})
    assert sources(recommend("home", request_of(visitor), limit=3)) == ["svd"] * 3
    Placement.objects.create(slug="aisle", kind="similar_items", blend={"svd": 1})
    assert sources(recommend("aisle", request_of(), seeds=[chairs[0]], limit=3)) == ["svd"] * 3


def test_what_the_admin_says_of_a_placement_takes_precedence(products, scored, request_of):
    scored("popular", *products)
    Placement.objects.create(slug="trending", kind="popular", heading="Loved", limit=2)
    recs = recommend("trending", request_of())
    assert (recs.heading, names(recs)) == ("Loved", ["Product 0", "Product 1"])
    Placement.objects.update(enabled=False)
    assert list(recommend("trending", request_of())) == []


def test_an_unknown_placement_is_named_with_its_nearest(db, request_of):
    with pytest.raises(UnknownPlacement, match="There is no placement 'trendin'; did you mean 'trending'"):
        recommend("trendin", request_of())


@pytest.mark.parametrize(
    "rule", [{"name__startswith": "Lamp"}, "tests.serving.test_placements.lamps"], ids=["fields", "function"]
)
def test_a_filter_is_applied_inside_of_the_ranking(rule, als, shelves, visitor, did, request_of, placements):
    did(visitor, Kind.VIEW, shelves[0][0])
    placements(home={"KIND": "recommended_for_you", "FILTER": rule})
    recs = recommend("home", request_of(visitor), limit=9)
    assert sorted(names(recs)) == sorted(names(shelves[1]))


def lamps(products):
    return products.filter(name__startswith="Lamp")


def test_a_filter_that_is_none_says_which_placement_has_it(products, request_of, placements):
    placements(home={"KIND": "popular", "FILTER": "sold_by_me"})
    with pytest.raises(ValueError, match="The filter of placement 'home' is 'sold_by_me', which cannot"):
        recommend("home", request_of())


def test_lists_of_one_page_do_not_repeat_a_product(als, scored, shelves, visitor, did, request_of):
    chairs, lamps = shelves
    scored("popular", *chairs, *lamps)
    did(visitor, Kind.VIEW, chairs[0])
    asks = [
        Ask("recommended-for-you", limit=4),
        Ask("popular", limit=3),
        Ask("similar-items", seeds=[lamps[0]], limit=2),
    ]
    lists = recommend_page(asks, request_of(visitor))
    shown = [product.pk for recs in lists for product in recs]
    assert len(shown) == len(set(shown)) == 9


def test_a_page_of_four_takes_few_statements(
    als, scored, shelves, visitor, did, request_of, django_assert_max_num_queries
):
    chairs, lamps = shelves
    scored("popular", *chairs, *lamps)
    scored("trending", *lamps, *chairs)
    did(visitor, Kind.VIEW, chairs[0], lamps[1])
    asks = [
        Ask("recommended-for-you", limit=2),
        Ask("similar-items", seeds=[chairs[0]], limit=2),
        Ask("trending", limit=2),
        Ask("recently-viewed", limit=2),
    ]
    with django_assert_max_num_queries(8):
        lists = recommend_page(asks, request_of(visitor))
    assert [recs.placement for recs in lists] == [ask.slug for ask in asks]


def test_a_page_whose_lists_all_run_short_takes_no_more(
    als, scored, shelves, make_product, visitor, did, request_of, django_assert_max_num_queries
):
    chairs, lamps = shelves
    for number in range(30):
        make_product(f"New {number}")
    scored("trending", lamps[0])
    did(visitor, Kind.VIEW, chairs[0], lamps[1])
    asks = [
        Ask("similar-items", seeds=[chairs[0]], limit=12),
        Ask("recommended-for-you", limit=12),
        Ask("trending", limit=12),
        Ask("recently-viewed", limit=12),
    ]
    with django_assert_max_num_queries(8):
        lists = recommend_page(asks, request_of(visitor))
    assert [len(recs) for recs in lists] == [9, 12, 12, 0]


@pytest.mark.parametrize("slug", ["recommended-for-you", "trending", "similar-items", "still-in-mind"])
def test_a_list_takes_three_statements_at_most(
    slug, als, scored, shelves, visitor, did, request_of, django_assert_max_num_queries
):
    scored("trending", *shelves[0])
    did(visitor, Kind.VIEW, *shelves[0][:2])
    did(visitor, Kind.CART, shelves[0][3])
    seeds = [shelves[0][0]] if slug == "similar-items" else ()
    with django_assert_max_num_queries(3):
        recommend(slug, request_of(visitor), seeds=seeds, limit=3)


def test_a_list_goes_on_without_repeats(als, shelves, visitor, did, request_of):
    did(visitor, Kind.VIEW, shelves[0][0])
    seen, after = [], None
    for _ in range(4):
        recs = recommend("recommended-for-you", request_of(visitor), limit=4, after=after)
        seen += names(recs)
        after = recs.next
        if after is None:
            break
    assert sorted(seen) == sorted(names([*shelves[0], *shelves[1]]))


def test_the_continuation_of_another_list_is_refused(products, request_of):
    after = recommend("popular", request_of(), limit=3).next
    with pytest.raises(ValueError, match="continues no list of 'trending'"):
        recommend("trending", request_of(), after=after)
    with pytest.raises(ValueError, match="continues no list"):
        recommend("popular", request_of(), after="forged")


def test_a_list_that_has_gone_on_long_enough_names_no_next_page(products, request_of, monkeypatch):
    monkeypatch.setattr(listing, "MOST_PAGED", 8)
    first = recommend("popular", request_of(), limit=5)
    second = recommend("popular", request_of(), limit=5, after=first.next)
    assert (len(second), second.next) == (5, None)


def test_braces_in_a_heading_are_left_alone(products, request_of, placements):
    placements(home={"KIND": "popular", "HEADING": "{title} {more} {"})
    assert recommend("home", request_of()).heading == " {more} {"


def test_diversity_spreads_a_list_out(shelves, visitor, did, request_of, placements):
    chairs, lamps = shelves
    vectors = np.array([[1, 0.1]] * 5 + [[0.9, -0.6]] * 5, dtype=np.float32)
    vectors += np.linspace(0, 0.01, 10)[:, None]
    publish_vectors("als", chairs + lamps, vectors)
    did(visitor, Kind.VIEW, chairs[0])
    for diversity, expected in ((0.0, {"Chair"}), (0.7, {"Chair", "Lamp"})):
        placements(home={"KIND": "recommended_for_you", "DIVERSITY": diversity})
        recs = recommend("home", request_of(visitor), limit=3)
        assert {name.split()[0] for name in names(recs)} == expected


def test_exclusions_are_the_placements(als, shelves, visitor, did, request_of, placements):
    chairs, _ = shelves
    did(visitor, Kind.PURCHASE, chairs[1], days_ago=3)
    did(visitor, Kind.CART, chairs[2])
    placements(
        usual={"KIND": "recommended_for_you"}, everything={"KIND": "recommended_for_you", "EXCLUDE": []}
    )
    assert not {"Chair 1", "Chair 2"} & set(names(recommend("usual", request_of(visitor), limit=10)))
    assert {"Chair 1", "Chair 2"} <= set(names(recommend("everything", request_of(visitor), limit=10)))


def test_somebody_elses_past_is_nobodys_business(products, visitor, did, request_of):
    did(visitor, Kind.VIEW, products[0], days_ago=1)
    assert list(recommend("recently-viewed", request_of())) == []
    assert timezone.now() - timedelta(days=2) < timezone.now()
