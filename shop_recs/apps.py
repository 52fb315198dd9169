"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShopRecsConfig(AppConfig):
    """Registers checks and receivers; nothing else happens at start-up."""

    name = "shop_recs"
    verbose_name = _("Recommendations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from shop_recs import checks, receivers  # noqa: F401
