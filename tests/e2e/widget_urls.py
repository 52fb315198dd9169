"""A page with one list and nothing else of the shop's, in either direction of writing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import path

PAGE = Template(
    '<!doctype html><html lang="en" dir="{{ direction }}"><meta name="color-scheme" content="light dark">'
    '<title>Product</title><link rel="icon" href="data:,">'
    '{% load shop_recs %}{% recommended_for_you %}<p id="below">Below</p>'
)


def product(request: HttpRequest, key: str = "") -> HttpResponse:
    direction = request.GET.get("dir", "ltr")
    return HttpResponse(PAGE.render(Context({"request": request, "direction": direction})))


urlpatterns = [path("", product), path("product/<str:key>/", product, name="product")]
