"""No routes."""

from __future__ import annotations

app_name = "shop_recs"
urlpatterns: list[object] = []
