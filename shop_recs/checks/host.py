"""Checks of what surrounds the app: the database engine, middleware and the Celery worker."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import Error, Warning, register
from django.db import connections, router
from django.middleware.cache import FetchFromCacheMiddleware
from django.utils.module_loading import import_string

from shop_recs.checks.settings import AppConfigs, Messages
from shop_recs.middleware import VisitorMiddleware
from shop_recs.models import Interaction

VISITOR = '"shop_recs.middleware.VisitorMiddleware"'


@register()
def check_engine(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E010: the tables live in PostgreSQL."""
    alias = router.db_for_write(Interaction)
    if connections[alias].vendor == "postgresql":
        return []
    return [
        Error(
            f"shop_recs needs PostgreSQL with pgvector; database {alias!r} is {connections[alias].vendor}.",
            hint=f'Set DATABASES["{alias}"]["ENGINE"] = "django.db.backends.postgresql", '
            "or route the app shop_recs to such a database.",
            id="shop_recs.E010",
        )
    ]


@register()
def check_middleware(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E011, E012, W001: every view knows the visitor and his user, and no page cache answers for it."""
    visitor = _position(VisitorMiddleware)
    if visitor is None:
        return [
            Error(
                "VisitorMiddleware is not installed: nobody is recognised and nothing is recorded.",
                hint=f"Add {VISITOR} to MIDDLEWARE, after AuthenticationMiddleware.",
                id="shop_recs.E011",
            )
        ]
    problems: Messages = []
    if visitor < (_position(AuthenticationMiddleware) or 0):
        problems.append(
            Error(
                "VisitorMiddleware comes before AuthenticationMiddleware, so it cannot know the user.",
                hint=f"Move {VISITOR} below AuthenticationMiddleware in MIDDLEWARE.",
                id="shop_recs.E012",
            )
        )
    if _position(FetchFromCacheMiddleware) is not None:
        problems.append(
            Warning(
                "The cache middleware keeps whole pages, and with them what was recommended to one visitor.",
                hint="Cache parts of pages instead, or keep personal widgets off cached pages and load them "
                "from v1/recommendations/; record views there with {% track_view product %}.",
                id="shop_recs.W001",
            )
        )
    return problems


def _position(middleware: type) -> int | None:
    """The place of a middleware, or of a subclass of it, in the settings."""
    for position, path in enumerate(django_settings.MIDDLEWARE):
        try:
            found = import_string(path)
        except ImportError:
            continue  # Django itself reports it when it loads the middleware
        if isinstance(found, type) and issubclass(found, middleware):
            return position
    return None
