"""What visitors were really shown: recorded with one insert, kept for a while, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

from django.http import HttpRequest
from django.utils import timezone

from shop_recs.conf import settings
from shop_recs.models import Impression
from shop_recs.tracking.failures import quietly
from shop_recs.tracking.identity import bare
from shop_recs.tracking.ingest import Invalid, known_products, verdicts
from shop_recs.tracking.log import Insert, store_for
from shop_recs.tracking.record import may_record

if TYPE_CHECKING:
    from shop_recs.serving import Recommendations

# In the order of their ids, as events are.
_INSERT = """
    INSERT INTO shop_recs_impression (id, visitor_id, recommendation_id, placement, products, seen_at)
    SELECT seen.id, owner.id, recommendation, placement, products, %s
    FROM owner, unnest(%s::uuid[], %s::uuid[], %s::varchar[], %s::jsonb[])
        AS seen (id, recommendation, placement, products)
    ORDER BY seen.id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class ClientImpression:
    """Products of one list that came into view together, by key, with their ranks."""

    id: UUID
    recommendation_id: UUID
    products: Mapping[Any, int]
    placement: str = ""


def record_impressions(request: HttpRequest, recommendations: Recommendations) -> bool:
    """Record that a whole list was seen, where no browser reports what came into view.

    Never raises: what cannot be recorded is logged.

    Returns:
        Whether a row was stored: not for bots, without consent, for an empty list, or after a failure.
    """
    with quietly("record impressions"):
        request = bare(request)
        if recommendations and settings.IMPRESSION_DAYS and may_record(request):
            seen = ClientImpression(
                id=uuid4(),
                recommendation_id=recommendations.id,
                products={product.pk: product.recommendation.rank for product in recommendations},
                placement=recommendations.placement,
            )
            _, stored = store_for(request, lambda visitor_id: _insert([seen], visitor_id))
            return bool(stored)
    return False


def ingest_impressions(request: HttpRequest, impressions: Sequence[ClientImpression | Invalid]) -> list[str]:
    """Store the valid impressions of a batch, without products that are gone; two statements at most.

    Returns:
        One verdict per impression, in their order: `accepted`, `duplicate` or `invalid: reason`. An id counts
        within its visitor only.
    """
    checked = _checked(impressions)
    valid = [seen for seen in checked if isinstance(seen, ClientImpression)]
    fresh: set[UUID] = set()
    if valid:
        visitor_id, stored = store_for(request, lambda visitor_id: _insert(valid, visitor_id))
        fresh = {seen.id for seen in valid if uuid5(visitor_id, seen.id.hex) in stored}
    return verdicts(checked, fresh)


def forget_old() -> int:
    """Delete impressions of more than `IMPRESSION_DAYS` ago; returns how many there were."""
    before = timezone.now() - timedelta(days=settings.IMPRESSION_DAYS)
    deleted, _ = Impression.objects.filter(seen_at__lt=before).delete()
    return deleted


def _checked(
    impressions: Iterable[ClientImpression | Invalid],
) -> list[ClientImpression | Invalid]:
    impressions = list(impressions)
    sent = (seen.products for seen in impressions if isinstance(seen, ClientImpression))
    known = known_products(key for products in sent for key in products)
    return [seen if isinstance(seen, Invalid) else _of_known(seen, known) for seen in impressions]


def _of_known(seen: ClientImpression, known: set[Any]) -> ClientImpression | Invalid:
    products = {key: rank for key, rank in seen.products.items() if key in known}
    return replace(seen, products=products) if products else Invalid("products: unknown products")


def _insert(impressions: Sequence[ClientImpression], visitor_id: UUID) -> Insert:
    columns = [
        [uuid5(visitor_id, seen.id.hex) for seen in impressions],
        [seen.recommendation_id for seen in impressions],
        [seen.placement for seen in impressions],
        [json.dumps({str(key): rank for key, rank in seen.products.items()}) for seen in impressions],
    ]
    # The time of arrival: clocks of browsers are off by more than these few seconds.
    return Insert(_INSERT, [timezone.now(), *columns])
