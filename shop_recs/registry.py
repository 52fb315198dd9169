"""Which algorithms the settings name, and how one is made."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from shop_recs.conf import settings
from shop_recs.exceptions import UnknownAlgorithm

if TYPE_CHECKING:
    from shop_recs.algorithms.base import Recommender


def algorithm_names() -> list[str]:
    """The names of the configured algorithms, in their order."""
    return [name for name, entry in settings.ALGORITHMS.items() if entry is not None]


def names_to_train() -> list[str]:
    """The algorithms that are served, the quick ones first as a rule: the ladder from its foot."""
    return list(reversed(settings.LADDER))


def require_known(name: str) -> None:
    """Refuse a misspelt name.

    Raises:
        UnknownAlgorithm: no algorithm of that name is configured.
    """
    _entry(name)


def algorithm_options(name: str) -> dict[str, Any]:
    """The options that the settings give an algorithm.

    Raises:
        UnknownAlgorithm: no algorithm of that name is configured.
    """
    return dict(_entry(name).get("OPTIONS", {}))


def recommender(name: str, options: dict[str, Any] | None = None) -> Recommender:
    """A new instance of the algorithm; imports its module, torch and all, so call it in training only.

    Raises:
        UnknownAlgorithm: no algorithm of that name is configured, or its module cannot be imported.
        ValueError: an option is wrong.
    """
    entry = _entry(name)
    try:
        backend = import_string(entry["BACKEND"])
    except ImportError as error:
        raise UnknownAlgorithm(
            f"Algorithm {name!r} cannot be imported from {entry['BACKEND']!r}: {error}. "
            'Training needs the extra: pip install "shop_recs[train]".'
        ) from error
    options = algorithm_options(name) if options is None else options
    wanted = signature(backend)
    try:
        wanted.bind(**options)
    except TypeError as error:
        raise ValueError(
            f'SHOP_RECS["ALGORITHMS"][{name!r}]["OPTIONS"]: {error}; '
            f"known are {', '.join(wanted.parameters)}."
        ) from error
    made: Recommender = backend(**options)
    return made


def _entry(name: str) -> dict[str, Any]:
    entry = settings.ALGORITHMS.get(name)
    if entry is None:
        raise UnknownAlgorithm(f"No algorithm {name!r}; configured are {', '.join(algorithm_names())}.")
    return entry
