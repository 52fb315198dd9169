"""Whether a placement can make a list, and a rule be kept: for the admin's forms and the checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DatabaseError, transaction
from django.db.models import JSONField, Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop_recs.conf import get_product_model, settings
from shop_recs.models import Action, Exclusion, MerchandisingRule, Placement
from shop_recs.registry import algorithm_names
from shop_recs.serving.filters import filtered, passing
from shop_recs.serving.kinds import LADDER, NEWEST, POPULAR, RETRIEVERS

FALLBACKS = (LADDER, POPULAR, NEWEST)

UNCOUNTED = (JSONField, ArrayField)
"""Fields whose values cannot be counted one by one."""

Problems = Iterator[tuple[str, Promise | str]]


def require_sound(placement: Placement) -> None:
    """Refuse a placement that could not make a list.

    Raises:
        ValidationError: by field, what is wrong and what may be written.
    """
    _refuse(_of_placement(placement))


def require_sound_rule(rule: MerchandisingRule) -> None:
    """Refuse a merchandising rule that says too little or too much.

    Raises:
        ValidationError: by field, what is wrong and what may be written.
    """
    _refuse(_of_rule(rule))


def require_harmless(rule: object) -> None:
    """Refuse a filter of the admin that would call any function, or read what products do not say.

    By the products that pass, a condition on their buyers would tell what the admin does not show.

    Raises:
        ValidationError: what is not allowed, and what is.
    """
    if isinstance(rule, str) and "." in rule and rule not in settings.FILTERS:
        raise ValidationError(
            {"filter": _('Functions that filters may call are named in SHOP_RECS["FILTERS"].')}
        )
    if isinstance(rule, dict) and (prying := next(filter(_pries, rule), None)):
        raise ValidationError(
            {
                "filter": _("%(lookup)s leads away from the product; filter by what products say themselves.")
                % {"lookup": prying}
            }
        )


def _pries(lookup: str) -> bool:
    """Whether a lookup goes to rows that point at products, or to users."""
    model: Any = get_product_model()
    for name in lookup.split("__"):
        try:
            field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        except FieldDoesNotExist:
            return False  # a lookup of the field before, or a mistake that is told elsewhere
        if field.auto_created and not field.concrete:
            return True
        if not field.is_relation:
            return False
        model = field.related_model
        if model is None or issubclass(model, get_user_model()):
            return True
    return False


def require_runnable(rule: Any) -> None:
    """Refuse a sound filter that the database cannot evaluate: a regular expression that is none, say.

    Raises:
        ValidationError: the database's own words.
    """
    products = get_product_model()._default_manager.all()
    chosen = passing(products, rule, of="the form") if rule else products.none()
    try:
        with transaction.atomic(using=chosen.db):
            chosen.exists()
    except DatabaseError as error:
        raise ValidationError({"filter": str(error)}) from error


def _refuse(found: Problems) -> None:
    problems: dict[str, list[Any]] = {}
    for field, problem in found:
        problems.setdefault(field, []).append(problem)
    if problems:
        raise ValidationError(problems)


def _of_placement(placement: Placement) -> Problems:
    yield from (("blend", problem) for problem in _of_blend(placement.blend))
    yield from (("fallback", problem) for problem in _of_names(placement.fallback, FALLBACKS))
    yield from (("exclude", problem) for problem in _of_names(placement.exclude, Exclusion.values))
    try:
        filtered(get_product_model()._default_manager.all(), placement)
    except ValueError as error:
        yield "filter", str(error)


def _of_rule(rule: MerchandisingRule) -> Problems:
    yield from _of_products(rule)
    if rule.action == Action.BOOST and rule.factor is not None and rule.factor <= 1:
        yield "factor", _("A boost multiplies by more than 1.")
    if rule.action == Action.BURY and rule.factor is not None and rule.factor >= 1:
        yield "factor", _("A burial multiplies by less than 1.")
    if rule.action == Action.CAP:
        yield from _of_cap(rule)
    if rule.action == Action.SHARE and not rule.share:
        yield "share", _("Write the share of the places, 0.25 for every fourth.")
    if rule.starts_at and rule.ends_at and rule.ends_at <= rule.starts_at:
        yield "ends_at", _("It would end before it begins.")


def _of_products(rule: MerchandisingRule) -> Problems:
    lists_products = bool(rule.products)
    if rule.action == Action.CAP:
        if lists_products or rule.filter:
            yield "action", _("A cap counts all products; name none.")
    elif rule.action == Action.PIN and (rule.filter or not lists_products):
        yield "products", _("Name the products to pin one by one, without a filter.")
    elif lists_products == bool(rule.filter):
        yield "products", _("Name products or write a filter, one of both.")
    if rule.filter:
        try:
            passing(get_product_model()._default_manager.all(), rule.filter, of=f"rule {rule.name!r}")
        except ValueError as error:
            yield "filter", str(error)


def _of_cap(rule: MerchandisingRule) -> Problems:
    if not rule.at_most:
        yield "at_most", _("Write how many products of one value a list may have.")
    if not rule.per:
        yield "per", _("Write the field whose values are counted.")
        return
    model: type[Model] | None = get_product_model()
    for name in rule.per.split("__"):
        try:
            field = model._meta.get_field(name) if model else None
        except FieldDoesNotExist:
            field = None
        if field is None or not field.concrete or field.many_to_many or isinstance(field, UNCOUNTED):
            yield (
                "per",
                _("%(per)s is no field of which a product has one value.") % {"per": rule.per},
            )
            return
        model = field.related_model if isinstance(field.related_model, type) else None


def _of_blend(blend: object) -> Iterator[str]:
    known = [*RETRIEVERS, *(name for name in algorithm_names() if name not in RETRIEVERS)]
    if not isinstance(blend, dict):
        yield str(_('Write names and weights, for example {"personal": 1, "trending": 0.5}.'))
        return
    for name, weight in blend.items():
        if name not in known:
            yield _("%(name)s is no retriever; known are %(known)s.") % {
                "name": name,
                "known": ", ".join(known),
            }
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
            yield _("The weight of %(name)s must be a number above 0.") % {"name": name}


def _of_names(names: object, known: tuple[str, ...] | list[str]) -> Iterator[str]:
    if names is None:
        return
    if not isinstance(names, list | tuple):
        yield _("Write a list of names: %(known)s.") % {"known": ", ".join(known)}
        return
    for name in names:
        if name not in known:
            yield _("%(name)s is unknown; known are %(known)s.") % {"name": name, "known": ", ".join(known)}
