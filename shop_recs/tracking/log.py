"""The one statement that appends to the log, and makes or binds the visitor on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.db import connections, router, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from shop_recs.conf import settings
from shop_recs.models import Interaction, Visitor
from shop_recs.tracking import identity
from shop_recs.tracking.identity import Shopper

# No row comes out of `owner` where the visitor is bound to somebody else; then nothing is stored. Only a
# binding updates the visitor: a lock on its row at every event would let a shopper's pages wait for an order.
# The user is looked up, since the foreign key is checked at commit, where a user without a row, as tokens may
# stand for, would fail the order.
_STORE = """
WITH made AS (
    INSERT INTO {visitor} AS known (id, user_id, created_at, segment)
    VALUES (%s, (SELECT {user_key} FROM {user} WHERE {user_key} = %s), %s, %s)
    ON CONFLICT (id) DO {on_conflict}
    RETURNING id
), owner AS (
    SELECT id FROM made
    UNION ALL
    SELECT id FROM {visitor} WHERE id = %s AND user_id IS NOT DISTINCT FROM %s
    LIMIT 1
), stored AS ({insert})
SELECT EXISTS (SELECT FROM owner), ARRAY(SELECT id FROM stored)
"""

# In the order of their ids, so that batches that share some events never deadlock.
_EVENTS = """
    INSERT INTO {interaction} (
        id, visitor_id, product_id, kind, quantity, unit_price, order_reference, recommendation_id,
        occurred_at, received_at
    )
    SELECT event.id, owner.id, product, kind, quantity, unit_price, reference, recommendation, occurred, %s
    FROM owner, unnest(
        %s::uuid[], %s::{product_type}[], %s::smallint[], %s::timestamptz[], %s::integer[], %s::numeric[],
        %s::varchar[], %s::uuid[]
    ) AS event (id, product, kind, occurred, quantity, unit_price, reference, recommendation)
    ORDER BY event.id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""


SEGMENT_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Event:
    """An interaction to be appended; its visitor is decided by the insert."""

    id: UUID
    product_id: Any
    kind: int
    occurred_at: datetime
    quantity: int = 1
    unit_price: Decimal | None = None
    order_reference: str = ""
    recommendation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows for a visitor that the statement around it decides.

    Attributes:
        sql: an `INSERT` that selects the visitor from `owner` and returns the `id` of each row.
        parameters: of the SQL.
    """

    sql: str
    parameters: Sequence[Any]


def append(
    shopper: Shopper, events: Sequence[Event], *, binds: bool = False, segment: str = ""
) -> set[UUID] | None:
    """Append events; ids that are in the log already are left alone. The rest is as `store` says."""
    return store(shopper, _insert(events), binds=binds, segment=segment)


def append_for(request: HttpRequest, events_of: Callable[[UUID], Sequence[Event]]) -> tuple[UUID, set[UUID]]:
    """Append the events of a request's shopper, as `store_for` says."""
    return store_for(request, lambda visitor_id: _insert(events_of(visitor_id)))


def store(shopper: Shopper, insert: Insert, *, binds: bool = False, segment: str = "") -> set[Any] | None:
    """Store something for a visitor, making it where it is new; one statement.

    Args:
        shopper: visitor and user; a visitor that does not exist is made with this user.
        insert: what to store.
        binds: the visitor exists without a user and is to be bound to the shopper's user.
        segment: of a visitor that is made.

    Returns:
        The ids of the rows stored now; None, and nothing stored, where the visitor is somebody else's.
    """
    using = router.db_for_write(Interaction)
    user_id = _user_key(shopper.user_id, using)
    visitor = [shopper.visitor_id, user_id, timezone.now(), segment]
    parameters = [*visitor, shopper.visitor_id, user_id, *insert.parameters]
    with savepoint(using), connections[using].cursor() as cursor:
        cursor.execute(_statement(using, insert.sql, binds=binds), parameters)
        owned, stored = cursor.fetchone()
    return set(stored) if owned else None


def store_for(request: HttpRequest, insert_of: Callable[[UUID], Insert]) -> tuple[UUID, set[Any]]:
    """Store something for a request's shopper and remember the shopper in the cookie.

    Args:
        request: whose cookie and user say who it is.
        insert_of: what to store for a visitor; called again where that visitor is somebody else's.

    Returns:
        The visitor, and the ids of the rows stored now.
    """
    shopper, binds = identity.claim(request)
    segment = segment_of(request)
    visitor_id = shopper.visitor_id or uuid4()
    stored = store(Shopper(visitor_id, shopper.user_id), insert_of(visitor_id), binds=binds, segment=segment)
    if stored is None:
        visitor_id = uuid4()
        whom = Shopper(visitor_id, shopper.user_id)
        stored = store(whom, insert_of(visitor_id), segment=segment) or set()
    identity.remember(request, Shopper(visitor_id, shopper.user_id))
    return visitor_id, stored


def segment_of(request: HttpRequest) -> str:
    """The segment of whoever makes a request, by `SHOP_RECS["SEGMENT"]`; empty without one."""
    if settings.SEGMENT is None:
        return ""
    segment = str(import_string(settings.SEGMENT)(request))
    return segment[:SEGMENT_LENGTH]


def savepoint(using: str) -> AbstractContextManager[None]:
    """A savepoint where a transaction is open, so that a failed statement fails nothing else."""
    return transaction.atomic(using=using) if connections[using].in_atomic_block else nullcontext()


def _insert(events: Sequence[Event]) -> Insert:
    using = router.db_for_write(Interaction)
    sql = _EVENTS.format(
        interaction=Interaction._meta.db_table,
        product_type=Interaction._meta.get_field("product").db_type(connections[using]),
    )
    return Insert(sql, [timezone.now(), *_columns(events)])


def _statement(using: str, insert: str, *, binds: bool) -> str:
    bind = "UPDATE SET user_id = excluded.user_id WHERE known.user_id IS NULL"
    user, quote = get_user_model()._meta, connections[using].ops.quote_name
    return _STORE.format(
        user=quote(user.db_table),
        user_key=quote(str(user.pk.column)),
        visitor=Visitor._meta.db_table,
        insert=insert,
        on_conflict=bind if binds else "NOTHING",
    )


def _columns(events: Sequence[Event]) -> list[list[Any]]:
    return [[getattr(event, field.name) for event in events] for field in fields(Event)]


def _user_key(user_id: Any | None, using: str) -> Any | None:
    return Visitor._meta.get_field("user").get_db_prep_save(user_id, connections[using])
