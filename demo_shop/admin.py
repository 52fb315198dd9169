"""The shop's own admin."""

from __future__ import annotations

from django.contrib import admin

from demo_shop.models import Category, Order, OrderLine, Product


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Departments."""

    prepopulated_fields = {"slug": ["name"]}


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Hide a product here and it is gone from every list at the next request."""

    list_display = ["name", "category", "price", "stock", "is_active"]
    list_editable = ["stock", "is_active"]
    list_filter = ["category", "is_active"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}


class OrderLineInline(admin.TabularInline):  # type: ignore[type-arg]
    """The lines of an order."""

    model = OrderLine
    raw_id_fields = ["product"]
    extra = 0


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Orders."""

    list_display = ["__str__", "user", "name", "created_at"]
    raw_id_fields = ["user"]
    inlines = [OrderLineInline]
