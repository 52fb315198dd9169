"""Shoppers with planted tastes: each loves one or two styles and furnishes room after room."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from demo_shop.catalogue import MATERIALS_PER_TYPE, ROOMS, TYPES, articles

DAYS = 240
"""How far back the log goes."""

LOYALTY = 0.88
"""Share of the sessions that a shopper spends in a style that he or she loves."""

MATERIAL_ODDS = [1 / (place + 1) for place in range(MATERIALS_PER_TYPE)]
"""The first material of a type sells six times as often as the last one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction: `article` is a place in the catalogue, `order` counts the shopper's orders from 1."""

    shopper: int
    article: int
    kind: str
    at: datetime
    order: int = 0


@dataclass(slots=True)
class Shopper:
    """Somebody with a taste: `loved` are places in `STYLES`, `rooms` places in `ROOMS`."""

    number: int
    loved: tuple[int, ...]
    rooms: tuple[int, ...]
    bought: set[int] = field(default_factory=set)


def shoppers(count: int, *, styles: int, seed: int = 0) -> Iterator[Shopper]:
    """`count` shoppers; the first ones love one style each, so that a person can log in as "nordic"."""
    dice = random.Random(seed)
    for number in range(count):
        first, second = number % styles, dice.randrange(styles)
        loved = (first,) if number < styles or dice.random() < 0.5 else (first, second)
        yield Shopper(number, loved, tuple(dice.sample(range(len(ROOMS)), 2)))


def events(count: int, *, styles: int, until: datetime, seed: int = 0) -> Iterator[Event]:
    """What `count` shoppers did in the days before `until`, shopper by shopper and in the order of time."""
    dice = random.Random(seed + 1)
    sold_out = {place for place, article in enumerate(articles(styles=styles)) if not article.stock}
    for shopper in shoppers(count, styles=styles, seed=seed):
        # The first shoppers are the ones that people log in as: they have more to show.
        sessions = 24 if shopper.number < styles else 4 + int(dice.expovariate(1 / 5))
        starts = sorted(_moment(dice, until) for _ in range(sessions))
        for order, start in enumerate(starts, start=1):
            walk = [article for article in _walk(dice, shopper, styles) if article not in sold_out]
            yield from _session(dice, shopper, walk, start, order)


def _moment(dice: random.Random, until: datetime) -> datetime:
    """A moment at least an hour before `until`; recent days are busier."""
    return until - timedelta(hours=1, days=DAYS * dice.random() ** 1.5)


def _walk(dice: random.Random, shopper: Shopper, styles: int) -> Iterator[int]:
    """The articles that a shopper looks at: through one room, in one style."""
    style = dice.choice(shopper.loved) if dice.random() < LOYALTY else dice.randrange(styles)
    room = ROOMS[dice.choice(shopper.rooms) if dice.random() < 0.8 else dice.randrange(len(ROOMS))]
    place = dice.randrange(len(room))
    for _ in range(dice.randint(3, 8)):
        material = dice.choices(range(MATERIALS_PER_TYPE), MATERIAL_ODDS)[0]
        yield (style * len(TYPES) + TYPES.index(room[place])) * MATERIALS_PER_TYPE + material
        # Sometimes another material of the same type, mostly what comes next in the room.
        place = place if dice.random() < 0.4 else (place + 1) % len(room)


def _session(
    dice: random.Random, shopper: Shopper, walk: list[int], now: datetime, order: int
) -> Iterator[Event]:
    """Views of what is not bought yet, now and then a cart, at the end perhaps an order."""
    cart: list[int] = []
    for article in walk:
        if article in shopper.bought:
            continue
        now += timedelta(seconds=dice.randint(15, 240))
        yield Event(shopper.number, article, "view", now)
        if dice.random() < 0.3 and article not in cart:
            cart.append(article)
            yield Event(shopper.number, article, "cart", now + timedelta(seconds=9))
    if cart and dice.random() < 0.7:
        shopper.bought.update(cart)
        for article in cart:
            yield Event(shopper.number, article, "purchase", now + timedelta(minutes=3), order)
