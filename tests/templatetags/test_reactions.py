"""What a widget says for the browser to report, and its buttons."""

from __future__ import annotations

import re

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client, override_settings
from django.utils import translation

from shop_recs.tracking import failures
from tests.serving.conftest import *  # noqa: F403

MARK = re.compile(
    r'<data hidden value="([^"]+)" data-shop-recs-list="([^"]+)" data-placement="([^"]*)"></data>'
)
TRACK = '<script type="module" src="/static/shop_recs/track.js"></script>'
FEEDBACK = '<script type="module" src="/static/shop_recs/feedback.js"></script>'


@pytest.fixture(autouse=True)
def _nothing_reported():
    failures._reported.clear()


@pytest.fixture
def shop(shelves, visitor, request_of):
    return {"request": request_of(visitor), "chairs": shelves[0]}


def render(source, context):
    return Template("{% load shop_recs %}" + source).render(Context(context))


def buttons(html):
    return re.findall(r"<button [^>]+>", html)


@override_settings(USE_THOUSAND_SEPARATOR=True, LANGUAGE_CODE="de")
def test_a_list_says_who_it_is_where_to_report_it_and_which_products_it_has(shop):
    html = render('{% recommendations "trending" limit=3 %}', shop)
    ((name, url, placement),) = MARK.findall(html)
    assert (url, placement) == ("/recs/v1/impressions/", "trending")
    assert f'data-recommendation="{name}"' in html
    keys = set(re.findall(r'data-product="([^"]+)"', html))
    assert len(keys) == 3
    assert TRACK in html


def test_a_template_of_the_shops_own_loses_none_of_it(shop, tmp_path, settings):
    (tmp_path / "mine.html").write_text("{{ recommendations|length }} products")
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]
    html = render('{% recommendations "trending" limit=3 template="mine.html" %}', shop)
    assert html.startswith("3 products")
    assert len(MARK.findall(html)) == 1


def test_a_list_in_markup_of_the_shops_own_can_say_it_too(shop):
    html = render('{% recommendations "trending" as list %}{% track_list list %}', shop)
    assert len(MARK.findall(html)) == 1
    assert render('{% recommendations "buy-again" as list %}{% track_list list %}', shop) == ""


def test_where_nothing_is_kept_or_nobody_listens_nothing_is_said(shop, settings, caplog):
    settings.ROOT_URLCONF = "tests.e2e.widget_urls"  # without the API
    html = render('{% recommendations "trending" limit=3 %}', shop)
    settings.ROOT_URLCONF = "tests.urls"
    settings.SHOP_RECS = settings.SHOP_RECS | {"IMPRESSION_DAYS": 0}
    html += render('{% recommendations "trending" limit=3 %}', shop)
    html += render('{% recommendations "trending" delivery="lazy" %}', shop)
    assert html.count("shop-recs__title") == 6
    assert "track.js" not in html
    assert "data-shop-recs-list" not in html
    assert caplog.text == ""


def test_a_list_that_comes_later_finds_the_module_in_the_page(shop):
    assert TRACK in render('{% recommendations "trending" delivery="lazy" %}', shop)
    html = render('{% recommendations "trending" delivery="lazy" feedback="hide" %}', shop)
    assert FEEDBACK in html
    fragment = re.findall(r'src="(/recs/v1/fragments[^"]+)"', html)[0].replace("&amp;", "&")
    assert len(buttons(Client().get(fragment).content.decode())) == 10


@pytest.mark.parametrize(("kind", "words"), [("hide", "Hide {}"), ("not_interested", "Not interested in {}")])
def test_a_button_stands_on_each_card_where_the_page_asks_for_it(shop, kind, words):
    html = render("{% recommendations 'trending' limit=3 feedback=kind %}", shop | {"kind": kind})
    titles = re.findall(r'class="shop-recs__title">([^<]*)<', html)
    keys = re.findall(r'data-product="([^"]+)"', html)
    assert len(buttons(html)) == 3
    for button, title, key in zip(buttons(html), titles, keys, strict=True):
        assert f'name="{kind}" value="{key}"' in button
        assert f'aria-label="{words.format(title)}"' in button
        assert f'data-undo="Show {title} again"' in button
        assert 'data-shop-recs-feedback="/recs/v1/feedback/"' in button
    assert FEEDBACK in html


def test_a_button_speaks_german(shop):
    with translation.override("de"):
        html = render('{% recommendations "trending" limit=1 feedback="not_interested" %}', shop)
    assert "Kein Interesse an " in html
    assert "wieder zeigen" in html


def test_without_being_asked_there_is_no_button(shop):
    html = render('{% recommendations "trending" limit=3 %}', shop)
    assert buttons(html) == []
    assert "feedback.js" not in html


@pytest.mark.parametrize("delivery", ["inline", "lazy"])
def test_a_button_that_says_something_else_is_refused_with_what_to_write(shop, delivery, settings):
    settings.DEBUG = True
    with pytest.raises((ValueError, TemplateSyntaxError), match="write 'hide' or 'not_interested'"):
        render(
            "{% recommendations 'trending' feedback='burn' delivery=delivery %}",
            shop | {"delivery": delivery},
        )
