"""What gunicorn serves while a benchmark measures: the shop, the app and a bare list, without throttles."""

from __future__ import annotations

import json
import os

# As the operations page says: threads for a system this small only get into each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from shop_recs.bench.web import VARIABLE

given = json.loads(os.environ[VARIABLE])
database = settings.DATABASES["default"]
database["NAME"] = given["database"]
if "pool" not in (options := database.setdefault("OPTIONS", {})):
    database["CONN_MAX_AGE"] = None
if given["read_only"]:
    options["options"] = f"{options.get('options', '')} -c default_transaction_read_only=on".strip()
settings.SHOP_RECS = settings.SHOP_RECS | given["settings"]
# What is counted here shall not count in the shop.
settings.CACHES = {
    name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"} for name in settings.CACHES
}
settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["*"], False
settings.ROOT_URLCONF = "shop_recs.bench.urls"

application = get_wsgi_application()
