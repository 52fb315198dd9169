"""The log as arrays: one snapshot of it, read by binary COPY, capped and weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from psycopg import sql

from shop_recs.algorithms.base import KINDS, SECONDS_PER_DAY, TrainingData
from shop_recs.conf import get_product_model, settings
from shop_recs.exceptions import NotEnoughInteractions
from shop_recs.models import Interaction, Kind, Visitor
from shop_recs.training import features

Rows = npt.NDArray[Any]

ROWS_LOOKED_AT = 100_000
"""Rows that `require_enough` counts at most; a longer log is counted when it is read."""

SORT_MEMORY = "256MB"
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
COPY_HEADER_BYTES, COPY_TRAILER_BYTES = 19, 2
COLUMNS = {"person": ">i4", "product": ">i4", "kind": ">i2", "microseconds": ">i8"}

# A person is a user, with all his visitors, or a visitor whom no user claimed. Numbering by the order of the
# keys works for keys of any type, and gives the same snapshot the same numbers.
LOG = sql.SQL(
    """
    WITH person AS (
        SELECT id, dense_rank() OVER (ORDER BY user_id, CASE WHEN user_id IS NULL THEN id END) AS number
        FROM {visitor}
    ), product AS (
        SELECT {product_key} AS id, row_number() OVER (ORDER BY {product_key}) - 1 AS number
        FROM {product}
    )
    SELECT person.number::int4, product.number::int4, kind::int2, occurred_at
    FROM {interaction} AS interaction
    JOIN person ON person.id = visitor_id
    JOIN product ON product.id = product_id
    WHERE {window}
    ORDER BY person.number, occurred_at, interaction.id
    """
)

# The products in the order in which `LOG` numbers them; a manager of the shop's might leave some out.
PRODUCTS = sql.SQL("SELECT {product_key} FROM {product} ORDER BY {product_key}")

SIZE = sql.SQL(
    """
    SELECT count(*), count(DISTINCT person), count(DISTINCT product_id)
    FROM (
        SELECT coalesce(visitor.user_id::text, visitor.id::text) AS person, product_id
        FROM {interaction} AS interaction
        JOIN {visitor} AS visitor ON visitor.id = visitor_id
        JOIN {product} AS product ON product.{product_key} = product_id
        WHERE {window}
        LIMIT {rows}
    ) AS beginning
    """
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a training learns from.

    Attributes:
        data: the log in columns; ages count from its last interaction.
        product_keys: the key of each item index, for all products of the shop.
        read_at: the moment as of which the log was read, as the shop's `USE_TZ` has it.
    """

    data: TrainingData
    product_keys: list[Any]
    read_at: datetime

    @property
    def first_at(self) -> datetime:
        """When the first interaction happened, as the shop's `USE_TZ` has it."""
        return _moment(self.data.times.min())

    @property
    def last_at(self) -> datetime:
        """When the last interaction happened, as the shop's `USE_TZ` has it."""
        return _moment(self.data.times.max())


