"""The host project's Celery application, for workers that tests start."""

from __future__ import annotations

import json
import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

app = Celery("tests")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(json.loads(os.environ.get("SHOP_RECS_TEST_CELERY", "{}")))
app.autodiscover_tasks()
