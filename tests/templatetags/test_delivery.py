"""Lists that the browser fetches, and pages that no cache may keep."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client
from django.urls import include, path
from django.utils import translation
from django.utils.safestring import mark_safe
from django.views.decorators.cache import cache_page

import shop_recs
from shop_recs.conf import get_product_model
from shop_recs.models import Kind
from shop_recs.serving import recommend
from shop_recs.tracking import failures
from shop_recs.widgets import sealed, unsealed
from tests.serving.conftest import *  # noqa: F403
from tests.tracking.conftest import BROWSER

UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
VISITOR = "shop_recs.middleware.VisitorMiddleware"


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()
    failures._reported.clear()


def render(source, **context):
    return Template("{% load shop_recs cache %}" + source).render(Context(context))


class TestRoom:
    def test_is_an_element_that_fetches_the_list(self, db):
        html = render('{% recommendations "trending" delivery="lazy" limit=4 %}')
        assert (
            '<shop-recs class="shop-recs-room" src="/recs/v1/fragments/trending/?limit=4&amp;language='
            in html
        )
        assert '<script type="module" src="/static/shop_recs/lazy.js"></script>' in html

    def test_is_an_element_of_htmx(self, db):
        html = render('{% recommendations "trending" delivery="htmx" %}')
        assert 'hx-get="/recs/v1/fragments/trending/?language=' in html
        for attribute in ('hx-trigger="intersect once"', 'hx-swap="outerHTML"', 'hx-target="this"'):
            assert attribute in html
        assert "<script" not in html

    @pytest.mark.parametrize("delivery", ["lazy", "htmx"])
    def test_has_a_link_for_who_runs_no_scripts(self, delivery, shelves):
        tag = '{% recommendations "similar-items" seeds=seeds delivery=delivery %}'
        html = render(tag, seeds=shelves[0][:2], delivery=delivery)
        ((url, words),) = re.findall(r'<a href="([^"]+)" rel="nofollow">([^<]+)</a>', html)
        assert words == "Similar items"
        assert Client().get(url.replace("&amp;", "&")).status_code == 200

    def test_names_products_by_their_keys(self, shelves):
        tag = '{% recommendations "similar-items" seeds=seed exclude=others delivery="lazy" %}'
        html = render(tag, seed=shelves[0][0], others=[shelves[0][1], shelves[0][2].pk])
        assert f"seeds={shelves[0][0].pk}&amp;exclude={shelves[0][1].pk},{shelves[0][2].pk}&amp;" in html

    @pytest.mark.django_db(transaction=True)
    def test_is_the_same_for_every_visitor_and_asks_the_database_nothing(
        self, visitor, did, products, request_of, django_assert_num_queries
    ):
        did(visitor, Kind.VIEW, *products)
        tag = '{% recommendations "recommended-for-you" delivery="lazy" heading="Yours" %}'
        with django_assert_num_queries(0):
            rooms = {render(tag, request=request) for request in (request_of(visitor), request_of(), None)}
        assert len(rooms) == 1

    def test_speaks_the_language_of_the_page(self, db):
        with translation.override("de"):
            html = render('{% recommendations "trending" delivery="lazy" %}')
        assert "language=de" in html
        assert ">Gerade gefragt</a>" in html

    def test_has_nothing_inline_that_a_content_policy_would_stop(self, db):
        html = render(
            '{% recommendations "trending" delivery="lazy" %}{% recommendations "a" delivery="htmx" %}'
        )
        assert not re.findall(r"\son\w+=|\sstyle=|<style|<script(?! type=\"module\" src=)", html)

    def test_may_look_otherwise_by_the_shops_templates(self, db, settings, tmp_path):
        (tmp_path / "shop_recs").mkdir()
        (tmp_path / "shop_recs" / "htmx.html").write_text("{{ placement }} {{ fragment }}")
        settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
        assert render('{% recommendations "a" delivery="htmx" %}').startswith("a /recs/v1/fragments/a/")


class TestWrongDelivery:
    @pytest.fixture(autouse=True)
    def _debug(self, settings):
        settings.DEBUG = True

    def test_names_those_that_there_are(self, db):
        with pytest.raises(ValueError, match="delivery is 'lzy'; write 'inline', 'lazy', 'htmx'"):
            render('{% recommendations "trending" delivery="lzy" %}')

    def test_of_a_queryset_says_what_to_do_instead(self, products):
        with pytest.raises(TemplateSyntaxError, match=r"cannot be part of an address.*FILTER"):
            render('{% recommendations "rank" products=products delivery="lazy" %}', products=products)

    @pytest.mark.parametrize("tag", ["recommended_for_you", "similar_items product"])
    def test_of_a_list_without_a_placement_names_the_placement(self, tag):
        slug = tag.split()[0].replace("_", "-")
        with pytest.raises(TemplateSyntaxError, match=f'recommendations "{slug}" delivery='):
            render("{% " + tag + ' delivery="lazy" %}')


class TestLooks:
    def test_travel_signed_and_the_same_every_time(self):
        looks = {"heading": "So & so", "template": "shop/bare.html"}
        assert sealed(looks) == sealed(looks)
        assert unsealed(sealed(looks)) == {"heading": "So &amp; so", "template": "shop/bare.html"}
        assert unsealed(sealed({"heading": mark_safe("<b>So</b>")})) == {"heading": "<b>So</b>"}

    def test_that_somebody_else_chose_are_refused(self):
        forged = sealed({"heading": "Yours"})[:-1] + "_"
        with pytest.raises(ValueError, match="none that a tag of the shop has signed"):
            unsealed(forged)


def test_the_script_has_2_kilobytes_at_most():
    assert (Path(shop_recs.__file__).parent / "static" / "shop_recs" / "lazy.js").stat().st_size <= 2048


def test_an_inline_list_below_a_room_knows_nothing_of_it(products, request_of):
    html = render(
        '{% recommendations "popular" delivery="lazy" %}{% recommendations "trending" limit=9 %}',
        request=request_of(),
    )
    assert html.count("<li ") == 9


LISTS = {
    "for-you": "{% recommended_for_you limit=4 %}",
    "variable": "{% recommended_for_you as recs %}{% for item in recs %}<li >{{ item }}</li>{% endfor %}",
    "similar": "{% similar_items product limit=4 %}",
    "placement": '{% recommendations "recently-viewed" %}',
    "kept": '{% load cache %}{% cache 60 side %}{% recommendations "trending" %}{% endcache %}',
    "lazy": '{% recommendations "recently-viewed" delivery="lazy" %}',
    "htmx": '{% recommendations "recently-viewed" delivery="htmx" %}',
}
SHARED = ("kept", "lazy", "htmx")


def page(request, which):
    product = get_product_model()._default_manager.order_by("pk").last()
    body = render(LISTS[which], request=request, product=product)
    return HttpResponse(body, headers={"Cache-Control": "public, max-age=600"})


def python(request):
    return HttpResponse(", ".join(map(str, recommend("recently-viewed", request))))


urlpatterns = [
    path("recs/", include("shop_recs.api.urls")),
    path("page/<str:which>/", page),
    path("kept/<str:which>/", cache_page(600)(page)),
    path("python/", cache_page(600)(python)),
    path("product/<str:key>/", page, name="product"),
]


@pytest.fixture
def visitors(settings, als, shelves):
    """Two browsers, one of which looked at a chair and one at a lamp; the cookies are those of the shop."""
    settings.ROOT_URLCONF = __name__
    browsers = []
    for product in (shelves[0][0], shelves[1][0]):
        browser = Client(headers={"User-Agent": BROWSER, "Sec-Fetch-Site": "same-origin"})
        event = {"id": str(uuid.uuid4()), "kind": "view", "product": str(product.pk)}
        browser.post("/recs/v1/events/", [event], content_type="application/json")
        browsers.append(browser)
    return browsers


ORDERS = {
    "page cache around the visitor": [UPDATE, VISITOR, FETCH],
    "visitor around the page cache": [VISITOR, UPDATE, FETCH],
}


@pytest.fixture(params=["cache_page", *ORDERS])
def prefix(request, settings):
    """Where the pages lie that Django's own cache keeps."""
    if request.param == "cache_page":
        return "kept"
    others = [middleware for middleware in settings.MIDDLEWARE if middleware != VISITOR]
    around, within, fetch = ORDERS[request.param]
    settings.MIDDLEWARE = [around, within, *others, fetch]
    return "page"


