"""What a list is made from: active versions, the shopper's last events, their vectors; one statement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from django.db import connections

from shop_recs.algorithms.encoders import History
from shop_recs.conf import get_product_model, settings
from shop_recs.models import Kind, Placement
from shop_recs.serving import asking, encoding, prepared, reading
from shop_recs.serving.asking import NOTHING, Asked, StoredRule
from shop_recs.serving.attempts import attempt
from shop_recs.serving.reading import Shape
from shop_recs.serving.versions import ActiveVersion, NeighbourVersion, VectorVersion
from shop_recs.serving.whose import NOBODY, Whose, whose
from shop_recs.tracking.identity import Shopper

HISTORY_LENGTH = 200
"""Events of a shopper that are read: as many as the encoder with the longest view looks at by default."""

NOWHERE = -1
"""The place of no event."""


class Event(NamedTuple):
    """Something the shopper did, or a product that a list starts from (then `kind` is a view, `age` is 0).

    The title is None where the product was deleted since, and empty where only the product itself can tell.
    """

    product: Any
    kind: int
    age: float
    title: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """The events, oldest first, the active versions in the order of the ladder, and others by algorithm.

    `stored` are the rows of the admin for the placements that were asked for, by slug; `rules` the
    merchandising rules for these, the higher priority first; `shown` how often a product was lately shown to
    the shopper and left alone since, where one of them makes something of it. `hides` says that the shopper
    may have hidden something, `of_stranger` that the database did not tell what the shopper did; `answered`
    is false where it told nothing at all.
    """

    events: Sequence[Event]
    versions: Sequence[ActiveVersion]
    others: Mapping[str, ActiveVersion] = field(default_factory=dict)
    stored: Mapping[str, Placement] = field(default_factory=dict)
    rules: Sequence[StoredRule] = ()
    shown: Mapping[Any, int] = field(default_factory=dict)
    hides: bool = True
    of_stranger: bool = False
    answered: bool = True

    def version(self, algorithm: str) -> ActiveVersion | None:
        """The active version of an algorithm, of the ladder or not."""
        of_ladder = (version for version in self.versions if version.algorithm == algorithm)
        return next(of_ladder, self.others.get(algorithm))

    @property
    def tells_all(self) -> bool:
        """These are all the events that there are of the shopper."""
        # Events with what the shopper is not interested in are not among them.
        return len(self.events) < HISTORY_LENGTH and not self.hides

    def last_viewed(self) -> Context:
        """The context of the product viewed last alone, as if a list of similar ones started from it."""
        places = [place for place, event in enumerate(self.events) if event.kind == Kind.VIEW and event.title]
        if not places:
            return Context([], [])
        versions = (version.of(places[-1]) for version in self.versions)
        return Context([self.events[places[-1]]], list(versions))

    def of_nobody(self) -> Context:
        """The same without the events: what nobody's context would say."""
        return replace(
            self,
            events=[],
            versions=[version.of(NOWHERE) for version in self.versions],
            others={name: version.of(NOWHERE) for name, version in self.others.items()},
        )

    def viewed_lately(self, count: int) -> list[Any]:
        """The keys of the last `count` products that were viewed."""
        latest_first = (event.product for event in reversed(self.events) if event.kind == Kind.VIEW)
        return list(islice(dict.fromkeys(latest_first), count))

    def history(self, version: ActiveVersion) -> History:
        """The events whose products `version` knows, as its encoder wants them.

        Raises:
            ValueError: the stored vectors have another number of dimensions than the version says.
        """
        events = self.events_in(version)
        return History(
            vectors=version.vectors,
            kinds=np.array([event.kind for event in events], dtype=np.int8),
            ages=np.array([event.age for event in events], dtype=np.float32),
        )

    def events_in(self, version: ActiveVersion) -> list[Event]:
        """The events whose products `version` knows, oldest first."""
        return [self.events[place] for place in version.places]


