"""The routes, versioned: `v1/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "shop_recs"
urlpatterns: list[URLPattern | URLResolver] = []
