"""Places given away one after another: whatever is wished, nothing better is left out without need."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from shop_recs.serving.arrangement import Cap, Quota, Wishes, arranged
from shop_recs.serving.retrieve import Row
from shop_recs.serving.rungs import Measured


def rows_of(count, **known):
    """Rows 0, 1, 2 … from the best down; each keyword is a function of the number."""
    return [
        Row(
            SimpleNamespace(pk=number),
            None,
            Measured(0.0),
            known={name: value(number) for name, value in known.items()},
        )
        for number in range(count)
    ]


def numbers(rows):
    return [row.product.pk for row in rows]


def test_without_a_wish_the_best_come_first():
    assert numbers(arranged(rows_of(9), Wishes(), limit=4)) == [0, 1, 2, 3]


def test_pins_take_their_places_and_the_others_keep_their_order():
    assert numbers(arranged(rows_of(9), Wishes(pins={2: 8, 4: 0}), limit=5)) == [1, 8, 2, 0, 3]


def test_a_pin_that_is_no_candidate_leaves_its_place_to_the_next():
    assert numbers(arranged(rows_of(3), Wishes(pins={1: 77}), limit=3)) == [0, 1, 2]


def test_a_pin_beyond_the_end_of_a_short_list_comes_last():
    assert numbers(arranged(rows_of(3), Wishes(pins={9: 0}), limit=12)) == [1, 2, 0]


@pytest.mark.parametrize("at_most", [1, 2, 3])
def test_a_cap_lets_the_best_of_each_value_through(at_most):
    rows = rows_of(30, brand=lambda number: number % 3 if number < 20 else number)
    found = numbers(arranged(rows, Wishes(caps=[Cap(at_most, "brand")]), limit=12))
    expected, counts = [], {}
    for row in rows:  # the plain way to do it
        brand = row.known["brand"]
        if counts.get(brand, 0) < at_most:
            counts[brand] = counts.get(brand, 0) + 1
            expected.append(row.product.pk)
    assert found == expected[:12]


def test_what_is_pinned_further_down_counts_for_a_cap_from_the_first_place():
    rows = rows_of(9, brand=lambda number: number % 3)
    found = numbers(arranged(rows, Wishes(pins={4: 6}, caps=[Cap(1, "brand")]), limit=4))
    assert found == [1, 2, 6]  # 6 comes of brand 0, and after these there is no other
    assert numbers(arranged(rows, Wishes(pins={4: 6}, caps=[Cap(2, "brand")]), limit=4)) == [0, 1, 2, 6]


def test_products_without_a_value_are_not_capped():
    rows = rows_of(5, brand=lambda number: None)
    assert len(arranged(rows, Wishes(caps=[Cap(1, "brand")]), limit=5)) == 5


def test_caps_of_two_fields_hold_together():
    rows = rows_of(40, brand=lambda number: number % 5, shelf=lambda number: number // 10)
    found = arranged(rows, Wishes(caps=[Cap(2, "brand"), Cap(3, "shelf")]), limit=40)
    for name, at_most in (("brand", 2), ("shelf", 3)):
        values = [row.known[name] for row in found]
        assert max(values.count(value) for value in values) <= at_most


@pytest.mark.parametrize(("share", "expected"), [(0.25, 3), (0.3, 4), (0.5, 6), (1.0, 12)])
def test_a_quota_is_reached_and_spread_over_the_list(share, expected):
    rows = rows_of(60, own=lambda number: number >= 30)
    found = arranged(rows, Wishes(quotas=[Quota(share, "own")]), limit=12)
    own = [row.known["own"] for row in found]
    assert sum(own) == expected
    for place in range(1, 13):  # each prefix has its part
        assert sum(own[:place]) >= expected * place // 12
    assert [n for n in numbers(found) if n < 30] == list(range(12 - expected))


def test_a_quota_that_the_best_fill_anyway_changes_nothing():
    rows = rows_of(30, own=lambda number: number < 10)
    assert numbers(arranged(rows, Wishes(quotas=[Quota(0.5, "own")]), limit=10)) == list(range(10))


def test_a_quota_takes_what_there_is():
    rows = rows_of(30, own=lambda number: number == 29)
    found = numbers(arranged(rows, Wishes(quotas=[Quota(0.5, "own")]), limit=10))
    assert len(found) == 10
    assert 29 in found


def test_one_product_may_serve_two_quotas():
    rows = rows_of(30, own=lambda n: n in (20, 21), new=lambda n: n in (21, 22))
    found = numbers(arranged(rows, Wishes(quotas=[Quota(0.1, "own"), Quota(0.1, "new")]), limit=10))
    assert {20, 21, 22} & set(found) == {21}


def test_what_is_only_explored_has_no_other_places():
    rows = rows_of(30, explored=lambda number: number >= 3)
    found = arranged(rows, Wishes(quotas=[Quota(0.2, "explored", only=True)]), limit=10)
    assert numbers(found) == [0, 1, 2, 3, 4]
    rows = rows_of(30, explored=lambda number: number >= 20)
    found = arranged(rows, Wishes(quotas=[Quota(0.2, "explored", only=True)]), limit=10)
    assert [row.product.pk >= 20 for row in found].count(True) == 2


def test_maximal_marginal_relevance_agrees_with_its_definition():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    rows = [Row(SimpleNamespace(pk=n), None, Measured(0.0, vector=vectors[n])) for n in range(40)]
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance, chosen = np.linspace(1, 0, 40), []
    for _ in range(10):
        worths = {
            n: 0.6 * relevance[n] - 0.4 * max([0.0, *(float(units[n] @ units[other]) for other in chosen)])
            for n in range(40)
            if n not in chosen
        }
        chosen.append(max(worths, key=worths.__getitem__))
    assert numbers(arranged(rows, Wishes(diversity=0.4), limit=10)) == chosen
