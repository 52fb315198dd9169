"""Settings and pages of the shop that the footprint is measured of; with and without the app."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE, SHOP_RECS

DATABASES["default"]["CONN_MAX_AGE"] = None  # a warm server keeps its connection, on both sides
SHOP_RECS["THROTTLE_RATES"] = {"recommendations": None}
SHOP_RECS["LADDER"] = ["als", "popular"]
ROOT_URLCONF = "benchmarks.footprint_urls"

if os.environ.get("WITHOUT_SHOP_RECS"):
    INSTALLED_APPS.remove("shop_recs")
    MIDDLEWARE.remove("shop_recs.middleware.VisitorMiddleware")