def of_shopper(shopper: Shopper, *, using: str, asked: Asked = NOTHING) -> Context:
    """The context of a shopper's last `HISTORY_LENGTH` events; for nobody the log is not touched.

    Events with products that the shopper is not interested in are as good as never happened.

    With it what the placements of the page are, the versions that they blend, and the merchandising rules.
    Where the database does not answer, it is that of nobody.
    """
    if shopper == NOBODY:
        return of_products([], using=using, asked=asked)
    whom = {"user": shopper.user_id, "visitor": shopper.visitor_id, "length": HISTORY_LENGTH}
    read = _read("history", whose(shopper), whom, using=using, asked=asked)
    if read is None:
        nobodys = of_products([], using=using, asked=replace(asked, fatigue_of=NOBODY))
        return replace(nobodys, of_stranger=True)
    return read


def of_products(keys: Sequence[Any], *, using: str, asked: Asked = NOTHING) -> Context:
    """The context of some products, as if each had just been viewed; `asked` as of a shopper.

    Where the database does not answer, no version knows them, or there is none.
    """
    parameters = {"products": list(keys), "view": Kind.VIEW}
    read = _read("seeds" if keys else "context", None, parameters, using=using, asked=asked)
    if read is None and keys:
        nobodys = of_products([], using=using, asked=asked)
        return replace(nobodys, events=[Event(key, Kind.VIEW, 0.0, "") for key in keys])
    return read or Context([], [], answered=False)


def _read(
    name: str, events_of: Whose | None, parameters: Mapping[str, Any], *, using: str, asked: Asked
) -> Context | None:
    connection = connections[using]
    shape = Shape(
        product=reading.columns(connection),
        events_of=events_of,
        placements=bool(asked.slugs),
        fatigue_of=whose(asked.fatigue_of),
        instead=asked.instead is not None,
    )
    statement = reading.statement(shape)
    algorithms = [*settings.LADDER, *(asking.blended(asked) if asked.slugs else ())]
    always = {
        "algorithms": algorithms,
        "held": encoding.held(),
        "usual": asking.USUALLY_BLENDED,
        "slugs": list(asked.slugs),
        "seeds": list(asked.seeds),
        "fatigue": any(placement.fatigue for placement in asking.without_rows(asked)),
        "user": asked.fatigue_of.user_id,
        "visitor": asked.fatigue_of.visitor_id,
        "instead": asked.instead,
    }
    given = {**always, **parameters}
    rows = attempt(name, lambda: prepared.rows(connection, statement, given), using=using)
    if rows is None:
        return None
    products, kinds, ages, titles, placements, rules = (column or [] for column in rows[0][:6])
    versions = [_version(row[8:]) for row in rows if row[8] is not None]
    return Context(
        events=list(map(Event, products, kinds, ages, titles)),
        versions=sorted((version for version in versions if version.algorithm in settings.LADDER), key=_rank),
        others={version.algorithm: version for version in versions},
        stored={row["slug"]: asking.made(Placement, row) for row in placements},
        rules=[asking.rule(row) for row in rules],
        shown=_by_key(rows[0][6] or "{}"),
        hides=rows[0][7],
    )


def _by_key(counts: str) -> dict[Any, int]:
    to_key = get_product_model()._meta.pk.to_python
    return {to_key(key): count for key, count in json.loads(counts).items()}


def _version(row: Sequence[Any]) -> ActiveVersion:
    *facts, dimensions, unit_norm, index, name, content = row
    version: ActiveVersion
    if dimensions is None:
        version = NeighbourVersion(*facts)
    else:
        version = VectorVersion(*[*facts, dimensions, unit_norm, json.loads(index or "{}")])
    if content is not None:
        encoding.hold(name, content, sha256=str(version.sha256))
    return version


def _rank(version: ActiveVersion) -> tuple[bool, float, int]:
    """As the ladder says; with `BEST_FIRST` first what knows the shopper, and of that what foretold best."""
    place: int = settings.LADDER.index(version.algorithm)
    if not settings.BEST_FIRST:
        return False, 0.0, place
    return version.for_everybody, -(version.merit or 0.0), place
