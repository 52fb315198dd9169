"""The shop that is asked: an invented one with a log and trained vectors, or the shop as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import numpy as np
from django.core.signing import TimestampSigner
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from shop_recs.algorithms.base import FittedVectors, TrainingData
from shop_recs.bench.log import shop_log
from shop_recs.bench.products import invent_products
from shop_recs.conf import settings
from shop_recs.exceptions import CannotMeasure
from shop_recs.models import ActiveModel, Interaction, ModelVersion, Visitor
from shop_recs.rollups.orders import roll_up_orders
from shop_recs.rollups.scores import roll_up_intervals, roll_up_scores
from shop_recs.serving.eligible import available
from shop_recs.tracking.identity import SALT
from shop_recs.training import lease, publish, recall

LADDER = ("als", "popular")
ASKING = 20
"""Visitors whose lists are asked for in turn."""

EVENTS_OF_A_PRODUCT, EVENTS_OF_A_SHOPPER = 10, 20
EVENTS_AT_MOST = 6_000_000
ROWS_AT_ONCE = 100_000

Enter = Callable[[str], None]

_VISITORS = """
    INSERT INTO shop_recs_visitor (id, created_at)
    SELECT md5('shopper ' || n)::uuid, now() FROM generate_series(0, %s) AS n
"""

_EVENTS = """
    INSERT INTO shop_recs_interaction (
        id, visitor_id, product_id, kind, quantity, order_reference, occurred_at, received_at
    )
    SELECT gen_random_uuid(), {visitor}, product, kind, 1, '', to_timestamp(second), now()
    FROM unnest(%s::{visitor_type}[], %s::{product_type}[], %s::smallint[], %s::float8[])
        AS event (visitor, product, kind, second)
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the measurements ask about.

    Attributes:
        products: the keys of all that may be shown, in order.
        visitors: who have a history, and ask in turn.
        history: events of each; of the shop's own visitors, of the one with the fewest.
        settings: what differs from `SHOP_RECS`.
        invented: nothing of it is the shop's own.
    """

    products: Sequence[Any]
    visitors: Sequence[UUID]
    history: int
    settings: dict[str, Any]
    invented: bool

    def cookies(self) -> list[dict[str, str]]:
        """The header by which each visitor is known."""
        return list(map(cookie, self.visitors))


def cookie(visitor: UUID) -> dict[str, str]:
    """The header by which a visitor is known."""
    return {"Cookie": f"{settings.COOKIE_NAME}={TimestampSigner(salt=SALT).sign(f'{visitor.hex}.')}"}


def own_shop(history: int) -> Shop:
    """The shop's own products and visitors; nothing is written.

    Raises:
        CannotMeasure: nothing is published, or nobody without an account has a history.
    """
    if not ActiveModel.objects.filter(algorithm__in=settings.LADDER).exists():
        raise CannotMeasure(
            "No version is published that could be measured. Train one (manage.py recs_train "
            "--all), or measure an invented shop with --items 100000."
        )
    counted = Visitor.objects.filter(user=None).annotate(events=Count("interactions"))
    fitting = counted.filter(events__gte=history).order_by("events")[:ASKING]
    found = list(fitting or counted.filter(events__gt=0).order_by("-events")[:ASKING])
    if not found:
        raise CannotMeasure(
            "No visitor without an account has a history; measure an invented shop with --items."
        )
    events = min(visitor.events for visitor in found)
    return Shop(
        _available(), [visitor.pk for visitor in found], min(events, history), _settings(), invented=False
    )


def invented_shop(items: int, *, history: int) -> Shop:
    """The shop that `invent` filled the database with.

    Raises:
        CannotMeasure: the database holds another one.
    """
    keys, visitors = _available(), _asking()
    events = Interaction.objects.filter(visitor=visitors[0]).count()
    if (len(keys), events) != (items, history):
        raise CannotMeasure(
            f"The database that was kept holds {len(keys):,} products and histories of {events}: write "
            f"--items {len(keys)} --history {events}, or keep this shop under another name."
        )
    # What is trained beside the measurements shall be as large as what is served.
    factors = ModelVersion.objects.of("als").served().values_list("dimensions", flat=True).first()
    als = {"BACKEND": "shop_recs.algorithms.als.ALS", "OPTIONS": {"factors": factors}}
    given = {"LADDER": LADDER, "ALGORITHMS": {**settings.ALGORITHMS, "als": als}}
    return Shop(keys, visitors, history, _settings() | given, invented=True)


def invent(items: int, *, dimensions: int, history: int, enter: Enter) -> None:
    """Fill an empty database: products, a log, and what ALS and popularity learn from it, published.

    Args:
        items: products; each of them has a vector.
        dimensions: of the vectors.
        history: events of the visitors who ask.
        enter: told what is being done.

    Raises:
        CannotMeasure: there is no way to invent such a product, or the extra for training is missing.
    """
    enter("inventing products")
    keys = invent_products(items)
    enter("inventing a log")
    log = invented_log(items)
    _store(log, keys, history=history)
    for algorithm, fitted in fits(log, dimensions=dimensions, enter=enter):
        publish_fit(algorithm, fitted, keys, log=log, enter=enter)
    enter("counting what is popular and bought together")
    for roll_up in (roll_up_scores, roll_up_intervals, roll_up_orders):
        roll_up()
    enter("vacuuming")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def invented_log(items: int) -> TrainingData:
    """A log in which every product has an interaction."""
    events = min(items * EVENTS_OF_A_PRODUCT, EVENTS_AT_MOST)
    return shop_log(events, items=items, shoppers=max(events // EVENTS_OF_A_SHOPPER, ASKING), every_item=True)


def fits(log: TrainingData, *, dimensions: int, enter: Enter) -> Iterator[tuple[str, FittedVectors]]:
    """What each algorithm of the invented shop learns."""
    try:
        from shop_recs.algorithms.als import ALS
        from shop_recs.algorithms.popular import Popular
    except ImportError as error:
        raise CannotMeasure(f'{error}. Inventing a shop trains: pip install "shop_recs[train]".') from error
    enter("counting popularity")
    yield "popular", Popular().fit(log)
    enter("fitting als")
    yield "als", ALS(factors=dimensions).fit(log)


def publish_fit(
    algorithm: str, fitted: FittedVectors, keys: Sequence[Any], *, log: TrainingData, enter: Enter
) -> ModelVersion:
    """Store and serve what was learned, as a training does."""
    enter(f"storing {algorithm}")
    run = lease.acquire(algorithm)
    publish.store_and_publish(
        run,
        fitted,
        keys,
        finds_similar=fitted.encoder.history_length > 0,
        enter=enter,
        queries=recall.queries_of(fitted, log),
        beside=ModelVersion.objects.of(algorithm).served().first(),
    )
    return ModelVersion.objects.get(pk=run.version_id)


def _store(log: TrainingData, keys: Sequence[Any], *, history: int) -> None:
    """Write the log, and as the log of those who ask the last events of its busiest shoppers."""
    seconds = log.times - log.times.max() + timezone.now().timestamp()
    products = np.array(keys, dtype=object)[log.items].tolist()
    columns = [log.users.tolist(), products, log.kinds.tolist(), seconds.tolist()]
    with connection.cursor() as cursor:
        cursor.execute(_VISITORS, [log.n_users - 1])
    for start in range(0, len(log), ROWS_AT_ONCE):
        _append(
            *(column[start : start + ROWS_AT_ONCE] for column in columns),
            visitor="md5('shopper ' || visitor)::uuid",
        )
    Visitor.objects.bulk_create(Visitor(pk=visitor) for visitor in _asking())
    ends = log.offsets[1:]
    busiest = np.diff(log.offsets).argsort()[: -ASKING - 1 : -1]
    for visitor, end in zip(_asking(), ends[busiest].tolist(), strict=True):
        _, *own = (column[max(end - history, 0) : end] for column in columns)
        _append([visitor] * len(own[0]), *own)


def _append(*columns: list[Any], visitor: str = "visitor") -> None:
    statement = _EVENTS.format(
        visitor=visitor,
        visitor_type="uuid" if visitor == "visitor" else "integer",
        product_type=Interaction._meta.get_field("product").db_type(connection),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, list(columns))


def _asking() -> list[UUID]:
    return [uuid5(NAMESPACE_DNS, f"{number}.asks") for number in range(ASKING)]


def _available() -> list[Any]:
    return list(available().order_by("pk").values_list("pk", flat=True))


def _settings() -> dict[str, Any]:
    return {"THROTTLE_RATES": {**settings.THROTTLE_RATES, "recommendations": None, "events": None}}
