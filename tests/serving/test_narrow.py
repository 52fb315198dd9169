"""Which filters are remembered as narrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from django.db.models import Value

from shop_recs.conf import get_product_model
from shop_recs.serving import eligible, narrow
from shop_recs.tracking.identity import Shopper


def cheaper_than(price):
    return get_product_model().objects.filter(price__lt=price)


def test_a_filter_is_known_by_its_conditions_and_their_values():
    narrow.remember(cheaper_than(5))
    assert narrow.is_narrow(cheaper_than(5))
    assert narrow.is_narrow(cheaper_than(5).order_by("name").select_related("category"))
    assert not narrow.is_narrow(cheaper_than(6))
    assert not narrow.is_narrow(cheaper_than(5).exclude(name="Chair"))
    assert not narrow.is_narrow(get_product_model().objects.all())


def test_a_filter_is_forgotten_after_a_while(monkeypatch):
    monkeypatch.setattr(narrow, "LASTS", 0.0)
    narrow.remember(cheaper_than(5))
    assert not narrow.is_narrow(cheaper_than(5))


def test_so_many_filters_are_remembered_and_the_latest(monkeypatch):
    monkeypatch.setattr(narrow, "REMEMBERED_AT_MOST", 2)
    for price in (1, 2, 1, 3):
        narrow.remember(cheaper_than(price))
    assert [narrow.is_narrow(cheaper_than(price)) for price in (1, 2, 3)] == [True, False, True]


@dataclass
class Price:
    """A value of the shop's own that cannot be hashed."""

    cents: int


@pytest.mark.parametrize("cents", [lambda: Value(Price(100)), lambda: cheaper_than(5).values("price")])
def test_what_compares_with_nothing_is_not_remembered(cents):
    narrow.remember(cheaper_than(cents()))
    assert not narrow.is_narrow(cheaper_than(cents()))


def test_only_what_the_filter_explains_makes_it_narrow():
    nobody, somebody = eligible.NOTHING, Shopper(uuid4(), None)
    for unwanted, asked in (
        (nobody, 3_000),
        (replace(nobody, keys=list(range(1_990))), 12),
        (replace(nobody, shopper=somebody), 12),
        (replace(nobody, feedback_of=somebody), 12),
    ):
        narrow.remember(cheaper_than(5), unwanted=unwanted, asked=asked)
        assert not narrow.is_narrow(cheaper_than(5))
    narrow.remember(cheaper_than(5))
    assert narrow.is_narrow(cheaper_than(5))
