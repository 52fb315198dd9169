"""Why a product is in a list: its rank, score and source, and a reason that a shopper understands."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from django.utils.functional import Promise, lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from shop_recs.conf import get_product_model, settings
from shop_recs.models import Kind
from shop_recs.serving import cards
from shop_recs.serving.context import Context, Event
from shop_recs.serving.retrieve import Row
from shop_recs.serving.rungs import Floats, VectorRung
from shop_recs.serving.versions import VectorVersion

BECAUSE = {
    Kind.VIEW: _("because you viewed {title}"),
    Kind.FAVOURITE: _("because you saved {title}"),
    Kind.CART: _("because you put {title} into your cart"),
    Kind.PURCHASE: _("because you bought {title}"),
}


THIS = {
    Kind.VIEW: _("you viewed this"),
    Kind.FAVOURITE: _("you saved this"),
    Kind.CART: _("you put this into your cart"),
    Kind.PURCHASE: _("you bought this"),
}

ALIKE = {
    "bought_together": _("often bought together with {title}"),
    "also_bought": _("bought by those who bought {title}"),
}
"""By source; of all others a product is similar."""

OF_ALL = {"popular": _("popular right now"), "trending": _("trending now")}
"""By source, where a ranking is the same for everybody."""

UNRANKED: Mapping[str, Promise | str] = {"pinned": "", "exploration": _("something different")}
"""By source, where no ranking that knows the shopper is behind the product."""

Reason = tuple[Promise | str, Any]
"""Words and the product that they name, or None."""

_title_of = lazy(cards.title, str)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a list says about one of its products.

    Attributes:
        rank: from 1.
        score: inner product, cosine or sum over the history; scores of different sources do not compare.
        source: the algorithm that ranked it, or `"newest"`.
        reason: lazily translated words for the shopper; empty where only deleted products are behind it.
        reason_product: the product that the reason names, or None.
        parts: how much each source added to the score, where several were blended.
        factors: what the score was multiplied by then, by the name of a rule.
        rules: the merchandising rules that favour it.
        label: what one of these writes on it, "Sponsored" say.
    """

    rank: int
    score: float
    source: str
    reason: Promise | str
    reason_product: Any = None
    parts: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    label: str = ""

    @property
    def boosted(self) -> bool:
        """Whether a merchandising rule favours it."""
        return bool(self.rules)


class Recommendations(list[Any]):
    """The shop's own products in order, each with its `Recommendation` in `.recommendation`.

    Attributes:
        id: names this list, for what happens with it later.
        rung: the source of the first product, or `"nothing"` where the list is empty.
        version: the model version behind that rung, or None.
        placement: slug of the placement that it was made for; empty without one.
        heading: what is written over it.
        next: continues the list, as `after` of the next one; None where there is no more.
    """

    placement = ""
    heading = ""
    next: str | None = None

    def __init__(self, rows: Sequence[Row], reasons: Iterable[Reason]) -> None:
        super().__init__(row.product for row in rows)
        self.id = uuid.uuid4()
        self.rung = rows[0].source if rows else "nothing"
        self.version = rows[0].rung.version_id if rows and rows[0].rung else None
        for rank, (row, (reason, product)) in enumerate(zip(rows, reasons, strict=True), start=1):
            row.product.recommendation = Recommendation(
                rank,
                row.measured.score,
                row.source,
                reason,
                product,
                row.parts,
                row.factors,
                row.rules,
                row.label,
            )


def explained(
    rows: Sequence[Row], context: Context, *, similar_to: Mapping[Any, Any] | None = None
) -> Recommendations:
    """The list of these rows; with `similar_to`, its reasons speak of likeness to where it starts from.

    These products are given by key, as far as the caller has them loaded.
    """
    # Several products of a list have the same reason, so each event's product is made once.
    because = cache(_because if similar_to is None else partial(_alike, loaded=similar_to))
    return Recommendations(rows, [_reason(row, context, because) for row in rows])


def _reason(row: Row, context: Context, because: Callable[[Event, str], Reason]) -> Reason:
    if row.rung is None or (row.placed in UNRANKED and not row.rung.personal):
        return UNRANKED.get(row.placed, _("new in the shop")), None
    if row.measured.kind is not None:
        return THIS[row.measured.kind], row.product
    if row.measured.place is None and row.measured.vector is None:
        return ("", None) if row.rung.personal else (OF_ALL.get(row.rung.source, OF_ALL["popular"]), None)
    event = _event_behind(row, context)
    if event is None:
        return "", None
    if event.product == row.product.pk:
        return THIS[Kind(event.kind)], row.product
    return because(event, row.rung.source)


def _event_behind(row: Row, context: Context) -> Event | None:
    """The event that a recommendation comes from; None where its product was deleted since."""
    if row.measured.place is not None:
        return context.events[row.measured.place]
    assert isinstance(row.rung, VectorRung)
    assert row.measured.vector is not None
    return _nearest(row.measured.vector, row.rung.version, context)


def _nearest(vector: Floats, version: VectorVersion, context: Context) -> Event | None:
    """The event whose product is most like the recommended one, of equals the latest; none deleted since."""
    latest_first = (version.units @ vector)[::-1]
    nearest: Event = context.events[version.places[-1 - int(latest_first.argmax())]]
    if nearest.title is not None:
        return nearest
    nearest_first = (-latest_first).argsort(kind="stable")
    events = (context.events[place] for place in version.places[-1 - nearest_first])
    return next((event for event in events if event.title is not None), None)


def _alike(event: Event, source: str, *, loaded: Mapping[Any, Any]) -> Reason:
    """What the product has to do with one that the list starts from."""
    return _naming(ALIKE.get(source, _("similar to {title}")), event, loaded.get(event.product))


def _because(event: Event, source: str) -> Reason:
    """What the shopper did."""
    return _naming(BECAUSE[Kind(event.kind)], event)


def _naming(words: Any, event: Event, product: Any = None) -> Reason:
    """The words with the title of the event's product; what is not loaded of it is when it is asked for."""
    if product is not None:
        return format_lazy(words, title=_title_of(product)), product
    model = get_product_model()
    fields = {model._meta.pk.attname: event.product}
    if event.title:
        fields[str(settings.PRODUCT_FIELDS["title"])] = event.title
    loaded = [field.attname for field in model._meta.concrete_fields if field.attname in fields]
    product = model.from_db(None, loaded, [fields[name] for name in loaded])
    return format_lazy(words, title=event.title or _title_of(product)), product
