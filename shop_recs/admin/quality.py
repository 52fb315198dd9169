"""A version's metrics in words and rows, beside the active version and the two baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

PARTS = {"all": _("all products chosen next"), "discovery": _("discovery: products new to the shopper")}
METRICS = {
    "ndcg": _("NDCG"),
    "recall": _("recall"),
    "hit_rate": _("hit rate"),
    "mrr": _("MRR"),
    "coverage": _("coverage"),
}
LENGTHS = (10, 20)
MORE_METRICS = {
    "precision": _("precision"),
    "f1": _("F1"),
    "map": _("MAP"),
    "gini": _("Gini of exposure"),
    "novelty": _("novelty, bits"),
    "diversity": _("diversity of a list"),
    "popularity_lift": _("popularity lift"),
}
RIGHT = ("ndcg", "recall", "hit_rate", "mrr", "precision", "f1", "map", "coverage")
"""Of which more is better; the others describe."""
GROUPS = {
    "new": _("new: fewer than 5 interactions"),
    "light": _("light: 5 to 19"),
    "heavy": _("heavy: 20 or more"),
}
METRICS_OF_GROUPS = {
    name: (METRICS | MORE_METRICS)[name]
    for name in ("ndcg", "hit_rate", "coverage", "novelty", "diversity", "popularity_lift")
}
USES = {"personal": _("personal lists"), "similar": _("similar items")}
RIVALS = {"active": _("version active then"), "popular": _("popular")}


ACTIVE = 1
"""Where the active version stands in a row; it was judged on a part of the log of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric for this version, the active one and the two baselines; None where not measured."""

    name: str
    values: list[float | None]
    has_best: bool = True

    @property
    def cells(self) -> list[tuple[str, bool]]:
        """Each value as text, and whether it is the best of those judged on the same part of the log."""
        judged = [value for place, value in enumerate(self.values) if place != ACTIVE and value is not None]
        best = max(judged, default=None) if self.has_best else None
        return [
            (decimal(value), place != ACTIVE and value is not None and value == best)
            for place, value in enumerate(self.values)
        ]


@dataclass(frozen=True, slots=True)
class Rival:
    """What the gate compared a version with, in words."""

    name: str | Promise
    value: str = ""
    difference: str = ""
    interval: str = ""
    not_compared: str = ""


def rivals(metrics: dict[str, Any]) -> list[Rival]:
    """What the gate compared a version with; empty where it had nothing to compare."""
    gate = metrics.get("gate", {})
    return [_rival(name, gate[key]) for key, name in RIVALS.items() if key in gate]


def _rival(name: str | Promise, compared: dict[str, Any]) -> Rival:
    if "not_compared" in compared:
        return Rival(name, not_compared=compared["not_compared"])
    low, high = compared["interval"]
    return Rival(
        f"{name}: {compared['version']}" if "version" in compared else name,
        decimal(compared["ndcg@10"]),
        f"{compared['difference']:+z.4f}",
        f"{low:+z.4f} … {high:+z.4f}",
    )


def metric(metrics: dict[str, Any] | None, who: str, part: str, key: str) -> float | None:
    """One number; `who` is `model`, `popular` or `history`, `part` one of `PARTS`, `key` `ndcg@10`, say."""
    value: float | None = ((metrics or {}).get(who) or {}).get(part, {}).get(key)
    return value


def decimal(value: float | None) -> str:
    """Four places, as metrics of recommenders are published."""
    return "-" if value is None else f"{value:.4f}"


def difference(metrics: dict[str, Any] | None, active: dict[str, Any] | None, part: str) -> str:
    """Of NDCG@10 to the version that was active then, for the same shoppers, as the gate took it.

    Where the gate compared nothing, of the two versions' own figures; nothing where one of them is missing.
    """
    paired = ((metrics or {}).get("gate") or {}).get("active", {}).get(part)
    if paired:
        return f"{paired['difference']:+z.4f}"
    value, other = (metric(of, "model", part, "ndcg@10") for of in (metrics, active))
    return "" if value is None or other is None else f"{value - other:+z.4f}"


def comparison(
    metrics: dict[str, Any] | None, active: dict[str, Any] | None
) -> list[tuple[str | Promise, list[Row]]]:
    """The whole table, part by part; a part that was not measured is left out."""
    return [
        (title, _rows(metrics, active, part, METRICS, LENGTHS))
        for part, title in PARTS.items()
        if metric(metrics, "model", part, "ndcg@10") is not None
    ]


def more(
    metrics: dict[str, Any] | None, active: dict[str, Any] | None
) -> list[tuple[str | Promise, list[Row]]]:
    """The metrics that are not looked at every day, in the same form."""
    return [
        (title, _rows(metrics, active, part, MORE_METRICS, LENGTHS[:1]))
        for part, title in PARTS.items()
        if metric(metrics, "model", part, "gini@10") is not None
    ]


def groups(
    metrics: dict[str, Any] | None,
) -> list[tuple[str | Promise, list[tuple[str | Promise, list[str]]]]]:
    """Per part the groups of shoppers, each with how many were judged and `METRICS_OF_GROUPS`."""
    measured = ((metrics or {}).get("model") or {}).get("groups") or {}
    return [
        (
            title,
            [
                (name, _of_group(measured[part][group]))
                for group, name in GROUPS.items()
                if group in measured[part]
            ],
        )
        for part, title in PARTS.items()
        if part in measured
    ]


def _of_group(figures: dict[str, Any]) -> list[str]:
    values = [decimal(figures.get(f"{key}@{LENGTHS[0]}")) for key in METRICS_OF_GROUPS]
    return [str(figures["cases"]), *values]


def _rows(
    metrics: dict[str, Any] | None,
    active: dict[str, Any] | None,
    part: str,
    names: Mapping[str, str | Promise],
    lengths: Sequence[int],
) -> list[Row]:
    sources = [(metrics, "model"), (active, "model"), (metrics, "popular"), (metrics, "history")]
    return [
        Row(
            f"{name} @ {length}",
            [metric(source, who, part, f"{key}@{length}") for source, who in sources],
            has_best=key in RIGHT,
        )
        for key, name in names.items()
        for length in lengths
    ]


def found_by_index(metrics: Mapping[str, Any]) -> str:
    """What share of an exact search the version's index finds, by use; empty where there is none."""
    return "; ".join(
        gettext("%(use)s: %(share).1f %% of the first 20, ef_search %(width)s")
        % {"use": USES[use], "share": 100 * found["recall@20"], "width": found["ef_search"]}
        for use, found in metrics.get("index", {}).items()
    )