@pytest.mark.parametrize("which", [name for name in LISTS if name not in SHARED])
def test_a_page_with_somebodys_list_is_kept_by_no_cache(which, prefix, visitors):
    first, second = (browser.get(f"/{prefix}/{which}/") for browser in visitors)
    assert "private" in first.headers["Cache-Control"]
    assert "public" not in first.headers["Cache-Control"]
    assert "<li " in first.content.decode()
    assert not [key for key in cache._cache if "throttle" not in key]
    assert first.content != second.content


@pytest.mark.parametrize("which", SHARED)
def test_a_page_with_the_same_for_everybody_is_kept(which, prefix, visitors, monkeypatch):
    first = visitors[0].get(f"/{prefix}/{which}/")
    assert "private" not in first.headers["Cache-Control"]
    monkeypatch.setitem(LISTS, which, "made anew")
    assert visitors[1].get(f"/{prefix}/{which}/").content == first.content


def test_a_list_in_python_keeps_the_page_out_of_caches_too(visitors, settings):
    first, second = (browser.get("/python/") for browser in visitors)
    assert (first.content, second.content) == (b"Chair 0", b"Lamp 0")


class TestPartOfAPageThatACacheKeeps:
    def test_shows_no_personal_list(self, settings, als, products, request_of):
        settings.DEBUG = True
        for tag in ('{% recommendations "recently-viewed" %}', "{% recommended_for_you %}"):
            with pytest.raises(TemplateSyntaxError, match=r"\{% cache %\} would show the personal list"):
                render("{% cache 60 side page %}<b>" + tag + "</b>{% endcache %}", request=request_of())

    def test_shows_what_is_the_same_for_everybody(self, als, shelves, visitor, did, request_of):
        did(visitor, Kind.CART, *shelves[0][1:])
        source = "{% cache 60 side %}{% similar_items seed limit=4 %}{% endcache %}"
        html = render(source, seed=shelves[0][0], request=request_of(visitor))
        assert html == render(source, seed=None, request=request_of())
        assert html.count(">Chair ") == 4
        trending = '{% cache 60 top %}{% recommendations "trending" limit=3 %}{% endcache %}'
        assert render(trending, request=request_of(visitor)).count("<li ") == 3
