"""What each event adds to the score of a product."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

from shop_recs.algorithms import encoders
from shop_recs.algorithms.encoders import Encoder
from shop_recs.models import Kind
from shop_recs.serving import context, ladder, retrieve
from shop_recs.serving.contributions import Method, contributions
from shop_recs.serving.eligible import available
from shop_recs.tracking.identity import Shopper
from tests.serving.versions import neighbours, publish_neighbours, publish_popularity, publish_vectors

USING = "default"


class LastTwo(Encoder):
    """The last vector twice and the one before it, as a network might weigh them."""

    name: ClassVar[str] = "last-two"
    history_length = 2

    def __call__(self, history):
        weights = np.array([2.0, 1.0], dtype=np.float32)[: len(history)]
        return weights @ history.vectors[::-1][:2] if len(history) else None

    def dumps(self):
        return json.dumps({}).encode()

    @classmethod
    def loads(cls, content):
        return cls()


@pytest.fixture
def last_two(monkeypatch):
    monkeypatch.setitem(encoders.ENCODERS, "last-two", f"{__name__}.LastTwo")
    return LastTwo()


@pytest.fixture
def goods(shelves):
    """Chairs 0 to 4, then lamps 0 to 4."""
    return shelves[0] + shelves[1]


def ranked(rung, seen):
    return retrieve.nearest(available(), rung, seen, limit=20)


def added(rung, seen, rows):
    return contributions(rung, seen, [(row.product.pk, row.measured) for row in rows], using=USING)


def of_visitor(visitor):
    return context.of_shopper(Shopper(visitor.pk, None), using=USING)


def test_of_als_they_sum_up_to_the_score(als, goods, visitor, did):
    did(visitor, Kind.VIEW, goods[0], goods[6], goods[0])
    did(visitor, Kind.PURCHASE, goods[2])
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    rows = ranked(rung, seen)
    found = added(rung, seen, rows)
    assert (found.method, found.amounts.shape) == (Method.EXACT, (10, 4))
    np.testing.assert_allclose(found.amounts.sum(axis=1), [row.measured.score for row in rows], rtol=1e-4)


def test_of_als_the_event_of_the_same_group_adds_most(als, goods, visitor, did):
    did(visitor, Kind.VIEW, goods[6], goods[0])
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    rows = ranked(rung, seen)
    found = added(rung, seen, rows)
    for number, row in enumerate(rows):
        place = next(iter(found.of(number)))
        assert seen.events[place].title[:4] == row.product.name[:4]


@pytest.mark.parametrize("unit_norm", [False, True])
def test_of_similar_products_they_sum_up_to_the_cosine(goods, tastes, unit_norm):
    if unit_norm:
        tastes /= np.linalg.norm(tastes, axis=1, keepdims=True)
    publish_vectors("als", goods, tastes * (1 if unit_norm else 3), unit_norm=unit_norm)
    seen = context.of_products([goods[0].pk, goods[1].pk, goods[7].pk], using=USING)
    rung = next(ladder.for_similar(seen))
    rows = ranked(rung, seen)
    found = added(rung, seen, rows)
    assert found.method is Method.EXACT
    np.testing.assert_allclose(
        found.amounts.sum(axis=1), [row.measured.score for row in rows], rtol=1e-4, atol=1e-6
    )


def test_of_neighbours_they_are_weights_times_scores_of_pairs(
    goods, visitor, did, settings, django_assert_num_queries
):
    settings.SHOP_RECS = settings.SHOP_RECS | {"LADDER": ["item_knn"]}
    pairs = {0: {1: 0.9, 2: 0.5}, 5: {2: 0.25, 7: 0.4}}
    publish_neighbours("item_knn", goods, neighbours(pairs, n_items=10))
    did(visitor, Kind.VIEW, goods[0], goods[5])
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    rows = ranked(rung, seen)
    with django_assert_num_queries(1):
        found = added(rung, seen, rows)
    np.testing.assert_allclose(found.amounts.sum(axis=1), [row.measured.score for row in rows], rtol=1e-5)
    both = next(number for number, row in enumerate(rows) if row.product == goods[2])
    assert {seen.events[place].title: round(amount, 2) for place, amount in found.of(both).items()} == {
        "Chair 0": 0.5,
        "Lamp 0": 0.25,
    }


def test_of_a_deleted_product_they_are_kept_without_a_place(goods, visitor, did, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"LADDER": ["item_knn"]}
    publish_neighbours("item_knn", goods, neighbours({0: {1: 0.9}, 5: {1: 0.2}}, n_items=10))
    did(visitor, Kind.VIEW, goods[0], goods[5])
    goods[0].delete()
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    rows = ranked(rung, seen)
    assert added(rung, seen, rows).of(0) == {None: pytest.approx(0.9, rel=1e-3), 1: pytest.approx(0.2)}


def test_of_other_encoders_they_are_what_the_score_loses_without_the_event(
    last_two, goods, tastes, visitor, did
):
    publish_vectors("sasrec", goods, tastes, encoder=last_two)
    did(visitor, Kind.VIEW, goods[0], goods[6], goods[2])
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    rows = ranked(rung, seen)
    found = added(rung, seen, rows)
    assert found.method is Method.LEFT_OUT
    vectors = np.array([tastes[goods.index(row.product)] for row in rows])
    # Without the first nothing changes; without the second the first follows; without the last both move up.
    chair, lamp, other = tastes[[0, 6, 2]]
    expected = [vectors @ np.zeros(4), vectors @ (lamp - chair), vectors @ (2 * other - lamp - chair)]
    np.testing.assert_allclose(found.amounts, np.transpose(expected), rtol=1e-4, atol=1e-5)


def test_an_only_event_left_out_leaves_nothing(last_two, goods, tastes, visitor, did):
    publish_vectors("sasrec", goods, tastes, encoder=last_two)
    did(visitor, Kind.VIEW, goods[0])
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    rows = ranked(rung, seen)
    np.testing.assert_allclose(
        added(rung, seen, rows).amounts[:, 0], [row.measured.score for row in rows], rtol=1e-5
    )


def test_there_are_none_of_what_is_the_same_for_everybody(goods, visitor, did):
    publish_popularity(goods)
    did(visitor, Kind.VIEW, goods[0])
    seen = of_visitor(visitor)
    rung = next(ladder.for_shopper(seen))
    assert added(rung, seen, ranked(rung, seen)) is None
