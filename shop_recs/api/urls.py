"""The routes, versioned: `v1/`."""

from __future__ import annotations

from django.urls import include, path

from shop_recs.api import events, feedback, fragments, impressions, models, placements, recommendations

app_name = "shop_recs"
lists = [*recommendations.urlpatterns, *placements.urlpatterns, *fragments.urlpatterns]
reports = [*events.urlpatterns, *impressions.urlpatterns, *feedback.urlpatterns]
urlpatterns = [
    path("v1/", include([*lists, *reports, *models.urlpatterns])),
]
