"""Checks of the `SHOP_RECS` dictionary itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.db.models import CompositePrimaryKey, QuerySet
from django.utils.module_loading import import_string

from shop_recs.conf import Defaults, get_product_model, setting_names, settings
from shop_recs.models import Placement
from shop_recs.registry import algorithm_names
from shop_recs.serving.sound import require_sound

Messages = list[CheckMessage]
AppConfigs = Sequence[AppConfig] | None

OWN_KEYS = ("GATE", "INTERACTION_WEIGHTS", "PRODUCT_FIELDS", "THROTTLE_RATES")
"""Settings that are dictionaries with keys of ours; in the others the shop chooses the keys."""

FUNCTIONS = ("AVAILABLE", "CART", "CONSENT", "IS_BOT", "SEGMENT")
"""Settings that may be the dotted path of a function."""

PLACEMENT_KEYS = (
    "KIND", "HEADING", "LIMIT", "BLEND", "FILTER", "FALLBACK", "EXCLUDE", "DAYS", "DIVERSITY", "EXPLORATION",
    "FATIGUE", "ENABLED",
)  # fmt: skip
"""What an entry of `PLACEMENTS` may have."""

RATE = re.compile(r"[1-9]\d*/[smhd][a-z]*")


@register()
def check_product(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E001, E002: the product model is named, installed and has a key of one column."""
    try:
        product = get_product_model()
    except ImproperlyConfigured as error:
        hint = 'Write SHOP_RECS = {"PRODUCT_MODEL": "app_label.ModelName"}, for example "shop.Product".'
        return [Error(str(error), hint=hint, id="shop_recs.E001")]
    if isinstance(product._meta.pk, CompositePrimaryKey):
        return [
            Error(
                f"{product._meta.label} has a composite primary key; a product needs a key of one column.",
                hint='Name a model with a single-column key in SHOP_RECS["PRODUCT_MODEL"].',
                id="shop_recs.E002",
            )
        ]
    return []


