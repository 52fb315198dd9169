"""The host project's shop."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """A shop as the app meets it in the wild."""

    name = "tests.projects.uuid"
    label = "shop"
    default_auto_field = "django.db.models.BigAutoField"
