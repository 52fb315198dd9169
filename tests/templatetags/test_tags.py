"""The tags in a shop's page."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction
from django.template import Context, Template, TemplateSyntaxError
from django.test import override_settings
from django.utils import translation

from shop_recs.conf import get_product_model
from shop_recs.models import Kind
from shop_recs.tracking import failures
from tests.serving.conftest import *  # noqa: F403
from tests.serving.versions import publish_popularity, publish_vectors


@pytest.fixture(autouse=True)
def _nothing_reported():
    failures._reported.clear()


@pytest.fixture
def shop(shelves, tastes, visitor, did, request_of):
    publish_vectors("als", shelves[0] + shelves[1], tastes)
    publish_popularity(shelves[1])
    did(visitor, Kind.VIEW, shelves[0][0])
    return {"request": request_of(visitor), "product": shelves[0][0], "lamps": lamps(), "chairs": shelves[0]}


def lamps():
    return get_product_model().objects.filter(name__startswith="Lamp")


def render(source, context):
    return Template("{% load shop_recs %}" + source).render(Context(context))


def titles(html):
    return re.findall(r'class="shop-recs__title">([^<]*)<', html)


def test_recommendations_are_a_list_under_a_heading(shop):
    html = render("{% recommended_for_you limit=3 %}", shop)
    (heading,) = re.findall(r'<h2 class="shop-recs__heading" id="([^"]+)">Recommended for you</h2>', html)
    assert html.count(f'aria-labelledby="{heading}"') == 2
    assert len(titles(html)) == html.count("<li ") == 3
    assert '<ul class="shop-recs__list" role="list" tabindex="0"' in html


def test_similar_items_have_a_heading_of_their_own(shop):
    html = render("{% similar_items product limit=2 %}", shop)
    assert "Similar items</h2>" in html
    assert html.count("shop-recs__title") == 2


def test_only_a_list_from_several_products_says_which_of_them_a_card_is_like(shop, visitor, request_of):
    below_one = render("{% similar_items product limit=4 %}", shop)
    of_a_cart = render(
        "{% similar_items seeds limit=8 %}",
        {"request": request_of(visitor), "seeds": [shop["product"], shop["lamps"][0]]},
    )
    assert "similar to" not in below_one
    assert "similar to Chair 0" in of_a_cart
    assert "similar to Lamp 0" in of_a_cart


def test_several_products_may_be_the_start(shop):
    assert titles(render("{% similar_items chairs limit=2 %}", shop)) != []


def test_the_page_chooses_heading_products_and_what_is_left_out(shop):
    source = "{% recommended_for_you heading=heading products=lamps exclude=lamps|slice:':2' %}"
    html = render(source, shop | {"heading": "Light & warmth"})
    assert "Light &amp; warmth</h2>" in html
    assert set(titles(html)) == {"Lamp 2", "Lamp 3", "Lamp 4"}


def test_the_current_product_is_left_out(shop):
    assert "Chair 0" in titles(render("{% recommended_for_you %}", shop))
    assert "Chair 0" not in titles(render("{% recommended_for_you product=product %}", shop))


def test_a_variable_takes_the_list_instead(shop):
    ranks = "{% for product in recs %}{{ product.recommendation.rank }}{% endfor %}"
    assert render("{% recommended_for_you limit=2 as recs %}{{ recs.rung }}:" + ranks, shop) == "als:12"
    source = "{% similar_items product limit=2 as recs %}{{ recs|length }}{{ recs.0.recommendation.reason }}"
    assert render(source, shop) == "2similar to Chair 0"


def test_an_empty_list_renders_nothing_at_all(shop):
    empty = shop | {"lamps": lamps().none()}
    assert (
        render("{% recommended_for_you products=lamps %}{% similar_items product products=lamps %}", empty)
        == ""
    )


def test_images_keep_their_place_before_they_load(shop):
    model = get_product_model()
    model.objects.update(image="products/one.jpg")
    (image, *_) = re.findall(r"<img [^>]*>", render("{% recommended_for_you %}", shop))
    assert 'src="/media/products/one.jpg"' in image
    for attribute in ('width="300"', 'height="300"', 'loading="lazy"', 'decoding="async"', 'alt=""'):
        assert attribute in image


def test_no_script_or_style_stands_in_the_page(shop):
    html = render("{% recommended_for_you feedback='hide' %}{% similar_items product %}", shop)
    assert set(re.findall(r"<script[^>]*>.?", html)) == {
        f'<script type="module" src="/static/shop_recs/{name}.js"><' for name in ("track", "feedback")
    }
    assert "<style" not in html
    assert "style=" not in html
    assert not re.findall(r"\son\w+=", html)


HOSTILE = "</span><script>alert(1)</script>\"'{{ 1 }}&{title}"


def test_hostile_titles_are_only_text(shop):
    get_product_model().objects.update(name=HOSTILE)
    html = render("{% recommended_for_you feedback='hide' %}{% similar_items product %}", shop)
    assert "<script>" not in html
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    assert "{{ 1 }}" in html


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("/chair/", True),
        ("chair?a=1:2", True),
        ("https://shop.example/chair", True),
        ("HTTP://shop.example/chair", True),
        ("//shop.example/chair", True),
        ("javascript:alert(1)", False),
        (" JavaScript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("\x01javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("vbscript:x", False),
    ],
)
def test_only_harmless_addresses_become_links(shop, url, linked, monkeypatch):
    monkeypatch.setattr(get_product_model(), "get_absolute_url", lambda product: url)
    html = render("{% recommended_for_you limit=1 %}", shop)
    assert ("href=" in html.replace('<link rel="stylesheet" href=', "")) is linked


def test_a_product_without_a_page_price_or_image_still_has_a_card(shop, settings, monkeypatch):
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "PRODUCT_FIELDS": {"price": None, "image": "photo", "title": "label"}
    }
    monkeypatch.delattr(get_product_model(), "get_absolute_url")
    html = render("{% recommended_for_you limit=1 %}", shop)
    assert len(titles(html)) == 1
    assert "<a" not in html
    assert "shop-recs__price" not in html
    assert "<img" not in html


def test_a_shop_may_bring_its_own_templates(shop, settings, tmp_path):
    (tmp_path / "shop_recs").mkdir()
    (tmp_path / "shop_recs" / "similar_items_item.html").write_text("[{{ product.name }}]")
    (tmp_path / "bare.html").write_text("{% for item in items %}{{ item.card.title }};{% endfor %}")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    assert "[Chair" in render("{% similar_items product limit=1 %}", shop)
    assert "[Chair" not in render("{% recommended_for_you limit=1 %}", shop)
    assert render("{% similar_items product limit=1 template='bare.html' %}", shop).startswith("Chair")


@pytest.mark.parametrize(
    "source",
    [
        "{% recommended_for_you 12 %}",
        "{% recommended_for_you lmit=12 %}",
        "{% similar_items %}",
        "{% similar_items product other %}",
        "{% similar_items product heading='x' as recs %}",
    ],
)
def test_a_wrong_tag_is_answered_with_the_right_one(source):
    with pytest.raises(TemplateSyntaxError, match=r"is not understood; write \{% (recommended|similar)"):
        render(source, {})


class TestFailure:
    BROKEN = (
        "before {% recommended_for_you products=nonsense %}"
        "{% similar_items nonsense as recs %}{{ recs|length }} after"
    )

    def test_leaves_the_page_and_is_logged_once(self, shop, caplog):
        for _ in range(3):
            assert render(self.BROKEN, shop | {"nonsense": [1]}) == "before 0 after"
        assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]

    def test_is_raised_in_debug(self, shop):
        with override_settings(DEBUG=True), pytest.raises(TypeError):
            render(self.BROKEN, shop | {"nonsense": [1]})

    def test_of_the_database_leaves_the_pages_transaction_usable(self, shop):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE shop_recs_activemodel RENAME TO gone")
        with transaction.atomic():
            assert "new in the shop" in render("{% recommended_for_you %}", shop)
            assert get_product_model().objects.count() == 10

    def test_of_a_missing_request_says_what_to_add(self, shop):
        with override_settings(DEBUG=True), pytest.raises(LookupError, match=r"context_processors\.request"):
            render("{% recommended_for_you %}", {})


@pytest.mark.django_db(transaction=True)
def test_a_widget_costs_the_queries_of_its_list(shop, django_assert_num_queries):
    with django_assert_num_queries(2):
        render("{% recommended_for_you limit=3 %}", shop)


def test_the_beacon_is_in_the_same_library(shop):
    assert "shop_recs/track.js" in render("{% track_view product %}", shop)


def test_the_widget_speaks_german(shop):
    with translation.override("de"):
        html = render("{% recommended_for_you limit=1 %}{% similar_items product limit=1 %}", shop)
        html += render(
            "{% similar_items product limit=1 as items %}{{ items.0.recommendation.reason }}", shop
        )
    assert "Empfohlen für Sie" in html
    assert "Ähnliche Artikel" in html
    assert "ähnlich wie Chair 0" in html


def test_a_placement_stands_where_its_slug_is_named(shop):
    html = render('{% recommendations "recommended-for-you" limit=3 %}', shop)
    assert "Recommended for you</h2>" in html
    assert len(titles(html)) == 3


def test_placements_of_one_page_do_not_repeat_a_product(shop):
    both = render(
        '{% recommendations "recommended-for-you" limit=4 %}{% recommendations "popular" limit=4 %}', shop
    )
    assert len(titles(both)) == len(set(titles(both))) == 8


def test_lists_of_one_page_do_not_repeat_a_product_whichever_tag_makes_them(shop):
    page = render(
        "{% similar_items product limit=2 %}{% recommended_for_you limit=4 as mine %}"
        '{% for product in mine %}<b class="shop-recs__title">{{ product.name }}</b>{% endfor %}'
        '{% recommendations "popular" limit=2 %}',
        shop,
    )
    assert len(titles(page)) == len(set(titles(page))) == 8


def test_a_placement_that_there_is_not_leaves_the_page_alone(shop, settings):
    settings.DEBUG = False
    assert render('a{% recommendations "nowhere" %}b', shop) == "ab"
