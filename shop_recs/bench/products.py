"""Products that do not exist, for any product model: SQL fills every column as its field demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import DatabaseError, connection, models, transaction
from psycopg import sql

from shop_recs.conf import get_product_model, settings
from shop_recs.exceptions import CannotMeasure
from shop_recs.serving.eligible import available

INSTEAD = "Measure the shop's own data, without --items."

INVENTED: tuple[tuple[type[Any], str], ...] = (
    (models.BooleanField, "true"),
    (models.IntegerField, "10 + n % 90"),
    (models.DecimalField, "10 + n % 90"),
    (models.FloatField, "10 + n % 90"),
    (models.DateField, "now() - n * interval '1 minute'"),
    (models.UUIDField, "gen_random_uuid()"),
    (models.CharField, "right('Product ' || n, {length})"),
    (models.TextField, "'Product ' || n"),
    (models.FileField, "''"),
)


def invent_products(count: int) -> list[Any]:
    """Make so many products that may be shown; returns their keys in order.

    Raises:
        CannotMeasure: the model demands what cannot be invented.
    """
    wanted = {}
    if isinstance(rule := settings.AVAILABLE, Mapping):
        for lookup, value in rule.items():
            field, _, comparison = lookup.partition("__")
            wanted[field] = None if comparison else value
    _invent(get_product_model(), count, wanted=wanted)
    keys = list(available().order_by("pk").values_list("pk", flat=True))
    if len(keys) < count:
        raise CannotMeasure(
            f'Of {count:,} invented products {len(keys):,} are available by SHOP_RECS["AVAILABLE"]. {INSTEAD}'
        )
    return keys


def _invent(model: type[models.Model], count: int, *, wanted: Mapping[str, Any] | None = None) -> None:
    """Rows of a model and, of each that these must point to, one.

    `wanted` names fields that are not to have their default, with the value to have or None for any.
    """
    columns = dict(_columns(model, wanted or {}))
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {count}) AS n"
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                statement.format(
                    table=sql.Identifier(model._meta.db_table),
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                    values=sql.SQL(", ").join(columns.values()),
                    count=sql.Literal(count),
                )
            )
    except DatabaseError as error:
        raise CannotMeasure(
            f"{model._meta.label} cannot be invented: {str(error).strip()}. {INSTEAD}"
        ) from error


def _columns(model: type[models.Model], wanted: Mapping[str, Any]) -> Iterator[tuple[str, sql.Composable]]:
    """The columns that the database does not fill by itself, and an expression of `n` for each."""
    if model._meta.parents:
        raise CannotMeasure(f"{model._meta.label} lies in several tables. {INSTEAD}")
    for field in model._meta.local_concrete_fields:
        if isinstance(field, models.AutoField | models.BigAutoField) or field.has_db_default():
            continue
        if not getattr(field, "generated", False):
            yield str(field.column), _expression(field, wanted)


def _expression(field: models.Field[Any, Any], wanted: Mapping[str, Any]) -> sql.Composable:
    alike = not field.unique and field.name not in wanted
    if alike and field.null:
        return sql.SQL("NULL")
    if wanted.get(str(field.name)) is not None:
        return _constant(field, wanted[str(field.name)])
    if isinstance(field, models.ForeignKey):
        return _reference(field)
    if alike and (field.has_default() or field.choices):
        return _constant(field, field.get_default() if field.has_default() else field.flatchoices[0][0])
    if field.unique and isinstance(field, models.IntegerField):
        return sql.SQL("n")
    for kind, expression in INVENTED:
        if isinstance(field, kind):
            length = getattr(field, "max_length", None)
            return sql.SQL(expression).format(length=sql.Literal(length or 100))
    return _constant(field, field.get_default())


def _reference(field: models.ForeignKey[Any, Any]) -> sql.Composable:
    """The only row of the other model."""
    model = field.remote_field.model
    if field.unique or model is field.model:
        raise CannotMeasure(f"{field} must point to another row for each product. {INSTEAD}")
    if not model._base_manager.exists():
        _invent(model, 1)
    return _constant(field, model._base_manager.values_list(field.target_field.attname, flat=True).first())


def _constant(field: models.Field[Any, Any], value: Any) -> sql.Composable:
    return sql.Literal(field.get_db_prep_save(value, connection))
