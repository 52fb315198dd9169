"""The web application; pictures and static files come from WhiteNoise."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_shop.settings")
# A recommendation solves a small system of equations: several threads for it only get into each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

application = WhiteNoise(get_wsgi_application(), autorefresh=False)
application.add_files(settings.MEDIA_ROOT, prefix=settings.MEDIA_URL)
