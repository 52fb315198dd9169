"""What a training reads of the products beside the log."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from django.apps import apps
from django.db.models import QuerySet

from shop_recs.conf import get_product_model
from shop_recs.training import dataset, features


@pytest.fixture
def catalogue(configure, make_product):
    """Products of three categories, one with a single product; a name's feature and each product's code."""
    shelves = [apps.get_model("shop.Category")(name=name) for name in ("chairs", "tables", "lamps")]
    for shelf in shelves:
        shelf.save()
    places = [0, 1, 0, 1, 2, None]
    for place, price in zip(places, (1, 2, 3, 4, 5, 6), strict=True):
        make_product(category=None if place is None else shelves[place], price=price)

    def read(name):
        configure(ITEM_FEATURES=[name])
        (feature,) = features.read()
        keys = list(QuerySet(get_product_model()).order_by("pk").values_list("pk", flat=True))
        return feature, dict(zip(keys, feature.codes.tolist(), strict=True))

    return read


def test_without_the_setting_nothing_is_read(db, make_product, django_assert_num_queries):
    make_product()
    with django_assert_num_queries(0):
        assert features.read() == ()


@pytest.mark.parametrize("name", ["category", "category__name", "category_id"])
def test_products_of_one_category_have_one_code(catalogue, name):
    feature, codes = catalogue(name)
    by_category = {}
    for product in get_product_model().objects.all():
        by_category.setdefault(product.category_id, set()).add(codes[product.pk])
    assert feature.size == 2
    assert by_category.pop(None) == {-1}
    assert sorted(code for codes in by_category.values() for code in codes) == [-1, 0, 1]


def test_prices_are_ranges(catalogue):
    feature, codes = catalogue("price")
    by_price = {product.price: codes[product.pk] for product in get_product_model().objects.all()}
    ordered = [by_price[price] for price in sorted(by_price)]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) == 6
    assert max(ordered) < feature.size


def test_a_range_has_about_as_many_products_as_another():
    prices = np.random.default_rng(0).lognormal(size=2_000).tolist()
    codes = features.ranges("price", prices).codes
    assert np.bincount(codes).tolist() == pytest.approx([100] * features.RANGES, abs=1)


@pytest.mark.parametrize("missing", [None, float("nan"), Decimal("NaN"), float("inf")])
def test_what_is_no_price_is_missing_and_moves_no_other(missing):
    clean = features.ranges("price", [1, 2, 3, -4])
    spoiled = features.ranges("price", [1, 2, missing, 3, -4])
    assert spoiled.codes.tolist() == [*clean.codes[:2], -1, *clean.codes[2:]]
    assert spoiled.size == clean.size


def test_a_shop_without_any_price_has_no_ranges():
    feature = features.ranges("price", [None, float("nan")])
    assert (feature.codes.tolist(), feature.size) == ([-1, -1], 0)


def test_what_only_one_product_has_says_nothing_of_others():
    feature = features.categories("brand", ["Ada", "Bob", "Ada", "", None, " ", "Cy"])
    assert (feature.codes.tolist(), feature.size) == ([0, -1, 0, -1, -1, -1, -1], 1)


def test_the_log_is_read_with_features_of_all_products(log, configure):
    configure(ITEM_FEATURES=["price", "category"])
    read = dataset.read()
    assert [feature.name for feature in read.data.features] == ["price", "category"]
    assert all(len(feature.codes) == len(read.product_keys) for feature in read.data.features)
    assert all(feature.codes.dtype == np.int32 for feature in read.data.features)
    assert read.data.select(read.data.items > 3).features == read.data.features
