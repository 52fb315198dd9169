"""A page with a list below the fold, one that comes later, and buttons on cards; under a strict policy."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import include, path

PAGE = Template(
    '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">'
    "{% load shop_recs %}"
    '<div style="height: {{ above }}px"></div>'
    '{% recommendations "home" limit=4 feedback="not_interested" %}'
    '{% if later %}<div style="height: 3000px"></div>'
    '{% recommendations "trending" delivery="lazy" limit=4 %}{% endif %}'
)
POLICY = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def is_bot(request: HttpRequest) -> bool:
    """What leaves a page that is being left names headless Chromium, whatever the browser was told to say."""
    return False


def page(request: HttpRequest) -> HttpResponse:
    above, later = request.GET.get("above", 0), "later" in request.GET
    html = PAGE.render(Context({"request": request, "above": above, "later": later}))
    return HttpResponse(html, headers={"Content-Security-Policy": POLICY})


def product(request: HttpRequest, key: str) -> HttpResponse:
    return HttpResponse('<!doctype html><title>Product</title><link rel="icon" href="data:,">')


urlpatterns = [
    path("recs/", include("shop_recs.api.urls")),
    path("product/<str:key>/", product, name="product"),
    path("", page),
]
