"""Pages that show rows which only the app itself writes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    AnyAdmin = admin.ModelAdmin[Any]
else:
    # Django's classes take type arguments in their stubs only.
    AnyPaginator, AnyAdmin = Paginator, admin.ModelAdmin

COUNTED_ROWS = 10_000


class BoundedPaginator(AnyPaginator):
    """Counts no further than `COUNTED_ROWS`: counting a whole log takes longer than reading a page of it."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:COUNTED_ROWS].count()


class ReadOnlyAdmin(AnyAdmin):
    """Neither adds, changes nor deletes."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
