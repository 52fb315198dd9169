from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from demo_shop.catalogue import MATERIALS_PER_TYPE, ROOMS, STYLES, TYPES, articles
from demo_shop.shoppers import Event, events, shoppers

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def log() -> list[Event]:
    return list(events(3_200, styles=len(STYLES), until=UNTIL))


def style_of(event: Event) -> int:
    return event.article // (len(TYPES) * MATERIALS_PER_TYPE)


def type_of(event: Event) -> str:
    return TYPES[event.article // MATERIALS_PER_TYPE % len(TYPES)]


def test_the_log_is_large_enough_to_learn_from(log: list[Event]) -> None:
    assert len(log) >= 150_000
    assert len({event.shopper for event in log}) == 3_200
    assert len({event.article for event in log}) > 1_500
    assert set(Counter(event.kind for event in log)) == {"view", "cart", "purchase"}


def test_the_log_is_the_same_at_every_run() -> None:
    first, second = (list(events(300, styles=len(STYLES), until=UNTIL)) for _ in range(2))
    assert first == second


def test_nothing_happens_in_the_future(log: list[Event]) -> None:
    assert max(event.at for event in log) <= UNTIL


def test_shoppers_stay_with_the_styles_they_love(log: list[Event]) -> None:
    loved = {shopper.number: shopper.loved for shopper in shoppers(3_200, styles=len(STYLES))}
    faithful = sum(style_of(event) in loved[event.shopper] for event in log)
    assert faithful / len(log) > 0.85


def test_the_first_shoppers_love_one_style_each() -> None:
    found = [shopper.loved for shopper in shoppers(50, styles=len(STYLES))]
    assert found[: len(STYLES)] == [(style,) for style in range(len(STYLES))]


def test_what_is_viewed_next_stands_in_the_same_room(log: list[Event]) -> None:
    room = {type_: number for number, types in enumerate(ROOMS) for type_ in types}
    views = [event for event in log if event.kind == "view"]
    pairs = [
        (one, two)
        for one, two in pairwise(views)
        if one.shopper == two.shopper and (two.at - one.at).total_seconds() < 300
    ]
    assert sum(room[type_of(one)] == room[type_of(two)] for one, two in pairs) / len(pairs) > 0.98


def test_nobody_buys_twice_or_what_is_sold_out(log: list[Event]) -> None:
    bought = [(event.shopper, event.article) for event in log if event.kind == "purchase"]
    assert len(bought) == len(set(bought))
    sold_out = {place for place, article in enumerate(articles()) if not article.stock}
    assert sold_out.isdisjoint(event.article for event in log)
