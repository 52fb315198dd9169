"""What rules make of lists, and where and when they are in force."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from shop_recs import recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import Impression, ItemScore, Kind, MerchandisingRule, Placement, Visitor
from shop_recs.serving.placements import Ask, recommend, recommend_page
from tests.serving.versions import neighbours, publish_neighbours, publish_popularity


def names(products):
    return [product.name for product in products]


def keys_of(products):
    """The keys as JSON has them."""
    return [product.pk if isinstance(product.pk, int) else str(product.pk) for product in products]


@pytest.fixture
def rule(db):
    """A rule in force everywhere: `rule("pin", lamp, position=1)`."""

    def make(action, *products, sources=(), **fields):
        keys = {"products": keys_of(products), "sources": keys_of(sources)}
        return MerchandisingRule.objects.create(
            name=fields.pop("name", action), action=action, **keys, **fields
        )

    return make


@pytest.fixture
def shop(als, shelves, visitor, did, request_of):
    """Chairs and lamps; the visitor looked at a chair."""
    did(visitor, Kind.VIEW, shelves[0][0])
    return request_of(visitor)


@pytest.fixture
def categories(shelves):
    """The shelves as categories of the shop."""
    model = get_product_model()
    category = model._meta.get_field("category").related_model
    made = [category.objects.create(name=name) for name in ("Chairs", "Lamps")]
    for own, shelf in zip(made, shelves, strict=True):
        model.objects.filter(pk__in=[product.pk for product in shelf]).update(category=own)
    return made


class TestActions:
    def test_pins_stand_where_they_are_pinned(self, shop, shelves, rule):
        _chairs, lamps = shelves
        rule("pin", lamps[4], position=2, label="Sponsored")
        recs = recommended_for_you(shop, limit=4)
        assert recs[1] == lamps[4]
        assert [product.recommendation.boosted for product in recs] == [False, True, False, False]
        assert recs[1].recommendation.label == "Sponsored"

    def test_a_pin_need_not_be_known_to_any_model(self, shop, make_product, rule):
        new = make_product("New")
        rule("pin", new, position=1)
        recs = recommended_for_you(shop, limit=3)
        assert recs[0] == new
        assert (recs.rung, str(recs[0].recommendation.reason)) == ("pinned", "")

    def test_of_two_pins_for_one_place_the_higher_priority_gets_it(self, shop, shelves, rule):
        lamps = shelves[1]
        rule("pin", lamps[0], position=1)
        rule("pin", lamps[1], position=1, priority=5)
        assert names(recommended_for_you(shop, limit=3))[:2] == ["Lamp 1", "Lamp 0"]

    def test_what_may_not_be_shown_is_not_pinned_either(self, shop, shelves, rule):
        lamp = shelves[1][0]
        rule("pin", lamp, position=1)
        lamp.is_active = False
        lamp.save()
        assert lamp not in recommended_for_you(shop, limit=9)

    def test_a_boost_brings_products_in_that_no_retriever_found(self, shop, shelves, rule):
        lamps = shelves[1]
        assert lamps[2] not in recommended_for_you(shop, limit=2)
        rule("boost", filter={"name": "Lamp 2"}, factor=20, name="Clearance")
        recs = recommended_for_you(shop, limit=2)
        assert recs[0] == lamps[2]
        assert recs[0].recommendation.factors == {"Clearance": 20.0}
        assert recs[0].recommendation.rules == ("Clearance",)

    def test_a_burial_moves_products_down_and_loses_none(self, shop, shelves, rule):
        _chairs, _lamps = shelves
        best = recommended_for_you(shop, limit=9)[0]
        rule("bury", best, factor=0.01)
        recs = recommended_for_you(shop, limit=10)
        assert recs[-1] == best
        assert not recs[-1].recommendation.boosted

    @pytest.mark.parametrize("by", ["products", "fields", "function"])
    def test_hidden_products_are_in_no_list(self, by, shop, shelves, rule, scored_popular):
        chairs, lamps = shelves
        if by == "products":
            rule("hide", *lamps)
        else:
            hiding = {"fields": {"name__startswith": "Lamp"}, "function": f"{__name__}.only_lamps"}[by]
            rule("hide", filter=hiding)
        for recs in (
            recommended_for_you(shop, limit=10),
            similar_items(chairs[0], limit=10),
            recommend("popular", shop, limit=10),
        ):
            assert recs
            assert not set(lamps) & set(recs)

    def test_a_cap_counts_the_values_of_a_field_also_where_the_list_is_filled_up(
        self, shop, categories, shelves, rule
    ):
        publish_popularity(shelves[1])
        rule("cap", at_most=2, per="category")
        recs = recommended_for_you(shop, limit=4)
        shown = [product.category.name for product in recs]
        assert sorted(shown) == ["Chairs", "Chairs", "Lamps", "Lamps"]

    def test_a_share_is_guaranteed(self, shop, shelves, rule, make_product):
        new = [make_product(f"New {number}") for number in range(3)]
        rule("share", filter={"name__startswith": "New"}, share=0.5, label="New")
        recs = recommended_for_you(shop, limit=4)
        assert len(set(recs) & set(new)) == 2
        assert {product.recommendation.label for product in recs} == {"", "New"}

    def test_rules_hold_for_who_has_no_history(self, shelves, request_of, rule, scored_popular):
        chairs, _lamps = shelves
        rule("boost", filter={"name": "Lamp 4"}, factor=50)
        rule("pin", chairs[3], position=2)
        rule("hide", chairs[0])
        recs = recommended_for_you(request_of(), limit=3)
        assert names(recs)[:2] == ["Lamp 4", "Chair 3"]
        assert chairs[0] not in recs

    def test_rules_work_together(self, shop, shelves, categories, rule):
        _chairs, lamps = shelves
        rule("pin", lamps[0], position=1)
        rule("share", filter={"name__startswith": "Lamp"}, share=0.5)
        rule("cap", at_most=3, per="category")
        rule("hide", lamps[1])
        recs = recommended_for_you(shop, limit=6)
        assert recs[0] == lamps[0]
        assert lamps[1] not in recs
        assert [product.name.split()[0] for product in recs].count("Lamp") == 3


def only_lamps(products):
    return products.filter(name__startswith="Lamp")


@pytest.fixture
def scored_popular(shelves):
    for place, product in enumerate([*shelves[0], *shelves[1]]):
        ItemScore.objects.create(ranking="popular", product_id=product.pk, score=20 - place)


def first_part(request):
    return request.path.strip("/")


class TestBroken:
    """What a rule names may have gone since it was saved; no list is lost for that."""

    @pytest.mark.parametrize("action", ["boost", "bury", "hide", "share"])
    @pytest.mark.parametrize(
        "names_none", [{"wings": 2}, "no_longer_a_method", "no.longer.there", f"{__name__}.first_three"]
    )
    def test_a_rule_that_cannot_be_applied_is_left_out(
        self, action, names_none, request_of, rule, scored_popular, caplog
    ):
        caplog.set_level("DEBUG")
        rule(action, filter=names_none, share=0.5, name="Autumn")
        assert names(recommend("popular", request_of(), limit=2)) == ["Chair 0", "Chair 1"]
        assert "Could not apply the rule 'Autumn'" in caplog.text

    def test_a_cap_of_a_field_that_is_gone_is_left_out(self, request_of, rule, scored_popular):
        rule("cap", at_most=1, per="wings")
        assert names(recommend("popular", request_of(), limit=2)) == ["Chair 0", "Chair 1"]

    @pytest.mark.parametrize("action", ["boost", "bury", "hide", "pin", "share"])
    def test_a_rule_whose_products_were_deleted_does_nothing(
        self, action, request_of, rule, scored_popular, make_product
    ):
        gone = make_product("Gone")
        rule(action, gone, share=0.5)
        gone.delete()
        assert names(recommend("popular", request_of(), limit=2)) == ["Chair 0", "Chair 1"]
        assert recommended_for_you(request_of(), limit=2)

    def test_columns_of_a_release_that_is_being_rolled_out_do_no_harm(
        self, request_of, rule, shelves, scored_popular
    ):
        rule("pin", shelves[1][4], position=1)
        Placement.objects.create(slug="home", kind="popular", limit=2)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE shop_recs_merchandisingrule ADD COLUMN novelty int DEFAULT 1")
            cursor.execute("ALTER TABLE shop_recs_placement ADD COLUMN novelty int DEFAULT 1")
        assert names(recommend("home", request_of())) == ["Lamp 4", "Chair 0"]


def first_three(products):
    return products[:3]


def test_a_factor_of_two_brings_the_tenth_to_the_fifth_place_and_one_half_back(
    request_of, rule, scored_popular
):
    rule("boost", filter={"name": "Lamp 4"})
    assert names(recommend("popular", request_of(), limit=10)).index("Lamp 4") == 4
    MerchandisingRule.objects.all().delete()
    rule("bury", filter={"name": "Chair 4"})
    assert names(recommend("popular", request_of(), limit=10)).index("Chair 4") == 9


def test_what_has_several_related_rows_that_pass_a_filter_is_listed_once(
    request_of, shelves, scored_popular, settings
):
    for segment in ("at", "de"):
        ItemScore.objects.create(ranking="popular", segment=segment, product_id=shelves[0][1].pk, score=1)
    related = {"shop_recs_scores__segment__in": ["at", "de"]}
    settings.SHOP_RECS = {
        **settings.SHOP_RECS,
        "PLACEMENTS": {"home": {"KIND": "popular", "FILTER": related}},
    }
    assert names(recommend("home", request_of())) == ["Chair 1"]


class TestConditions:
    def test_a_placement(self, shop, shelves, rule, scored_popular):
        rule("pin", shelves[1][4], position=1, placements=["popular"])
        assert recommend("popular", shop, limit=3)[0] == shelves[1][4]
        assert shelves[1][4] not in recommended_for_you(shop, limit=3)

    def test_a_source_product(self, shop, shelves, rule):
        chairs, lamps = shelves
        rule("pin", lamps[4], position=1, sources=[chairs[1]])
        assert similar_items(chairs[1], limit=3)[0] == lamps[4]
        assert lamps[4] not in similar_items(chairs[2], limit=3)

    def test_the_category_of_a_source_product(self, als, shelves, categories, rule):
        chairs, lamps = shelves
        rule("pin", chairs[0], position=1, categories=[str(categories[1].pk)])
        assert similar_items(lamps[1], limit=3)[0] == chairs[0]
        assert similar_items([chairs[1], lamps[1]], limit=3)[0] == chairs[0]
        rule("hide", chairs[3], categories=[str(categories[0].pk)])
        assert chairs[3] not in similar_items(chairs[1], limit=9)
        assert chairs[3] in similar_items(lamps[1], limit=9)

    def test_the_category_that_is_asked_for(self, shelves, categories, request_of, rule, scored_popular):
        _chairs, lamps = shelves
        rule("pin", lamps[4], position=1, categories=[str(categories[1].pk)])
        recs = recommend("popular", request_of(), category=categories[1], limit=3)
        assert names(recs) == ["Lamp 4", "Lamp 0", "Lamp 1"]
        assert names(recommend("popular", request_of(), limit=2)) == ["Chair 0", "Chair 1"]

    def test_a_segment(self, shelves, request_of, rule, settings, scored_popular):
        settings.SHOP_RECS = {**settings.SHOP_RECS, "SEGMENT": f"{__name__}.first_part"}
        rule("pin", shelves[1][4], position=1, segments=["at"])
        assert recommend("popular", request_of(path="/at/"), limit=2)[0] == shelves[1][4]
        assert recommend("popular", request_of(path="/de/"), limit=2)[0] != shelves[1][4]

    @pytest.mark.parametrize(
        ("starts", "ends", "holds"), [(-1, 1, True), (1, 2, False), (-2, -1, False), (None, None, True)]
    )
    def test_its_time(self, starts, ends, holds, shop, shelves, rule):
        def moment(hours):
            return hours and timezone.now() + timedelta(hours=hours)

        rule("pin", shelves[1][4], position=1, starts_at=moment(starts), ends_at=moment(ends))
        assert (recommended_for_you(shop, limit=2)[0] == shelves[1][4]) is holds

    def test_a_disabled_rule_does_nothing(self, shop, shelves, rule):
        rule("pin", shelves[1][4], position=1, enabled=False)
        assert recommended_for_you(shop, limit=2)[0] != shelves[1][4]

    def test_a_part_of_the_traffic_is_always_the_same_shoppers(
        self, als, shelves, rule, request_of, django_user_model
    ):
        rule("pin", shelves[0][0], position=1, percent=50)
        visitors = Visitor.objects.bulk_create(Visitor() for _ in range(60))

        def reached():
            return {
                visitor.pk
                for visitor in visitors
                if recommended_for_you(request_of(visitor), limit=1) == [shelves[0][0]]
            }

        assert 15 <= len(reached()) <= 45
        assert reached() == reached()
        assert not recommended_for_you(request_of(), limit=1)[0].recommendation.rules


class TestPlacements:
    def test_exploration_gives_a_share_to_what_is_new_and_says_so(
        self, shop, shelves, make_product, settings, visitor, request_of
    ):
        for number in range(8):
            make_product(f"New {number}")
        settings.SHOP_RECS = {
            **settings.SHOP_RECS,
            "PLACEMENTS": {"home": {"KIND": "recommended_for_you", "EXPLORATION": 0.25, "LIMIT": 8}},
        }
        recs = recommend("home", shop)
        explored = [product for product in recs if product.recommendation.source == "exploration"]
        assert len(explored) == 2
        assert not set(explored) & {*shelves[0]}  # these the visitor is shown anyway
        assert [str(product.recommendation.reason) for product in explored] != ["", ""]
        assert names(recs) == names(recommend("home", shop))  # the same all day
        drawn = {
            product.name
            for other in Visitor.objects.bulk_create(Visitor() for _ in range(8))
            for product in recommend("home", request_of(other))
            if product.recommendation.source == "exploration"
        }
        assert len(drawn) > 2

    def test_lists_of_a_page_share_what_was_read_of_the_rules(
        self, shop, shelves, rule, scored_popular, django_assert_max_num_queries
    ):
        chairs, lamps = shelves
        rule("pin", lamps[0], position=1, placements=["similar-items"])
        rule("boost", filter={"name__startswith": "Lamp"})
        rule("cap", at_most=4, per="category")
        asks = [
            Ask("recommended-for-you", limit=2),
            Ask("similar-items", seeds=[chairs[0]], limit=2),
            Ask("popular", limit=2),
            Ask("recently-viewed", limit=1),
        ]
        with django_assert_max_num_queries(8):
            lists = recommend_page(asks, shop)
        assert all(lists[:3])

    def test_a_list_under_rules_takes_three_statements_at_most(
        self, shop, shelves, rule, scored_popular, django_assert_max_num_queries
    ):
        rule("boost", filter={"name__startswith": "Lamp"})
        rule("share", filter={"name__startswith": "Lamp"}, share=0.5)
        rule("cap", at_most=2, per="category")
        rule("hide", shelves[0][4])
        with django_assert_max_num_queries(3):
            recommended_for_you(shop, limit=8)

    def test_a_category_that_is_none_is_refused(self, shop):
        with pytest.raises(ValueError, match="is no category of a product"):
            recommend("popular", shop, category="nothing like it")


def test_a_boost_does_not_crowd_out_what_fills_the_list_up(shelves, request_of, rule):
    chairs, _lamps = shelves
    publish_popularity(chairs)  # nothing is rolled up: the placement itself knows no product
    rule("boost", filter={"name__startswith": "Lamp"}, factor=1.2)
    recs = recommend("popular", request_of(), limit=6)
    assert set(chairs) <= set(recs)


def test_a_cap_finds_what_is_open_to_it_far_down(make_product, request_of, rule):
    category = get_product_model()._meta.get_field("category").related_model
    crowded = category.objects.create(name="Crowded")
    products = [make_product(f"Product {number}", category=crowded) for number in range(60)]
    others = [make_product(f"Other {number}") for number in range(3)]
    publish_popularity([*products, *others])
    rule("cap", at_most=2, per="category")
    recs = recommended_for_you(request_of(), limit=5)
    assert set(recs) == {*products[:2], *others}


def test_a_reminder_stays_one(shop, shelves, rule, visitor, did):
    rule("pin", shelves[1][4], position=1)
    rule("boost", filter={"name": "Lamp 3"})
    did(visitor, Kind.CART, shelves[0][1])
    assert names(recommend("still-in-mind", shop)) == ["Chair 1"]
    assert set(names(recommend("recently-viewed", shop))) == {"Chair 0"}


def test_pairs_take_in_what_is_pinned_and_nothing_that_is_boosted(shelves, request_of, rule):
    chairs, lamps = shelves
    publish_neighbours("bought_together", chairs + lamps, neighbours({0: {7: 3.0, 5: 2.0}}, n_items=10))
    rule("pin", chairs[4], position=2, sources=[chairs[0]])
    rule("boost", filter={"name__in": ["Lamp 0", "Lamp 4"]}, factor=3)
    recs = recommend("bought-together", request_of(), seeds=chairs[0])
    assert names(recs) == ["Lamp 0", "Chair 4", "Lamp 2"]


def test_a_pin_alone_makes_no_list_below_a_heading_that_is_about_something_else(
    shop, shelves, request_of, rule
):
    rule("pin", shelves[1][4], position=1)
    assert names(recommend("because-you-viewed", shop, limit=2))[0] == "Lamp 4"
    assert not recommend("because-you-viewed", request_of())


def test_rules_order_the_callers_products_too(shelves, request_of, rule):
    rule("boost", filter={"name": "Chair 3"}, factor=9)
    given = get_product_model().objects.filter(name__startswith="Chair").order_by("name")
    recs = recommend("rank", request_of(), products=given)
    assert names(recs) == ["Chair 3", "Chair 0", "Chair 1", "Chair 2", "Chair 4"]


def test_the_callers_products_beyond_the_length_of_the_list_count_for_rules_too(
    shelves, request_of, rule, categories
):
    rule("boost", filter={"name": "Lamp 0"}, factor=9)
    given = get_product_model().objects.order_by("name")
    assert names(recommend("rank", request_of(), products=given, limit=2)) == ["Lamp 0", "Chair 0"]
    MerchandisingRule.objects.all().delete()
    rule("cap", at_most=1, per="category")
    assert names(recommend("rank", request_of(), products=given, limit=2)) == ["Chair 0", "Lamp 0"]


class TestFatigue:
    @pytest.fixture
    def home(self, settings):
        settings.SHOP_RECS = {
            **settings.SHOP_RECS,
            "PLACEMENTS": {"home": {"KIND": "recommended_for_you", "FATIGUE": 0.5}},
        }

    def show(self, visitor, product, times):
        for _ in range(times):
            Impression.objects.create(
                visitor=visitor,
                recommendation_id=uuid.uuid4(),
                products={str(product.pk): 1},
                seen_at=timezone.now() - timedelta(hours=1),
            )

    def test_what_was_shown_in_vain_sinks(self, home, shop, visitor, did):
        second = recommend("home", shop, limit=5)[1]
        self.show(visitor, second, 2)
        assert recommend("home", shop, limit=5)[1] == second
        self.show(visitor, second, 3)
        recs = recommend("home", shop, limit=10)
        assert recs.index(second) > 4
        assert recs[recs.index(second)].recommendation.factors == {"fatigue": 0.125}
        did(visitor, Kind.VIEW, second)
        assert not [name for product in recommend("home", shop) for name in product.recommendation.factors]

    def test_nobody_tires_of_what_others_were_shown(self, home, shop, visitor, request_of):
        best = recommend("home", shop, limit=5)[0]
        self.show(Visitor.objects.create(), best, 20)
        assert recommend("home", shop, limit=5)[0] == best


def test_a_rule_stays_where_it_was_when_its_source_goes(shop, shelves, rule):
    chairs, lamps = shelves
    rule("pin", lamps[4], position=1, sources=[chairs[1]])
    chairs[1].delete()
    assert recommended_for_you(shop, limit=2)[0] != lamps[4]


def test_several_pins_stand_in_the_order_in_which_they_are_named(shop, shelves, rule):
    lamps = shelves[1]
    rule("pin", lamps[3], lamps[0], lamps[4], position=2)
    assert recommended_for_you(shop, limit=5)[1:4] == [lamps[3], lamps[0], lamps[4]]


def test_exploration_reaches_what_nobody_ever_chose(make_product, request_of, settings):
    settings.SHOP_RECS = {
        **settings.SHOP_RECS,
        "PLACEMENTS": {"home": {"KIND": "popular", "EXPLORATION": 0.5, "LIMIT": 10}},
    }
    shop = [make_product(f"Product {number}") for number in range(130)]
    for place, product in enumerate(shop[:70]):
        ItemScore.objects.create(ranking="popular", product_id=product.pk, score=200 - place)
    forgotten = shop[72:78]  # neither among the newest nor with any score
    for product in forgotten:
        ItemScore.objects.create(ranking="unchosen", product_id=product.pk, score=0.5)
    shown = {
        product
        for visitor in Visitor.objects.bulk_create(Visitor() for _ in range(40))
        for product in recommend("home", request_of(visitor))
    }
    assert shown & set(forgotten)
