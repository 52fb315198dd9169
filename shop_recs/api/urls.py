"""The routes, versioned: `v1/`."""

from __future__ import annotations

from django.urls import include, path

from shop_recs.api import events, models, recommendations

app_name = "shop_recs"
urlpatterns = [
    path("v1/", include([*recommendations.urlpatterns, *events.urlpatterns, *models.urlpatterns])),
]
