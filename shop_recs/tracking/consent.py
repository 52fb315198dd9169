"""May this visitor be remembered?"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.module_loading import import_string

from shop_recs.conf import settings


def unless_opted_out(request: HttpRequest) -> bool:
    """Yes, unless the browser sends Global Privacy Control or Do Not Track; the default of `CONSENT`."""
    return request.headers.get("Sec-GPC") != "1" and request.headers.get("DNT") != "1"


def may_be_remembered(request: HttpRequest) -> bool:
    """Ask the function that `SHOP_RECS["CONSENT"]` names."""
    return bool(import_string(settings.CONSENT)(request))