@register()
def check_keys(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E003: no key of `SHOP_RECS`, or of a dictionary in it whose keys are ours, is misspelt."""
    given = _given()
    problems = _unknown_keys("SHOP_RECS", given, setting_names())
    for name in OWN_KEYS:
        if isinstance(given.get(name), dict):
            problems += _unknown_keys(f'SHOP_RECS["{name}"]', given[name], list(getattr(Defaults, name)))
    return problems


@register()
def check_types(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E004: every setting has a type that it can have."""
    given, hints = _given(), get_type_hints(Defaults)
    return [
        Error(
            f'SHOP_RECS["{name}"] is {given[name]!r}; it must be {_in_words(hints[name])}.',
            hint=f"The default is {getattr(Defaults, name)!r}.",
            id="shop_recs.E004",
        )
        for name in setting_names()
        if name in given and not _fits(given[name], hints[name])
    ]


@register()
def check_algorithms(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E005: every algorithm names a module that exists; it is not imported, for it may import torch."""
    problems: Messages = []
    if not isinstance(settings.ALGORITHMS, dict):
        return problems  # E004 says so
    for name, entry in settings.ALGORITHMS.items():
        if not isinstance(entry, dict):
            continue
        where = f'SHOP_RECS["ALGORITHMS"]["{name}"]'
        problems += _unknown_keys(where, entry, ["BACKEND", "OPTIONS"])
        backend = entry.get("BACKEND")
        if not isinstance(backend, str) or not _module_exists(backend.rpartition(".")[0]):
            hint = f'Write {where} = {{"BACKEND": "package.module.Class", "OPTIONS": {{…}}}}.'
            problem = f"{where} names no module that exists: BACKEND is {backend!r}."
            problems.append(Error(problem, hint=hint, id="shop_recs.E005"))
    return problems


@register()
def check_ladder(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E006: the ladder names configured algorithms only."""
    if not isinstance(settings.LADDER, list | tuple) or not isinstance(settings.ALGORITHMS, dict):
        return []
    known = algorithm_names()
    without = tuple(name for name in settings.LADDER if name in known)
    return [
        Error(
            f'SHOP_RECS["LADDER"] names {name!r}, which SHOP_RECS["ALGORITHMS"] turns off.',
            hint=f'Write SHOP_RECS["LADDER"] = {without!r}.',
            id="shop_recs.E006",
        )
        if name in settings.ALGORITHMS
        else Error(
            f'SHOP_RECS["LADDER"] names {name!r}, which is no configured algorithm.',
            hint=_hint(name, known),
            id="shop_recs.E006",
        )
        for name in settings.LADDER
        if name not in known
    ]


@register()
def check_functions(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E007: settings that are dotted paths lead to functions."""
    return [
        Error(
            f'SHOP_RECS["{name}"] is {getattr(settings, name)!r}, which is no function: {problem}',
            hint='Write the dotted path of a function, for example "shop.recommendations.in_stock".',
            id="shop_recs.E007",
        )
        for name in FUNCTIONS
        if isinstance(getattr(settings, name), str)
        for problem in _import_problems(getattr(settings, name))
    ]


@register()
def check_available(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E008: a dictionary in `AVAILABLE` names fields that the product has."""
    if not isinstance(settings.AVAILABLE, dict):
        return []
    try:
        get_product_model()._default_manager.filter(**settings.AVAILABLE)
    except ImproperlyConfigured:
        return []  # E001 says so
    except (FieldError, TypeError, ValueError) as error:
        return [
            Error(
                f'SHOP_RECS["AVAILABLE"] is {settings.AVAILABLE!r}, which cannot filter products: {error}',
                hint='Write keyword arguments for filter(), for example {"is_active": True}.',
                id="shop_recs.E008",
            )
        ]
    return []


@register()
def check_item_features(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E015: item features are fields that the product has."""
    if not isinstance(settings.ITEM_FEATURES, list | tuple):
        return []
    return [
        Error(
            f'SHOP_RECS["ITEM_FEATURES"] names {name!r}, which is no field of the product: {problem}',
            hint='Write names of fields, for example ["category", "brand__name", "price"].',
            id="shop_recs.E015",
        )
        for name in settings.ITEM_FEATURES
        for problem in _field_problems(name)
    ]


@register()
def check_placements(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E016: every placement of the settings can make a list."""
    if not isinstance(settings.PLACEMENTS, dict) or not isinstance(settings.ALGORITHMS, dict):
        return []  # E004 says so
    return [
        Error(
            f'SHOP_RECS["PLACEMENTS"]["{slug}"] cannot make a list: {problem}',
            hint=f"Known keys are {', '.join(PLACEMENT_KEYS)}; see the docs of PLACEMENTS.",
            id="shop_recs.E016",
        )
        for slug, entry in settings.PLACEMENTS.items()
        if isinstance(entry, dict)
        for problem in _placement_problems(slug, entry)
    ]


@register()
def check_throttle_rates(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E009: rates are written as Django REST framework reads them."""
    rates = settings.THROTTLE_RATES
    if not isinstance(rates, dict):
        return []
    return [
        Error(
            f'SHOP_RECS["THROTTLE_RATES"]["{scope}"] is {rate!r}, which is no rate.',
            hint='Write requests per s, min, hour or day, for example "600/min", or None for no limit.',
            id="shop_recs.E009",
        )
        for scope, rate in rates.items()
        if rate is not None and not RATE.fullmatch(str(rate))
    ]


@register()
def check_statement_timeout(app_configs: AppConfigs, **kwargs: Any) -> Messages:
    """E017: PostgreSQL takes the limit of statements."""
    limit = settings.STATEMENT_TIMEOUT_MS
    if not isinstance(limit, int) or limit > 0:
        return []
    return [
        Error(
            f'SHOP_RECS["STATEMENT_TIMEOUT_MS"] is {limit}; a statement needs some time.',
            hint="Write milliseconds, 250 say, or None for no limit.",
            id="shop_recs.E017",
        )
    ]


def _placement_problems(slug: str, entry: dict[str, Any]) -> Iterator[str]:
    unknown = [key for key in entry if key not in PLACEMENT_KEYS]
    if unknown:
        yield f"it has the unknown key {unknown[0]!r}."
        return
    try:
        placement = Placement.of_settings(slug, entry)
        placement.full_clean(validate_unique=False, validate_constraints=False)
        require_sound(placement)
    except ImproperlyConfigured:
        pass  # E001 says so
    except ValidationError as error:
        for field, messages in error.message_dict.items():
            yield f"{field.upper()}: {' '.join(messages)}"


def _given() -> dict[str, Any]:
    return getattr(django_settings, "SHOP_RECS", {})


def _unknown_keys(where: str, given: dict[str, Any], known: list[str]) -> Messages:
    return [
        Error(f"{where} has the unknown key {key!r}.", hint=_hint(key, known), id="shop_recs.E003")
        for key in given
        if key not in known
    ]


def _hint(wrong: object, known: list[str]) -> str:
    folded = {name.casefold(): name for name in known}
    nearest = get_close_matches(str(wrong).casefold(), folded, n=1)
    return f'Did you mean "{folded[nearest[0]]}"?' if nearest else f"Known are {', '.join(known)}."


def _fits(value: Any, hint: Any) -> bool:
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind is Any:
        return True
    if kind in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if isinstance(value, bool):
        return kind is bool
    if kind is dict:
        return isinstance(value, dict) and all(
            _fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items()
        )
    if kind is tuple:
        return isinstance(value, list | tuple) and all(_fits(item, parts[0]) for item in value)
    return isinstance(value, int | float if kind is float else kind)


def _in_words(hint: Any) -> str:
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return " or ".join(
        "None" if part is NoneType else str(part if get_args(part) else part.__name__) for part in parts
    )


def _module_exists(path: str) -> bool:
    try:
        return bool(path) and find_spec(path) is not None
    except (ImportError, ValueError):
        return False


def _field_problems(name: str) -> Iterator[str]:
    try:
        QuerySet(get_product_model()).values_list(name)
    except ImproperlyConfigured:
        pass  # E001 says so
    except (FieldError, TypeError) as error:
        yield str(error)


def _import_problems(path: str) -> Iterator[str]:
    try:
        if not callable(import_string(path)):
            yield "it cannot be called."
    except ImportError as error:
        yield f"{error}."
