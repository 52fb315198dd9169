"""What visitors were shown and what they do not want to see, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from shop_recs.admin.interactions import OfVisitorAdmin, ReceivedFilter, visitors_with_key
from shop_recs.models import Feedback, Impression


class SeenFilter(ReceivedFilter):
    """The same by the time when something was seen."""

    title = _("seen")
    parameter_name = "seen"
    column = "seen_at"


@admin.register(Impression)
class ImpressionAdmin(OfVisitorAdmin):
    """What came into view, newest first."""

    list_display = ["placement", "ranked", "visitor_link", "seen_at"]
    list_filter = [SeenFilter]
    ordering = ["-seen_at"]
    search_help_text = _("Key of a visitor")
    fields = ["id", "placement", "recommendation_id", "ranked", "visitor_link", "seen_at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Impressions of the visitor whose key was typed; no index knows the products."""
        if not search_term:
            return queryset, False
        return queryset.filter(visitor__in=visitors_with_key(search_term)), False

    @admin.display(description=_("products"))
    def ranked(self, impression: Impression) -> str:
        """Keys of the products in the order of their ranks."""
        ranked = sorted((rank, key) for key, rank in impression.products.items())
        return format_html_join(", ", "{}. {}", ranked)


@admin.register(Feedback)
class FeedbackAdmin(OfVisitorAdmin):
    """What visitors do not want to see, newest first."""

    list_display = ["kind", "product_key", "visitor_link", "created_at"]
    list_filter = ["kind"]
    ordering = ["-id"]
    fields = ["kind", "product_key", "visitor_link", "created_at"]
