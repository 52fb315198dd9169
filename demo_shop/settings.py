"""Settings of the demo shop; the lines marked `shop_recs` are all that the app needs."""

from __future__ import annotations

import os
from pathlib import Path

from celery.schedules import crontab

from demo_shop.postgres import database_settings

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("DEMO_FOLDER", ROOT / ".demo")).resolve()
"""Everything the demo writes: database, pictures, broker, logs."""

SECRET_KEY = os.environ.get("SECRET_KEY", "for a demo on this machine only")
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
ROOT_URLCONF = "demo_shop.urls"
WSGI_APPLICATION = "demo_shop.wsgi.application"
DATABASES = {"default": {**database_settings(FOLDER / "postgres"), "CONN_MAX_AGE": 600}}
if name := os.environ.get("DEMO_DATABASE"):
    DATABASES["default"]["NAME"] = name

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "demo_shop.apps.ShopConfig",
    "shop_recs",  # shop_recs 1: the app
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shop_recs.middleware.VisitorMiddleware",  # shop_recs 2: the visitor cookie, behind authentication
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "demo_shop.middleware.content_security_policy",
]
SHOP_RECS = {
    "PRODUCT_MODEL": "shop.Product",  # shop_recs 3: all that is required here
    # What may be shown, what is in the cart, and how prices read.
    "AVAILABLE": {"is_active": True, "stock__gt": 0},
    "CART": "demo_shop.cart.product_keys",
    "PRODUCT_FIELDS": {"price": "price_tag"},
    # For the demo alone: its orders are few, and it should be up within two minutes; a shop that trains at
    # night leaves these out.
    "PAIR_SUPPORT": 3,
    "ALGORITHMS": {
        "sasrec": {
            "BACKEND": "shop_recs.algorithms.sasrec.SASRec",
            "OPTIONS": {"max_epochs": int(os.environ.get("DEMO_EPOCHS", 6))},
        },
    },
}
# shop_recs 4 is a line in urls.py, 5 and 6 are the tags in templates/shop/product.html.

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "demo_shop.views.shop",
            ],
        },
    }
]
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
MEDIA_URL = "/media/"
MEDIA_ROOT = FOLDER / "media"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem:"):
    QUEUE, CONTROL = FOLDER / "broker" / "queue", FOLDER / "broker" / "control"
    for folder in (QUEUE, CONTROL):
        folder.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE),
        "data_folder_out": str(QUEUE),
        "control_folder": str(CONTROL),
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULE = {
    "retrain every night": {"task": "shop_recs.tasks.train_all", "schedule": crontab(hour=3, minute=30)},
    "bought together every night": {
        "task": "shop_recs.tasks.roll_up_bought_together",
        "schedule": crontab(hour=3, minute=0),
    },
    "popular and trending every hour": {"task": "shop_recs.tasks.roll_up", "schedule": crontab(minute=40)},
    "clean up every hour": {"task": "shop_recs.tasks.clean_up", "schedule": crontab(minute=10)},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(FOLDER / "celerybeat-schedule")
