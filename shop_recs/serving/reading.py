"""The statement that reads a context: its text by what is asked, built once and planned once."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from shop_recs.conf import get_product_model, settings
from shop_recs.serving import reactions
from shop_recs.serving.whose import Whose, of_named


class Columns(NamedTuple):
    """The product's table, and its columns that a context asks, quoted; None where it has no such column."""

    table: str
    key: str
    key_type: str
    title: str | None
    category: str | None


class Shape(NamedTuple):
    """What the text of the statement depends on.

    Attributes:
        product: its table.
        events_of: whose events are read; None for those that a list starts from.
        placements: whether the page has some.
        fatigue_of: whose impressions count.
        instead: whether another version is served instead of an active one.
    """

    product: Columns
    events_of: Whose | None
    placements: bool
    fatigue_of: Whose
    instead: bool


_EVENTS_OF_VISITOR = """
    SELECT product_id, kind, occurred_at, id FROM shop_recs_interaction
    WHERE visitor_id = {visitor} AND NOT {unwanted}
    ORDER BY occurred_at DESC, id DESC LIMIT %(length)s
"""

# A copy of a cookie from before a login names a visitor that is somebody's by now: it opens no history.
_UNCLAIMED = "SELECT id FROM shop_recs_visitor WHERE id = %(visitor)s AND user_id IS NULL"

# Each visitor's last events come from one descent of the index (visitor, -occurred_at), so that a user with a
# long history on many devices costs little more than a visitor.
_EVENTS_OF_USER = """
    SELECT event.product_id, event.kind, event.occurred_at, event.id
    FROM (SELECT id FROM shop_recs_visitor WHERE user_id = %(user)s UNION ALL {unclaimed}) AS visitor
    CROSS JOIN LATERAL ({of_visitor}) AS event
    ORDER BY event.occurred_at DESC, event.id DESC LIMIT %(length)s
"""

_EVENTS_OF_PRODUCTS = """
    SELECT seed.product_id, %(view)s::smallint AS kind, NULL::timestamptz AS occurred_at, seed.place AS id
    FROM unnest(%(products)s::{key_type}[]) WITH ORDINALITY AS seed(product_id, place)
"""

# A subquery, since the planner would rather join the whole catalogue than look up the few.
_TITLE = "(SELECT {title} FROM {table} AS product WHERE product.{key} = recent.product_id)"

# One row per active version, at least one, and the events with the first. `vector_send` packs
# vectors as bytes, which numpy reads without parsing text; those of one dimension say nothing about an event.
# Of neighbours only whether there are some: a history has thousands, and only the list that they rank needs
# them. An encoder comes only where this process does not hold it yet. All comes from one snapshot, so a
# publish cannot mix versions.
_CONTEXT = """
    WITH event AS MATERIALIZED (
        SELECT recent.product_id, recent.kind, {title} AS title,
               greatest(extract(epoch FROM statement_timestamp() - recent.occurred_at), 0) AS seconds,
               row_number() OVER (ORDER BY recent.occurred_at, recent.id) - 1 AS place
        FROM ({events}) AS recent
    ),
    history AS (
        SELECT array_agg(product_id ORDER BY place) AS products, array_agg(kind ORDER BY place) AS kinds,
               array_agg((seconds / 86400)::float8 ORDER BY place) AS ages,
               array_agg(title ORDER BY place) AS titles
        FROM event
    )
    SELECT CASE WHEN {first} THEN history.products END, CASE WHEN {first} THEN history.kinds END,
           CASE WHEN {first} THEN history.ages END, CASE WHEN {first} THEN history.titles END,
           {of_page}, {shown}, {hides},
           version.id, version.algorithm, version.item_count, version.finds_similar,
           (version.metrics #>> '{{model,discovery,ndcg@10}}')::float8, encoder.sha256,
           coalesce((
               SELECT string_agg(int2send(place::int2) || vector_send(item.vector), '' ORDER BY place)
               FROM event JOIN shop_recs_itemvector AS item
               ON item.product_id = event.product_id AND item.version_id = version.id
               WHERE version.dimensions > 1
           ), (
               SELECT string_agg(int2send(place::int2), '' ORDER BY place)
               FROM event CROSS JOIN LATERAL (
                   SELECT FROM shop_recs_itemneighbour AS pair
                   WHERE pair.product_id = event.product_id AND pair.version_id = version.id LIMIT 1
               ) AS has_neighbours
               WHERE version.dimensions IS NULL
           ), ''),
           version.dimensions, version.unit_norm, version.metrics #>> '{{index}}',
           encoder.name, CASE WHEN encoder.sha256 = ANY(%(held)s::text[]) THEN NULL ELSE encoder.content END
    FROM history
    LEFT JOIN {pointers} AS active ON active.algorithm = ANY(%(algorithms)s::text[]){or_blended}
    LEFT JOIN shop_recs_modelversion AS version ON version.id = active.version_id
    LEFT JOIN shop_recs_encoderartefact AS encoder ON encoder.version_id = version.id
"""


