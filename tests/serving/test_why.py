"""Why a list is as it is."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from shop_recs.models import (
    Action,
    Feedback,
    FeedbackKind,
    Impression,
    ItemScore,
    Kind,
    MerchandisingRule,
    Placement,
)
from shop_recs.serving.contributions import Method
from shop_recs.serving.placements import Ask, Page, recommend
from shop_recs.serving.why import DEPTH, explained, explained_page, page_of
from shop_recs.tracking.identity import Shopper
from tests.serving.versions import neighbours, publish_neighbours, publish_vectors


@pytest.fixture
def goods(shelves):
    """Chairs 0 to 4, then lamps 0 to 4."""
    return shelves[0] + shelves[1]


@pytest.fixture
def placements(settings):
    """Change `PLACEMENTS`: `placements(home={"KIND": "trending"})`."""

    def change(**entries):
        settings.SHOP_RECS = {**settings.SHOP_RECS, "PLACEMENTS": entries}

    return change


@pytest.fixture
def rule(db):
    """Store a rule: `rule(Action.HIDE, chair, name="no chairs")`."""

    def store(action, *products, **fields):
        keys = [str(product.pk) for product in products]
        return MerchandisingRule.objects.create(action=action, products=keys, **{"name": "a rule", **fields})

    return store


def why_of(slug, request, *, about=None, **asked):
    ask = Ask(slug, **asked)
    return explained(Page(request, [ask]), ask, about=about and about.pk)


def obstacles(why):
    """What keeps each product out, by its name."""
    return {one.product.name: [obstacle.name for obstacle in one.obstacles] for one in why.dropped}


def test_the_list_is_the_one_that_is_served(als, goods, visitor, did, request_of):
    did(visitor, Kind.VIEW, goods[5], goods[0])
    served = recommend("recommended-for-you", request_of(visitor), limit=4)
    why = why_of("recommended-for-you", request_of(visitor), limit=4)
    assert why.recommendations == served == [one.product for one in why.listed]
    assert [one.recommendation.rank for one in why.listed] == [1, 2, 3, 4]
    assert [one.found["als"].score for one in why.listed] == [
        pytest.approx(product.recommendation.score, rel=1e-4) for product in served
    ]


def test_the_history_says_what_each_event_weighs(als, goods, visitor, did, request_of):
    did(visitor, Kind.VIEW, goods[5], goods[0])
    did(visitor, Kind.PURCHASE, goods[1], days_ago=3)
    why = why_of("recommended-for-you", request_of(visitor))
    assert [(used.event.title, used.event.kind) for used in why.history] == [
        ("Chair 1", Kind.PURCHASE),
        ("Lamp 0", Kind.VIEW),
        ("Chair 0", Kind.VIEW),
    ]
    assert [used.weights["als"] for used in why.history] == [pytest.approx(0.9**step) for step in (2, 1, 0)]
    assert why.history[0].event.age == pytest.approx(3, abs=0.01)
    assert not why.seeds


def test_events_add_up_to_the_score_of_als(als, goods, visitor, did, request_of):
    did(visitor, Kind.VIEW, goods[5], goods[0], goods[6])
    why = why_of("recommended-for-you", request_of(visitor))
    (retriever,) = why.retrievers
    assert (retriever.source, retriever.version, retriever.method) == ("als", als.pk, Method.EXACT)
    for one in why.listed:
        assert len(one.added["als"]) == 3
        assert sum(amount for _, amount in one.added["als"]) == pytest.approx(
            one.found["als"].score, rel=1e-3, abs=1e-5
        )


def test_seeds_are_told_apart_from_the_history(als, goods, visitor, did, request_of):
    did(visitor, Kind.VIEW, goods[9])
    why = why_of("similar-items", request_of(visitor), seeds=goods[:2], limit=3)
    assert ([used.event.title for used in why.seeds], why.history) == (["Chair 0", "Chair 1"], [])
    assert [used.weights for used in why.seeds] == [{"als": 0.5}] * 2
    assert obstacles(why)["Chair 0"] == ["seed"]


class TestDropped:
    @pytest.mark.parametrize(
        ("kind", "reason"), [(Kind.CART, "cart"), (Kind.PURCHASE, "bought"), (Kind.VIEW, "viewed")]
    )
    def test_by_what_the_shopper_did(self, kind, reason, als, goods, visitor, did, request_of, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_VIEWED": 5}
        did(visitor, kind, goods[0])
        assert obstacles(why_of("recommended-for-you", request_of(visitor)))["Chair 0"] == [reason]

    def test_because_it_is_not_available_and_for_all_other_reasons_too(
        self, als, goods, visitor, did, request_of, rule
    ):
        did(visitor, Kind.VIEW, goods[1])
        did(visitor, Kind.PURCHASE, goods[0])
        rule(Action.HIDE, goods[0], name="no chairs")
        goods[0].is_active = False
        goods[0].save()
        why = why_of("recommended-for-you", request_of(visitor), exclude=[goods[0], goods[2]])
        assert obstacles(why)["Chair 0"] == ["unavailable", "rule", "bought", "excluded"]
        assert obstacles(why)["Chair 2"] == ["excluded"]
        (chair,) = (one for one in why.dropped if one.product == goods[0])
        assert [str(obstacle) for obstacle in chair.obstacles] == [
            "is not available",
            "hidden by the rule “no chairs”",
            "was bought",
            "the page leaves it out",
        ]

    def test_by_the_filter_of_the_placement(self, als, goods, visitor, did, request_of, placements):
        placements(lamps={"KIND": "recommended_for_you", "FILTER": {"name__startswith": "Lamp"}})
        did(visitor, Kind.VIEW, goods[1])
        why = why_of("lamps", request_of(visitor))
        assert obstacles(why) == {f"Chair {number}": ["filter"] for number in range(5)}

    def test_by_the_category_that_is_asked_for(self, als, goods, visitor, did, request_of):
        category = type(goods[0])._meta.get_field("category").related_model.objects.create(name="Lamps")
        for lamp in goods[5:]:
            lamp.category = category
            lamp.save()
        did(visitor, Kind.VIEW, goods[1])
        why = why_of("recommended-for-you", request_of(visitor), category=category)
        assert obstacles(why) == {f"Chair {number}": ["category"] for number in range(5)}

    def test_because_a_list_above_shows_it(self, als, goods, visitor, did, request_of):
        did(visitor, Kind.VIEW, goods[0])
        asks = [Ask("recommended-for-you", limit=2), Ask("similar-items", seeds=[goods[4]], limit=2)]
        first, second = explained_page(asks, request_of(visitor))
        shown = {one.product.name for one in first.listed}
        assert {name for name, reasons in obstacles(second).items() if "shown" in reasons} == shown

    def test_because_a_page_before_gave_it(self, als, goods, visitor, did, request_of):
        did(visitor, Kind.VIEW, goods[0])
        first = recommend("recommended-for-you", request_of(visitor), limit=3)
        why = why_of("recommended-for-you", request_of(visitor), limit=3, after=first.next)
        assert {name for name, reasons in obstacles(why).items() if "before" in reasons} == {
            product.name for product in first
        }

    def test_because_better_ones_fill_the_list(self, als, goods, visitor, did, request_of):
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("recommended-for-you", request_of(visitor), limit=2)
        (last,) = (one for one in why.dropped if one.found["als"].rank == 10)
        assert [str(obstacle) for obstacle in last.obstacles] == ["2 better products fill the list"]

    def test_by_a_cap(self, als, goods, visitor, did, request_of, rule):
        type(goods[0]).objects.filter(name__startswith="Chair").update(price=5)
        rule(Action.CAP, per="price", at_most=1)
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("recommended-for-you", request_of(visitor), limit=2)
        assert sorted(one.product.name[:4] for one in why.listed) == ["Chai", "Lamp"]
        assert [name for name, reasons in obstacles(why).items() if reasons == ["cap"]] != []

    def test_by_a_pinned_product(self, als, goods, visitor, did, request_of, rule):
        rule(Action.PIN, goods[9], position=1)
        did(visitor, Kind.VIEW, goods[0])
        plain = why_of("recommended-for-you", request_of(), limit=2)
        assert goods[9] in plain.recommendations
        why = why_of("recommended-for-you", request_of(visitor), limit=2)
        assert why.listed[0].product == goods[9]
        assert [reasons for reasons in obstacles(why).values() if reasons == ["pin"]] == [["pin"]]

    def test_by_a_guaranteed_share(self, als, goods, visitor, did, request_of, rule):
        rule(Action.SHARE, *goods[5:], share=0.5)
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("recommended-for-you", request_of(visitor), limit=2)
        assert sorted(one.product.name[:4] for one in why.listed) == ["Chai", "Lamp"]
        assert ["share"] in obstacles(why).values()

    def test_by_products_that_a_rule_boosts(self, als, goods, visitor, did, request_of, rule):
        rule(Action.BOOST, *goods[5:], factor=50)
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("recommended-for-you", request_of(visitor), limit=3)
        assert sorted(obstacles(why).values()).count(["boost"]) == 3

    def test_by_a_rule_that_buries_it(self, als, goods, visitor, did, request_of, rule):
        did(visitor, Kind.VIEW, goods[0])
        (best,) = recommend("recommended-for-you", request_of(visitor), limit=1)
        rule(Action.BURY, best, factor=0.1, name="down")
        why = why_of("recommended-for-you", request_of(visitor), limit=1)
        (buried,) = (one for one in why.dropped if one.product == best)
        assert [str(obstacle) for obstacle in buried.obstacles] == ["pushed down by down"]
        assert buried.factors == {"down": 0.1}

    def test_by_fatigue(self, als, goods, visitor, did, request_of, placements):
        placements(home={"KIND": "recommended_for_you", "FATIGUE": 0.9})
        did(visitor, Kind.VIEW, goods[0])
        (best,) = recommend("home", request_of(visitor), limit=1)
        for _ in range(5):
            Impression.objects.create(
                visitor=visitor, recommendation_id=uuid4(), placement="home", products={str(best.pk): 1}
            )
        assert obstacles(why_of("home", request_of(visitor), limit=1))[best.name] == ["pushed_down"]

    def test_by_the_shopper(self, als, goods, visitor, did, request_of):
        did(visitor, Kind.VIEW, goods[0])
        Feedback.objects.create(visitor=visitor, product=goods[1], kind=FeedbackKind.HIDE)
        assert obstacles(why_of("recommended-for-you", request_of(visitor)))["Chair 1"] == ["feedback"]

    def test_by_diversity(self, goods, visitor, did, request_of, placements):
        vectors = np.array([[1, 0.1]] * 5 + [[0.9, -0.6]] * 5, dtype=np.float32)
        vectors += np.linspace(0, 0.01, 10)[:, None]
        publish_vectors("als", goods, vectors)
        placements(home={"KIND": "recommended_for_you", "DIVERSITY": 0.7})
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("home", request_of(visitor), limit=3)
        assert ["diversity"] in obstacles(why).values()

    def test_because_the_placement_is_switched_off(self, als, goods, visitor, did, request_of):
        Placement.objects.create(slug="off", kind="recommended_for_you", enabled=False)
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("off", request_of(visitor))
        assert why.listed == []
        assert {reasons[0] for reasons in obstacles(why).values()} == {"disabled"}

    def test_from_new_arrivals_because_it_is_old(self, als, goods, visitor, did, request_of, monkeypatch):
        monkeypatch.setattr("shop_recs.serving.filters.NEWEST_WITHOUT_DATES", 2)
        did(visitor, Kind.VIEW, goods[0])
        why = why_of("new-arrivals", request_of(visitor))
        assert sum(reasons == ["old"] for reasons in obstacles(why).values()) == 8


def test_a_list_that_nothing_can_fill_is_explained_as_well(request_of):
    why = why_of("bought-together", request_of())
    assert (why.listed, why.dropped, why.retrievers) == ([], [], [])


class TestAskedAbout:
    def test_a_product_that_no_retriever_knows(self, als, goods, make_product, visitor, did, request_of):
        did(visitor, Kind.VIEW, goods[0])
        new = make_product("Sofa")
        why = why_of("recommended-for-you", request_of(visitor), limit=3, about=new)
        assert obstacles(why)["Sofa"] == ["unknown"]

    def test_is_told_its_rank_however_low(self, make_product, visitor, did, request_of):
        many = [make_product(f"Chair {number}") for number in range(DEPTH + 10)]
        vectors = np.column_stack([np.linspace(2, 1, len(many)), np.ones(len(many))]).astype(np.float32)
        publish_vectors("als", many, vectors)
        did(visitor, Kind.VIEW, many[0])
        why = why_of("recommended-for-you", request_of(visitor), limit=3, about=many[-2])
        (asked,) = (one for one in why.dropped if one.product == many[-2])
        assert asked.found["als"].rank in (2, DEPTH + 9)
        assert len(why.listed) + len(why.dropped) <= DEPTH + 1
        assert len(asked.added["als"]) == 1


def test_a_blend_says_what_each_retriever_adds(als, goods, visitor, did, request_of, placements):
    for place, product in enumerate(goods):
        ItemScore.objects.create(ranking="trending", product_id=product.pk, score=100 - place)
    placements(home={"KIND": "recommended_for_you", "BLEND": {"personal": 1.0, "trending": 0.5}})
    did(visitor, Kind.VIEW, goods[5])
    why = why_of("home", request_of(visitor), limit=4)
    assert [(one.source, one.weight) for one in why.retrievers] == [("als", 1.0), ("trending", 0.5)]
    for one in why.listed:
        assert sum(one.parts.values()) == pytest.approx(one.worth)
        assert one.parts["trending"] == pytest.approx(0.5 / (60 + one.found["trending"].rank))


def test_rules_leave_their_factor(als, goods, visitor, did, request_of, rule):
    rule(Action.BOOST, goods[8], factor=3.0, name="lamps first")
    did(visitor, Kind.VIEW, goods[0])
    why = why_of("recommended-for-you", request_of(visitor), limit=10)
    (boosted,) = (one for one in why.listed if one.product == goods[8])
    assert boosted.factors == {"lamps first": 3.0}
    fused = sorted((sum(one.parts.values()) for one in why.listed), reverse=True)
    place = fused.index(sum(boosted.parts.values())) + 1
    assert (boosted.place, boosted.worth) == (place, pytest.approx(3 / place))


def test_what_filled_the_list_up_is_a_retriever_without_weight(
    als, goods, make_product, visitor, did, request_of
):
    new = make_product("Sofa")
    ItemScore.objects.create(ranking="popular", product_id=new.pk, score=5)
    did(visitor, Kind.VIEW, goods[0])
    why = why_of("recommended-for-you", request_of(visitor), limit=11)
    assert [(one.source, one.weight) for one in why.retrievers] == [("als", 1.0), ("popular", None)]
    assert why.listed[-1].found["popular"].score == 5


def test_pairs_of_products_add_their_scores(goods, request_of):
    publish_neighbours("bought_together", goods, neighbours({0: {1: 0.9, 2: 0.5}, 5: {2: 0.3}}, n_items=10))
    why = why_of("bought-together", request_of(), seeds=[goods[0], goods[5]])
    added = {
        one.product.name: {event.title: round(amount, 3) for event, amount in one.added["bought_together"]}
        for one in why.listed
    }
    assert added["Chair 2"] == {"Chair 0": 0.25, "Lamp 0": 0.15}


def test_only_few_statements_more_are_made(
    als, goods, visitor, did, request_of, rule, placements, django_assert_max_num_queries
):
    rule(Action.HIDE, goods[7])
    placements(home={"KIND": "recommended_for_you", "FILTER": {"name__contains": " "}})
    did(visitor, Kind.VIEW, goods[0])
    did(visitor, Kind.CART, goods[3])
    # The list takes two or three; all candidates one; available, filter, rule, cart and bought one each.
    with django_assert_max_num_queries(9):
        why_of("home", request_of(visitor), limit=3)
    ask = Ask("home", limit=3)
    with django_assert_max_num_queries(9):
        explained(page_of(Shopper(visitor.pk, None), [ask]), ask)


def test_lists_that_put_the_callers_products_in_order_are_about_these_alone(
    als, goods, visitor, did, request_of
):
    did(visitor, Kind.VIEW, goods[0])
    some = type(goods[0]).objects.filter(pk__in=[product.pk for product in goods[:3]])
    why = why_of("rank", request_of(visitor), products=some)
    assert {one.product for one in [*why.listed, *why.dropped]} == set(goods[:3])


def test_the_page_of_somebody_else_is_what_they_see(als, goods, visitor, did, request_of):
    did(visitor, Kind.VIEW, goods[5], goods[0])
    did(visitor, Kind.CART, goods[1])
    ask = Ask("recommended-for-you", limit=4)
    why = explained(page_of(Shopper(visitor.pk, None), [ask]), ask)
    assert why.recommendations == recommend("recommended-for-you", request_of(visitor), limit=4)
    assert obstacles(why)["Chair 1"] == ["cart"]


def test_another_version_can_be_looked_at_without_being_served(goods, tastes, visitor, did, request_of):
    other = publish_vectors("als", goods, tastes[::-1].copy())
    active = publish_vectors("als", goods, tastes)
    did(visitor, Kind.VIEW, goods[0])
    ask, shopper = Ask("recommended-for-you", limit=4), Shopper(visitor.pk, None)
    served, compared = (
        explained(page_of(shopper, [ask], instead=version), ask) for version in (None, other.pk)
    )
    assert [one.version for one in served.retrievers] == [active.pk]
    assert [one.version for one in compared.retrievers] == [other.pk]
    assert recommend("recommended-for-you", request_of(visitor), limit=4).version == active.pk
    assert served.recommendations != compared.recommendations
