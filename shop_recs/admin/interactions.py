"""The log and its visitors, to look at."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from shop_recs.admin.readonly import BoundedPaginator, ReadOnlyAdmin
from shop_recs.models import Interaction, Visitor

ONE_DAY = timedelta(days=1)
WINDOWS = {"7": timedelta(days=7), "30": timedelta(days=30)}


class ReceivedFilter(admin.SimpleListFilter):
    """The last day unless told otherwise: sorting a whole log for its newest page would take too long."""

    title = _("received")
    parameter_name = "received"
    column = "received_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("7", _("Past 7 days")), ("30", _("Past 30 days")), ("all", _("Any time"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        unset, *others = super().choices(changelist)
        yield {**unset, "display": _("Past 24 hours, any time when searching")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all" or (self.value() is None and request.GET.get(SEARCH_VAR)):
            return queryset
        window = WINDOWS.get(str(self.value()), ONE_DAY)
        return queryset.filter(**{f"{self.column}__gte": timezone.now() - window})


class OfVisitorAdmin(ReadOnlyAdmin):
    """Rows of visitors, found by the key of the visitor or of the product."""

    paginator = BoundedPaginator
    search_fields = ["id"]
    search_help_text = _("Key of a visitor or of a product")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows of the visitor whose key was typed, else of the product."""
        if not search_term:
            return queryset, False
        visitor = visitors_with_key(search_term).first()
        if visitor is not None:
            return queryset.filter(visitor=visitor), False
        try:
            return queryset.filter(product_id=search_term), False
        except (ValueError, ValidationError):
            return queryset.none(), False

    @admin.display(description=_("product"))
    def product_key(self, row: Any) -> str:
        return str(row.product_id)

    @admin.display(description=_("visitor"))
    def visitor_link(self, row: Any) -> str:
        address = reverse(
            "admin:shop_recs_visitor_change", args=[row.visitor_id], current_app=self.admin_site.name
        )
        return format_html('<a href="{}">{}</a>', address, row.visitor_id)


@admin.register(Interaction)
class InteractionAdmin(OfVisitorAdmin):
    """The log, newest first."""

    # The product itself is never joined: rows of deleted products would vanish from the page.
    list_display = [
        "kind", "product_key", "visitor_link", "quantity", "unit_price", "order_reference", "occurred_at",
    ]  # fmt: skip
    list_filter = ["kind", ReceivedFilter]
    ordering = ["-received_at"]
    fields = [
        "id", "kind", "product_key", "visitor_link", "quantity", "unit_price", "order_reference",
        "recommendation_id", "occurred_at", "received_at",
    ]  # fmt: skip


@admin.register(Visitor)
class VisitorAdmin(ReadOnlyAdmin):
    """Who was recorded."""

    list_display = ["id", "user", "created_at"]
    list_select_related = ["user"]
    ordering = ["-created_at"]
    paginator = BoundedPaginator
    search_fields = ["id"]
    search_help_text = _("Key of a visitor or of a user")
    fields = ["id", "user", "created_at", "interactions_link", "impressions_link", "feedback_link"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The visitor whose key was typed, else those of the user."""
        if not search_term:
            return queryset, False
        if visitors_with_key(search_term).exists():
            return queryset.filter(pk=search_term), False
        try:
            return queryset.filter(user_id=search_term), False
        except (ValueError, ValidationError):
            return queryset.none(), False

    @admin.display(description=_("interactions"))
    def interactions_link(self, visitor: Visitor) -> str:
        return self._link("interaction", visitor)

    @admin.display(description=_("impressions"))
    def impressions_link(self, visitor: Visitor) -> str:
        return self._link("impression", visitor)

    @admin.display(description=_("feedback"))
    def feedback_link(self, visitor: Visitor) -> str:
        return self._link("feedback", visitor)

    def _link(self, model: str, visitor: Visitor) -> str:
        """A link to the visitor's rows of a model."""
        address = reverse(f"admin:shop_recs_{model}_changelist", current_app=self.admin_site.name)
        return format_html('<a href="{}?{}={}">{}</a>', address, SEARCH_VAR, visitor.pk, _("Show them"))


def visitors_with_key(text: str) -> QuerySet[Visitor]:
    """The visitor with this key, if it is one."""
    try:
        return Visitor.objects.filter(pk=uuid.UUID(text))
    except ValueError:
        return Visitor.objects.none()
