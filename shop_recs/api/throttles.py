"""How often one shopper may call, by `SHOP_RECS["THROTTLE_RATES"]`; the host need not configure anything."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from shop_recs.conf import settings
from shop_recs.tracking.identity import shopper_of


class ShopperThrottle(SimpleRateThrottle):
    """Counts by user, else by visitor, else by address; `scope` names the rate.

    It keeps a client in bounds, not an attacker: who drops the cookie counts by address.
    """

    def get_rate(self) -> str | None:
        rate: str | None = settings.THROTTLE_RATES.get(str(self.scope))
        return rate

    def get_cache_key(self, request: Request, view: APIView) -> str:
        shopper = shopper_of(request)
        who = shopper.user_id or shopper.visitor_id or self.get_ident(request)
        return f"shop_recs.throttle.{self.scope}.{who}"


class RecommendationsThrottle(ShopperThrottle):
    """Reading recommendations."""

    scope = "recommendations"


class EventsThrottle(ShopperThrottle):
    """Sending events."""

    scope = "events"


class ModelsThrottle(ShopperThrottle):
    """Looking after models."""

    scope = "models"
