"""The host project behind a cache: nginx, or the cache middleware of Django with files in `PAGE_CACHE`."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.e2e.delivery_urls"
SHOP_RECS = {
    **SHOP_RECS,  # noqa: F405
    "PLACEMENTS": {"similar": {"KIND": "similar_items", "EXCLUDE": []}},
}
MIDDLEWARE = [*MIDDLEWARE, "tests.e2e.delivery_urls.made"]  # noqa: F405
if "PAGE_CACHE" in os.environ:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": os.environ["PAGE_CACHE"],
        }
    }
    before = "django.middleware.cache.UpdateCacheMiddleware"
    MIDDLEWARE = [
        before,
        *MIDDLEWARE[:-1],
        "django.middleware.cache.FetchFromCacheMiddleware",
        MIDDLEWARE[-1],
    ]
