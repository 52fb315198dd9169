"""Pages of the host project."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def product(request: HttpRequest, key: str) -> HttpResponse:
    """A product page, as bare as can be."""
    return HttpResponse(f"product {key}")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("recs/", include("shop_recs.api.urls")),
    path("product/<str:key>/", product, name="product"),
]
