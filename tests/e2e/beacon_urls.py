"""A product page that comes from a cache: the same bytes for everybody, under a strict policy for scripts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import include, path

from shop_recs.conf import get_product_model

PAGE = Template(
    '<!doctype html><title>Product</title><link rel="icon" href="data:,">'
    "{% load shop_recs %}{% track_view product %}"
)
POLICY = "default-src 'self'; script-src 'self'; img-src data:"


def product(request: HttpRequest, key: str) -> HttpResponse:
    page = PAGE.render(Context({"product": get_product_model()._default_manager.get(pk=key)}))
    return HttpResponse(page, headers={"Content-Security-Policy": POLICY})


urlpatterns = [
    path("recs/", include("shop_recs.api.urls")),
    path("product/<str:key>/", product, name="product"),
]