_FIRST = "row_number() OVER () = 1"

# Whatever kind a row may be of, it finds what that kind usually blends.
_OR_BLENDED = """ OR active.algorithm IN (
    SELECT jsonb_object_keys(blend) FROM shop_recs_placement WHERE slug = ANY(%(slugs)s::text[])
    UNION ALL
    SELECT unnest(%(usual)s::text[]) FROM shop_recs_placement WHERE slug = ANY(%(slugs)s::text[])
)"""


_POINTERS = "shop_recs_activemodel"

_POINTERS_BUT_ONE = """(
    SELECT pointer.algorithm, coalesce(other.id, pointer.version_id) AS version_id
    FROM shop_recs_activemodel AS pointer
    LEFT JOIN shop_recs_modelversion AS other
    ON other.id = %(instead)s AND other.algorithm = pointer.algorithm
)"""

_SHOWN = """CASE WHEN %(fatigue)s OR EXISTS (
    SELECT FROM shop_recs_placement WHERE slug = ANY(%(slugs)s::text[]) AND fatigue > 0
) THEN {shown} END"""

_OF_PAGE = """(
    SELECT json_agg(placement) FROM shop_recs_placement AS placement
    WHERE placement.slug = ANY(%(slugs)s::text[])
), (
    SELECT json_agg(rule ORDER BY rule.priority DESC, rule.id)
    FROM (
        SELECT rule.*, {seeds_of_category} AS of_category
        FROM shop_recs_merchandisingrule AS rule
        WHERE rule.enabled AND (rule.placements = '[]' OR rule.placements ?| %(slugs)s::text[])
          AND (rule.starts_at IS NULL OR rule.starts_at <= statement_timestamp())
          AND (rule.ends_at IS NULL OR rule.ends_at > statement_timestamp())
    ) AS rule
)"""

_SEEDS_OF_CATEGORY = """ARRAY(
    SELECT seed.{key} FROM {table} AS seed
    WHERE rule.categories <> '[]' AND seed.{key} = ANY(%(seeds)s::{key_type}[])
      AND rule.categories ? (seed.{category})::text
)"""


@lru_cache(maxsize=64)
def statement(shape: Shape) -> str:
    """The text, with named parameters."""
    product = shape.product
    title = "''" if product.title is None else f"coalesce({product.title}::text, '')"
    nobody = shape.fatigue_of is Whose.NOBODY
    return _CONTEXT.format(
        events=_events(shape),
        first=_FIRST,
        title=_TITLE.format(title=title, table=product.table, key=product.key),
        of_page=_of_page(product) if shape.placements else "NULL, NULL",
        shown=_shown(shape),
        hides="false" if nobody else reactions.has_given(of_named(shape.fatigue_of)),
        or_blended=_OR_BLENDED if shape.placements else "",
        pointers=_POINTERS_BUT_ONE if shape.instead else _POINTERS,
    )


def columns(connection: BaseDatabaseWrapper) -> Columns:
    """The table of the shop's product."""
    fields = settings.PRODUCT_FIELDS
    return _columns(get_product_model(), fields["title"], fields["category"], connection.alias)


@lru_cache(maxsize=16)
def _columns(model: type[Model], title: str | None, category: str | None, alias: str) -> Columns:
    connection, key = connections[alias], model._meta.pk
    quote = connection.ops.quote_name
    named = {field.name: quote(str(field.column)) for field in model._meta.local_concrete_fields}
    return Columns(
        table=quote(model._meta.db_table),
        key=quote(str(key.column)),
        key_type=str(key.rel_db_type(connection)),
        title=named.get(str(title)),
        category=named.get(str(category)),
    )


def _events(shape: Shape) -> str:
    if shape.events_of is None:
        return _EVENTS_OF_PRODUCTS.format(key_type=shape.product.key_type)
    unwanted = reactions.is_unwanted("product_id", of_named(shape.events_of))
    if shape.events_of is Whose.VISITOR:
        return _EVENTS_OF_VISITOR.format(visitor=f"({_UNCLAIMED})", unwanted=unwanted)
    of_each = _EVENTS_OF_VISITOR.format(visitor="visitor.id", unwanted=unwanted)
    return _EVENTS_OF_USER.format(of_visitor=of_each, unclaimed=_UNCLAIMED)


def _shown(shape: Shape) -> str:
    """How often products were shown, where somebody is there and a placement may want to know."""
    if shape.fatigue_of is Whose.NOBODY or not shape.placements:
        return "NULL"
    return _SHOWN.format(shown=reactions.shown(of_named(shape.fatigue_of)))


def _of_page(product: Columns) -> str:
    """The rows of placements and of rules."""
    seeds = f"ARRAY[]::{product.key_type}[]"
    if product.category is not None:
        seeds = _SEEDS_OF_CATEGORY.format(**product._asdict())
    return _OF_PAGE.format(seeds_of_category=seeds)
