"""One host project for the suite; `SHOP_RECS_TEST_PROJECT` chooses which kind of shop."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from demo_shop.postgres import database_settings

PROJECT = os.environ.get("SHOP_RECS_TEST_PROJECT", "integer")
"""`integer`: plain shop; `uuid`: UUID keys, own user model, no time zones; `later`: product in a later
migration."""

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
USE_TZ = PROJECT != "uuid"
TIME_ZONE = "Europe/Vienna"
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
MEDIA_ROOT = BASE_DIR / "media"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES: dict[str, dict[str, Any]] = {"default": database_settings()}
DATABASES["default"]["TEST"] = {"NAME": os.environ.get("TEST_DATABASE_NAME", f"test_{PROJECT}")}
if database := os.environ.get("SHOP_RECS_TEST_DATABASE"):
    # A Celery worker or a server started by a test joins the database that the test made.
    DATABASES["default"]["NAME"] = database

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    f"tests.projects.{PROJECT}.apps.ShopConfig",
    "shop_recs",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "shop_recs.middleware.VisitorMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

SHOP_RECS: dict[str, Any] = {
    "PRODUCT_MODEL": "shop.Product",
    "AVAILABLE": {"is_active": True},
    # Shops of a dozen products would have nothing left to show; tests of it say so themselves.
    "EXCLUDE_VIEWED": 0,
    # A busy machine may be slow; tests of slow statements say so themselves.
    "STATEMENT_TIMEOUT_MS": 30_000,
}
if PROJECT == "uuid":
    AUTH_USER_MODEL = "shop.Customer"
if PROJECT == "later":
    SHOP_RECS["PRODUCT_MIGRATION"] = "0002_product"
# A process that a test starts gets the settings of that test.
SHOP_RECS |= json.loads(os.environ.get("SHOP_RECS_TEST_SETTINGS", "{}"))

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "memory://")
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
