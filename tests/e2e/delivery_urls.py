"""Pages whose lists are delivered in one way or the other, before the caches of a shop."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import include, path

from shop_recs.conf import get_product_model
from shop_recs.tracking.record import record_cart, record_view

PERSONAL = ("recently-viewed", "still-in-mind", "recommended-for-you", "similar-items")
NEUTRAL = ("trending", "similar")
DELIVERIES = ("inline", "lazy", "htmx")

PAGE = Template(
    '<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">'
    '<meta name="htmx-config" content=\'{"includeIndicatorStyles": false, "allowEval": false}\'>'
    '{% load shop_recs static %}{% if htmx %}<script src="{% static htmx %}" defer></script>{% endif %}'
    "<h1>{{ delivery }}</h1>{% if far %}<pre>{{ far }}</pre>{% endif %}"
    "{% for slug in slugs %}<article id={{ slug }}>"
    "{% recommendations slug seeds=seeds limit=4 delivery=delivery %}</article>{% endfor %}"
    '<p id="below">below</p>'
)
POLICY = "default-src 'self'; img-src 'self' data:"


def made(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Innermost of all: an answer that comes a second time under the same name comes from a cache."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers["X-Made"] = str(uuid4())
        return response

    return middleware


def page(request: HttpRequest, delivery: str) -> HttpResponse:
    """A page with several lists, by `?far` out of sight, which says nothing of caches."""
    context = {
        "request": request,
        "delivery": delivery,
        "slugs": request.GET.getlist("slug") or [*PERSONAL, *NEUTRAL],
        "seeds": [get_product_model()._default_manager.get(name="Chair 4")],
        "htmx": request.GET.get("htmx"),
        "far": "\n" * 300 if "far" in request.GET else "",
    }
    return HttpResponse(PAGE.render(Context(context)), headers={"Content-Security-Policy": POLICY})


def product(request: HttpRequest, key: str) -> HttpResponse:
    """A product's page, which counts the view; with `?cart` it goes into the cart, too."""
    shown = get_product_model()._default_manager.get(pk=key)
    (record_cart if "cart" in request.GET else record_view)(request, shown)
    return HttpResponse(f"<!doctype html><title>{shown}</title>")


urlpatterns = [
    path("recs/", include("shop_recs.api.urls")),
    path("product/<str:key>/", product, name="product"),
    path("<str:delivery>/", page),
]
