"""What browsers send: checked, scoped to their visitor, stored together, one verdict each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
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


class Sent(Protocol):
    """Something that a client sends; the id is the client's own."""

    @property
    def id(self) -> UUID: ...


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
    """Something that cannot be stored, and why."""

    reason: str


def ingest(request: HttpRequest, events: Sequence[ClientEvent | Invalid]) -> list[str]:
    """Append the valid events of a batch; two statements, whatever its size.

    Returns:
        One verdict per event, in their order: `accepted`, `duplicate` or `invalid: reason`. An id counts
        within its visitor only, so that nobody can suppress the events of others.
    """
    known = known_products(event.product for event in events if isinstance(event, ClientEvent))
    unknown = Invalid("product: unknown product")
    checked = [event if isinstance(event, Invalid) or event.product in known else unknown for event in events]
    valid = [event for event in checked if isinstance(event, ClientEvent)]
    fresh: set[UUID] = set()
    if valid:
        visitor_id, stored = append_for(request, lambda visitor_id: _scoped(valid, visitor_id))
        fresh = {event.id for event in valid if uuid5(visitor_id, event.id.hex) in stored}
    return verdicts(checked, fresh)


def known_products(keys: Iterable[Any]) -> set[Any]:
    """Those of the keys that are of a product; no statement without any."""
    asked = set(keys)
    if not asked:
        return asked
    # Where the events are written, since a replica may not have the newest products yet.
    products = get_product_model()._base_manager.using(router.db_for_write(Interaction))
    return set(products.filter(pk__in=asked).values_list("pk", flat=True))


def verdicts(sent: Iterable[Sent | Invalid], fresh: set[UUID]) -> list[str]:
    """One verdict each: what is among the fresh ids, by which the client knows them, was stored now."""
    return list(_verdicts(sent, fresh))


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


def _verdicts(sent: Iterable[Sent | Invalid], fresh: set[UUID]) -> Iterator[str]:
    for one in sent:
        if isinstance(one, Invalid):
            yield f"invalid: {one.reason}"
        elif one.id in fresh:
            fresh.remove(one.id)  # what the batch itself repeats is a duplicate
            yield "accepted"
        else:
            yield "duplicate"
