"""Checks of what surrounds the app: the database engine, middleware and the Celery worker."""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.conf import settings as django_settings
from django.core.checks import Error, Warning, register
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.utils.module_loading import import_string

from shop_recs.checks.settings import AppConfigs, Messages
from shop_recs.middleware import VisitorMiddleware
from shop_recs.models import Interaction
from shop_recs.training.worker_settings import celery_warnings


@register()
def check_engine(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E010: the tables live in PostgreSQL, in the database that training reads and publishes to."""
    alias = router.db_for_write(Interaction)
    if alias != DEFAULT_DB_ALIAS:
        return [
            Error(
                f"A database router sends shop_recs to {alias!r}; it must stay in {DEFAULT_DB_ALIAS!r}.",
                hint="Let the router leave the app shop_recs in the default database.",
                id="shop_recs.E010",
            )
        ]
    if connections[alias].vendor == "postgresql":
        return []
    return [
        Error(
            f"shop_recs needs PostgreSQL with pgvector; database {alias!r} is {connections[alias].vendor}.",
            hint=f'Set DATABASES["{alias}"]["ENGINE"] = "django.db.backends.postgresql".',
            id="shop_recs.E010",
        )
    ]


@register()
def check_middleware(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E011: visitors are recognised, and their pages kept out of caches."""
    if installed(VisitorMiddleware):
        return []
    return [
        Error(
            "VisitorMiddleware is not installed: no visitor is recognised on his next page, and caches may "
            "show his lists to others.",
            hint='Add "shop_recs.middleware.VisitorMiddleware" to MIDDLEWARE.',
            id="shop_recs.E011",
        )
    ]


@register()
def check_worker(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """W004: Celery, where the project has an application of it, is set up for tasks that take minutes."""
    if current_app.main == "default":
        return []
    return [
        Warning(sentence, hint="docs/operations.md explains the settings of the worker.", id="shop_recs.W004")
        for sentence in celery_warnings(current_app)
    ]


def installed(middleware: type) -> bool:
    """Whether the settings name a middleware or a subclass of it."""
    for path in django_settings.MIDDLEWARE:
        try:
            found = import_string(path)
        except ImportError:
            continue  # Django itself reports it when it loads the middleware
        if isinstance(found, type) and issubclass(found, middleware):
            return True
    return False
