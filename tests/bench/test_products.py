"""Products that nobody sells are made for any model."""

from __future__ import annotations

import pytest

from shop_recs.bench import filters
from shop_recs.bench.products import invent_products
from shop_recs.conf import get_product_model
from shop_recs.exceptions import CannotMeasure

pytestmark = pytest.mark.django_db


def test_as_many_products_are_invented_as_are_asked_for():
    keys = invent_products(150)
    products = get_product_model()._default_manager.filter(pk__in=keys)
    assert len(keys) == 150
    assert keys == sorted(keys)
    assert len(set(products.values_list("name", flat=True))) == 150


def test_what_may_be_shown_is_true_of_invented_products(settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "AVAILABLE": {"is_active": True, "price__gt": 9, "category__name__gt": ""}
    }
    assert len(invent_products(10)) == 10


def test_a_shop_that_shows_none_of_them_is_told_so(settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"AVAILABLE": {"price__gt": 1_000}}
    with pytest.raises(CannotMeasure, match="0 are available"):
        invent_products(10)


def test_a_hidden_filter_keeps_about_its_share():
    invent_products(4_000)
    kept = filters.scattered(get_product_model()._default_manager.all(), 0.1).count()
    assert 300 < kept < 500
