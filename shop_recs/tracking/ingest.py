"""Events that browsers send: checked, scoped to their visitor, appended together, one verdict each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import router
from django.http import HttpRequest
from django.utils import timezone

from shop_recs.conf import get_product_model
from shop_recs.models import Interaction, Kind
from shop_recs.tracking.log import Event, append_for
from shop_recs.tracking.record import moment

EARLIEST = timedelta(days=-7)
LATEST = timedelta(seconds=60)
"""How far a browser's clock may be off before the time of arrival counts instead."""


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """An event as a browser reports it, its fields valid one by one; the time is aware."""

    id: UUID
    kind: Kind
    product: Any
    occurred_at: datetime | None = None
    quantity: int = 1
    recommendation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """An event that cannot be stored, and why."""

    reason: str


def ingest(request: HttpRequest, events: Sequence[ClientEvent | Invalid]) -> list[str]:
    """Append the valid events of a batch; two statements, whatever its size.

    Returns:
        One verdict per event, in their order: `accepted`, `duplicate` or `invalid: reason`. An id counts
        within its visitor only, so that nobody can suppress the events of others.
    """
    checked = _checked(events)
    valid = [event for event in checked if isinstance(event, ClientEvent)]
    fresh: set[UUID] = set()
    if valid:
        visitor_id, stored = append_for(request, lambda visitor_id: _scoped(valid, visitor_id))
        fresh = {event.id for event in valid if uuid5(visitor_id, event.id.hex) in stored}
    return list(_verdicts(checked, fresh))


def _checked(events: Sequence[ClientEvent | Invalid]) -> list[ClientEvent | Invalid]:
    known = _known_products({event.product for event in events if isinstance(event, ClientEvent)})
    unknown = Invalid("product: unknown product")
    return [event if isinstance(event, Invalid) or event.product in known else unknown for event in events]


def _known_products(keys: set[Any]) -> set[Any]:
    if not keys:
        return set()
    # Where the events are written, since a replica may not have the newest products yet.
    products = get_product_model()._base_manager.using(router.db_for_write(Interaction))
    return set(products.filter(pk__in=keys).values_list("pk", flat=True))


def _scoped(events: Iterable[ClientEvent], visitor_id: UUID) -> list[Event]:
    return [
        Event(
            id=uuid5(visitor_id, event.id.hex),
            product_id=event.product,
            kind=event.kind.value,
            occurred_at=_plausible(event.occurred_at),
            quantity=event.quantity,
            recommendation_id=event.recommendation_id,
        )
        for event in events
    ]


def _plausible(occurred_at: datetime | None) -> datetime:
    if occurred_at is None or not EARLIEST <= occurred_at - datetime.now(UTC) <= LATEST:
        return timezone.now()
    return moment(occurred_at)


def _verdicts(events: Iterable[ClientEvent | Invalid], fresh: set[UUID]) -> Iterable[str]:
    for event in events:
        if isinstance(event, Invalid):
            yield f"invalid: {event.reason}"
        elif event.id in fresh:
            fresh.remove(event.id)  # what the batch itself repeats is a duplicate
            yield "accepted"
        else:
            yield "duplicate"
