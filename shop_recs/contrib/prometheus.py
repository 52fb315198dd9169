"""What serving does, as counters of prometheus_client; `Metrics` belongs into `INSTALLED_APPS`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import prometheus_client
from django.apps import AppConfig

from shop_recs.signals import list_served, unanswered

LISTS = prometheus_client.Counter(
    "shop_recs_lists", "Lists of recommendations by the rung that led them.", ["placement", "rung"]
)
ITEMS = prometheus_client.Counter(
    "shop_recs_items", "Items of lists by the source that ranked them.", ["placement", "source"]
)
UNANSWERED = prometheus_client.Counter(
    "shop_recs_unanswered",
    "Statements without an answer: timeout, error, or open, where none was asked for.",
    ["name", "reason"],
)


class Metrics(AppConfig):
    """Counts in `prometheus_client`'s default registry what the signals report."""

    name = "shop_recs.contrib.prometheus"
    label = "shop_recs_prometheus"

    def ready(self) -> None:
        list_served.connect(count_list, dispatch_uid="shop_recs.prometheus.lists")
        unanswered.connect(count_unanswered, dispatch_uid="shop_recs.prometheus.unanswered")


def count_list(recommendations: Any, **kwargs: Any) -> None:
    """Count a list and its items."""
    placement = recommendations.placement
    LISTS.labels(placement, recommendations.rung).inc()
    sources = Counter(product.recommendation.source for product in recommendations)
    for source, number in sources.items():
        ITEMS.labels(placement, source).inc(number)


def count_unanswered(name: str, reason: str, **kwargs: Any) -> None:
    """Count a statement without an answer."""
    UNANSWERED.labels(name, reason).inc()