def read(*, as_of: datetime | None = None) -> Dataset:
    """The whole log, or its last `TRAINING_DAYS`, in one snapshot; call it outside of a transaction.

    Interactions with deleted products are left out, and so are those dated in the future.

    Args:
        as_of: leave out what was recorded later; without it, nothing.

    Raises:
        NotEnoughInteractions: the log is smaller than `MIN_INTERACTIONS`, `MIN_VISITORS`, `MIN_PRODUCTS` ask.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT set_config('work_mem', %s, true)", [SORT_MEMORY])
        cursor.execute("SELECT coalesce(%s, now())", [as_of])
        (read_at,) = cursor.fetchone()
        cursor.execute(PRODUCTS.format(**_names()))
        product_keys = [key for (key,) in cursor.fetchall()]
        item_features = features.read()
        rows = _copy_rows(cursor, LOG.format(**_names(as_of)))
    data = replace(training_data(rows, n_items=len(product_keys)), features=item_features)
    _require(len(data), data.n_users, len(np.unique(data.items)))
    return Dataset(data, product_keys, read_at)


def require_enough() -> None:
    """Look at the beginning of the log, cheaply, before a training is started.

    Raises:
        NotEnoughInteractions: the log is too small.
    """
    with connection.cursor() as cursor:
        cursor.execute(SIZE.format(**_names(), rows=sql.Literal(ROWS_LOOKED_AT)))
        interactions, visitors, products = cursor.fetchone()
    if interactions < ROWS_LOOKED_AT:
        _require(interactions, visitors, products)


def training_data(rows: Rows, *, n_items: int) -> TrainingData:
    """Capped and weighted columns from rows of `COLUMNS`, sorted by person and time."""
    kept = _most_recent(rows["person"].astype(np.int64) * n_items + rows["product"], settings.MAX_PER_PAIR)
    rows = rows[kept]
    rows = rows[_most_recent(rows["person"], settings.MAX_PER_VISITOR)]
    times = rows["microseconds"] / 1e6 + POSTGRES_EPOCH
    now = float(times.max(initial=POSTGRES_EPOCH))
    half_life = math.inf if settings.HALF_LIFE_DAYS is None else float(settings.HALF_LIFE_DAYS)
    kinds = rows["kind"].astype(np.int8)
    kind_weights = _kind_weights()
    decay = 0.5 ** ((now - times) / SECONDS_PER_DAY / half_life)
    users = np.cumsum(np.diff(rows["person"], prepend=rows["person"][:1]) != 0, dtype=np.int32)
    return TrainingData(
        users=users,
        items=rows["product"].astype(np.int32),
        kinds=kinds,
        times=times,
        weights=(kind_weights[kinds] * decay).astype(np.float32),
        n_users=int(users[-1]) + 1 if len(users) else 0,
        n_items=n_items,
        now=now,
        kind_weights=kind_weights,
        half_life_days=half_life,
    )


def _copy_rows(cursor: CursorWrapper, query: sql.Composed) -> Rows:
    """What a query of `COLUMNS`, none of them null, answers; without a Python object per value."""
    fields = [part for name, kind in COLUMNS.items() for part in ((f"{name} bytes", ">i4"), (name, kind))]
    row = np.dtype([("fields", ">i2"), *fields])
    buffer = bytearray()
    with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)) as copy:
        for block in copy:
            buffer += block
    count = (len(buffer) - COPY_HEADER_BYTES - COPY_TRAILER_BYTES) // row.itemsize
    packed = np.frombuffer(buffer, dtype=row, count=count, offset=COPY_HEADER_BYTES)
    return packed[list(COLUMNS)].astype([(name, kind[1:]) for name, kind in COLUMNS.items()])


def _most_recent(groups: npt.NDArray[np.integer[Any]], limit: int) -> npt.NDArray[np.bool_]:
    """Mask of the last `limit` rows of each group, whatever the groups' order."""
    order = np.argsort(groups, kind="stable")
    ends = np.flatnonzero(np.diff(groups[order], append=-1))
    lengths = np.diff(ends, prepend=-1)
    from_end = np.repeat(ends, lengths) - np.arange(len(groups))
    kept = np.empty(len(groups), dtype=np.bool_)
    kept[order] = from_end < limit
    return kept


def _kind_weights() -> npt.NDArray[np.float32]:
    """`(KINDS,)` what an interaction of each kind counts."""
    weights = np.zeros(KINDS, dtype=np.float32)
    for name, weight in settings.INTERACTION_WEIGHTS.items():
        weights[Kind.named(name)] = weight
    return weights


def _require(interactions: int, visitors: int, products: int) -> None:
    sizes = [
        (interactions, settings.MIN_INTERACTIONS, "interactions"),
        (visitors, settings.MIN_VISITORS, "shoppers"),
        (products, settings.MIN_PRODUCTS, "products with interactions"),
    ]
    lacking = [f"have {have} {what}, need {need}" for have, need, what in sizes if have < need]
    if lacking:
        raise NotEnoughInteractions(f"not enough data: {'; '.join(lacking)}")


def _names(as_of: datetime | None = None) -> dict[str, sql.Composable]:
    """What the queries call tables, and which part of the log they look at."""
    product = get_product_model()._meta
    days = settings.TRAINING_DAYS
    window = "occurred_at <= {now}" + (" AND received_at <= {now}" if as_of else "")
    if days is not None:
        window += " AND occurred_at >= {now} - {days} * interval '1 day'"
    now = sql.SQL("now()") if as_of is None else sql.Literal(as_of)
    return {
        "interaction": sql.Identifier(Interaction._meta.db_table),
        "visitor": sql.Identifier(Visitor._meta.db_table),
        "product": sql.Identifier(product.db_table),
        "product_key": sql.Identifier(str(product.pk.column)),
        # Ages count from the last interaction: one that a wrong clock dates ahead would fade all others.
        "window": sql.SQL(window).format(now=now, days=sql.Literal(days)),
    }


def _moment(seconds: float) -> datetime:
    zone = timezone.get_current_timezone() if django_settings.USE_TZ else None
    return datetime.fromtimestamp(seconds, tz=zone)
