"""The routes, versioned: `v1/`."""

from __future__ import annotations

from django.urls import include, path

from shop_recs.api import events, fragments, models, placements, recommendations

app_name = "shop_recs"
lists = [*recommendations.urlpatterns, *placements.urlpatterns, *fragments.urlpatterns]
urlpatterns = [
    path("v1/", include([*lists, *events.urlpatterns, *models.urlpatterns])),
]
