"""The markup that lets browsers report views."""

from __future__ import annotations

from pathlib import Path

from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import RequestFactory

TAG = Template("{% load shop_recs %}{% track_view product %}")


def test_the_markup_has_no_inline_script_and_nothing_of_the_visitor(make_product):
    product = make_product("Red chair")
    pages = {
        TAG.render(Context({"product": product, "request": RequestFactory(headers=headers).get("/")}))
        for headers in ({"user-agent": "one"}, {"cookie": "shop_recs_visitor=x"})
    }
    assert pages == {
        f'<data hidden value="{product.pk}" data-shop-recs-view="/recs/v1/events/"></data>'
        '<script type="module" src="/static/shop_recs/track.js"></script>'
    }


def test_a_wrong_product_leaves_the_page_whole(db, caplog):
    assert TAG.render(Context({})) == ""
    assert "Could not track a view" in caplog.text


def test_the_module_is_small():
    assert Path(finders.find("shop_recs/track.js")).stat().st_size <= 4_096
