"""What each knob of a list costs: lists made in this process, over a plain one of the same run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from time import perf_counter
from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.test import override_settings

from shop_recs import recommend
from shop_recs.bench.figures import Row, percentiles
from shop_recs.bench.shop import Shop
from shop_recs.models import PlacementKind

PLAIN = "a list of 12 made in Python"
WARM_UP = 20

Knob = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
"""Options of the placement, settings, and arguments of the call."""

KNOBS: Mapping[str, Knob] = {
    PLAIN: ({}, {}, {}),
    "limit 48": ({}, {}, {"limit": 48}),
    "diversity 0.3": ({"DIVERSITY": 0.3}, {}, {}),
    "blend of personal and trending": ({"BLEND": {"personal": 1, "trending": 0.5}}, {}, {}),
    "blend of four": (
        {"BLEND": {"personal": 1, "trending": 0.5, "popular": 0.5, "last_viewed": 0.5}},
        {},
        {},
    ),
    "exploration 0.1": ({"EXPLORATION": 0.1}, {}, {}),
    "every product scanned (EXACT_BELOW)": ({}, {"EXACT_BELOW": 10**9}, {}),
}


def measure(shop: Shop, *, requests: int) -> Iterator[Row]:
    """The time of a list with each knob turned, in turns with a plain one."""
    times: dict[str, list[float]] = {name: [] for name in KNOBS}
    visitors = cycle(shop.cookies())
    for number, cookie in enumerate(islice(visitors, requests + WARM_UP)):
        for name, (placement, settings, arguments) in KNOBS.items():
            placements = {"measured": {"KIND": PlacementKind.RECOMMENDED_FOR_YOU.value, **placement}}
            with override_settings(
                SHOP_RECS=django_settings.SHOP_RECS | {"PLACEMENTS": placements, **settings}
            ):
                started = perf_counter()
                recommend("measured", request_of(cookie), **arguments)
                taken = perf_counter() - started
            if number >= WARM_UP:
                times[name].append(taken * 1000)
    plain = times.pop(PLAIN)
    yield from percentiles(PLAIN, plain)
    for name, taken_with in times.items():
        yield from percentiles(f"with {name}", taken_with, plain)


def request_of(headers: Mapping[str, str]) -> HttpRequest:
    """A request with these cookies."""
    request = HttpRequest()
    name, _, value = headers["Cookie"].partition("=")
    request.COOKIES[name] = value
    return request
