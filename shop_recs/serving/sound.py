"""Whether a placement can make a list: asked by the admin's form and by the system checks."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from shop_recs.conf import get_product_model
from shop_recs.models import Exclusion, Placement
from shop_recs.registry import algorithm_names
from shop_recs.serving.filters import filtered
from shop_recs.serving.kinds import LADDER, NEWEST, POPULAR, RETRIEVERS

FALLBACKS = (LADDER, POPULAR, NEWEST)


def require_sound(placement: Placement) -> None:
    """Refuse a placement that could not make a list.

    Raises:
        ValidationError: by field, what is wrong and what may be written.
    """
    problems: dict[str, list[str]] = {}
    for field, problem in _problems(placement):
        problems.setdefault(field, []).append(problem)
    if problems:
        raise ValidationError(problems)


def _problems(placement: Placement) -> Iterator[tuple[str, str]]:
    yield from (("blend", problem) for problem in _of_blend(placement.blend))
    yield from (("fallback", problem) for problem in _of_names(placement.fallback, FALLBACKS))
    yield from (("exclude", problem) for problem in _of_names(placement.exclude, Exclusion.values))
    try:
        filtered(get_product_model()._default_manager.all(), placement)
    except ValueError as error:
        yield "filter", str(error)


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
