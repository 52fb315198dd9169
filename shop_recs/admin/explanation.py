"""An explanation in rows and bars, as the page "Why is this recommended?" shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from shop_recs.models import Kind
from shop_recs.serving.cards import title
from shop_recs.serving.context import Event
from shop_recs.serving.contributions import Method
from shop_recs.serving.why import Examined, Found, Retriever, Used, Why

BARS_AT_MOST = 8
"""Events that are drawn one by one; the others are added up."""

BAR = 200
"""How long the longest bar and the longest to the other side are together, in units of the drawing."""


class Row(NamedTuple):
    """An event in words; `weights` are by retriever."""

    title: str
    key: Any
    kind: str
    ago: str
    weights: Sequence[str] = ()


class Bar(NamedTuple):
    """What an event adds to a score: where a bar begins, and how long it is."""

    event: Row | None
    amount: str
    start: float
    length: float
    is_negative: bool


class Chart(NamedTuple):
    """What the events add to the score that a retriever gives a product; the others together in `rest`."""

    source: str
    is_exact: bool
    bars: Sequence[Bar]
    others: int
    rest: str


class Cell(NamedTuple):
    """What a retriever says of a product."""

    rank: int | None
    score: str


class Line(NamedTuple):
    """A product, and what each retriever says of it, in their order."""

    one: Examined
    title: str
    found: Sequence[tuple[str, Cell | None]]
    charts: Sequence[Chart]

    @property
    def parts(self) -> list[tuple[str, str]]:
        """What each source adds to what the list is ordered by."""
        return [(source, number(part)) for source, part in self.one.parts.items()]

    @property
    def factors(self) -> list[tuple[str, str]]:
        """What that is multiplied by."""
        return [(name, number(factor)) for name, factor in self.one.factors.items()]

    @property
    def final(self) -> str:
        """What the list is ordered by."""
        return "" if self.one.worth is None else number(self.one.worth)


class Change(NamedTuple):
    """A product in the lists of two versions: its place in each, and why it has none in one of them."""

    title: str
    key: Any
    before: int | None
    after: int | None
    reason: str

    @property
    def moved(self) -> int:
        """How many places it went up."""
        return (self.before or 0) - (self.after or 0)


def context(why: Why, *, about: Any = None) -> dict[str, Any]:
    """What the templates show of a list; `about` is the product in question."""
    lines = {one.product.pk: _line(one, why.retrievers) for one in (*why.listed, *why.dropped)}
    return {
        "why": why,
        "listed": [lines[one.product.pk] for one in why.listed],
        "dropped": [lines[one.product.pk] for one in why.dropped],
        "asked": lines.get(about.pk) if about else None,
        "used": [
            (_("What it starts from"), [_row(used, why.retrievers) for used in why.seeds]),
            (
                _("The history, the latest first"),
                [_row(used, why.retrievers) for used in reversed(why.history)],
            ),
        ],
        "best": [
            (retriever, [lines[one.product.pk] for one in why.best(retriever.source)])
            for retriever in why.retrievers
        ],
        "is_blended": len([one for one in why.retrievers if one.weight is not None]) > 1,
    }


def changes(why: Why, other: Why) -> list[Change]:
    """How the list of another version differs, in its order, then what is in it no more."""
    before, after = _places(why), _places(other)
    kept_out = {one.product.pk: one for listing in (why, other) for one in listing.dropped}
    products = {one.product.pk: one.product for listing in (other, why) for one in listing.listed}
    return [
        Change(
            title(product),
            key,
            before.get(key),
            after.get(key),
            _first(kept_out.get(key)) if key not in before or key not in after else "",
        )
        for key, product in products.items()
    ]


def _places(why: Why) -> Mapping[Any, int]:
    return {one.product.pk: place for place, one in enumerate(why.listed, start=1)}


def _first(one: Examined | None) -> str:
    return str(one.obstacles[0]) if one and one.obstacles else ""


def _line(one: Examined, retrievers: Sequence[Retriever]) -> Line:
    charts = [
        _chart(retriever, one.added[retriever.source])
        for retriever in retrievers
        if one.added.get(retriever.source)
    ]
    found = [(retriever.source, _cell(one.found.get(retriever.source))) for retriever in retrievers]
    return Line(one, title(one.product), found, charts)


def _cell(found: Found | None) -> Cell | None:
    return None if found is None else Cell(found.rank, number(found.score))


def _chart(retriever: Retriever, added: Sequence[tuple[Event | None, float]]) -> Chart:
    drawn, others = added[:BARS_AT_MOST], added[BARS_AT_MOST:]
    left = max(0.0, -min(amount for _, amount in drawn))
    scale = BAR / (left + max(0.0, max(amount for _, amount in drawn)) or 1.0)
    return Chart(
        retriever.source,
        retriever.method is Method.EXACT,
        [
            Bar(
                _words(event) if event else None,
                number(amount),
                round(scale * (left + min(amount, 0.0)), 1),
                round(scale * abs(amount), 1),
                amount < 0,
            )
            for event, amount in drawn
        ],
        len(others),
        number(sum(amount for _, amount in others)),
    )


def _row(used: Used, retrievers: Sequence[Retriever]) -> Row:
    weights = [used.weights.get(retriever.source) for retriever in retrievers]
    return _words(used.event)._replace(
        weights=["" if weight is None else number(weight) for weight in weights]
    )


def _words(event: Event) -> Row:
    now = timezone.now()
    return Row(
        title=str(_("deleted since")) if event.title is None else event.title or str(event.product),
        key=event.product,
        kind=str(Kind(event.kind).label),
        ago=timesince(now - timedelta(days=event.age), now),
    )


def number(value: float) -> str:
    """Four digits that count."""
    return f"{value:.4g}"
