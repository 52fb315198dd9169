"""The figures of an evaluation or a comparison as they are stored and shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from shop_recs.algorithms.base import Fitted
from shop_recs.training.compare import MEASURE, Comparison, Difference
from shop_recs.training.evaluation import Split, evaluate

LENGTHS = (10, 20)
PARTS = {"all": "all products chosen next", "discovery": "discovery: products new to the visitor"}


def figures(fitted: Fitted, split: Split, *, ks: Sequence[int] = LENGTHS) -> dict[str, Any]:
    """Judge a model beside the baselines.

    Returns:
        `{"split": {…}, "model": {"all": {"ndcg@10": …}, "discovery": {…}, "groups": {"all": {"new": {…}}}},
        "popular": …, "history": …}`, in JSON types; a part without targets is left out.
    """
    judged = evaluate(fitted, split, ks=ks)
    return {
        "split": {
            "cases": judged["cases"],
            "cold_targets": judged["cold_targets"],
            "interactions": len(split.train),
            "until": datetime.fromtimestamp(split.train.now, tz=UTC).isoformat(),
            "seconds": judged["seconds"],
        },
        "model": {part: judged[part] for part in ("all", "discovery", "groups") if part in judged},
        **judged["baselines"],
    }


def tables(comparison: Comparison) -> str:
    """A comparison as text: for each part all metrics, differences to the best, and groups of shoppers."""
    fits = "one fit each" if comparison.seeds == 1 else f"means of {comparison.seeds} fits"
    lines = [
        f"{comparison.cases:,} visitors judged, {comparison.interactions:,} interactions learnt from, {fits}"
    ]
    for part in comparison.parts():
        lines += ["", PARTS[part], _row("", [entry.name for entry in comparison.entries])]
        lines += [_row(name, cells) for name, cells in _rows(comparison, part)]
    blend = comparison.entries[-1]
    for part, weights in blend.info.get("weights", {}).items():
        told = ", ".join(f"{name} {weight:.3f}" for name, weight in weights.items())
        lines += ["", f"weights of the {blend.name}, {part}: {told}"]
    return "\n".join(lines)


def _rows(comparison: Comparison, part: str) -> Iterator[tuple[str, list[str]]]:
    """What each line of a part's table is called, and a cell for each entry."""
    entries = comparison.entries
    lacking, best = comparison.differences(part), comparison.best(part).name
    for name in dict.fromkeys(name for entry in entries for name in entry.figures[part] if "@" in name):
        yield name, [_decimal(entry.figures[part].get(name)) for entry in entries]
        if name == MEASURE:
            yield f"  difference to {best}", [_signed(lacking, entry.name, "mean") for entry in entries]
            yield "  95 % from", [_signed(lacking, entry.name, "low") for entry in entries]
            yield "  95 % to", [_signed(lacking, entry.name, "high") for entry in entries]
    for group, figures in entries[0].groups[part].items():
        title = f"{MEASURE}, {group} ({figures['cases']:,.0f})"
        yield title, [_decimal(entry.groups[part][group][MEASURE]) for entry in entries]
    yield "seconds of a fit", [f"{entry.fit_seconds:.1f}" for entry in entries]


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _signed(differences: Mapping[str, Difference], name: str, bound: str) -> str:
    return f"{getattr(differences[name], bound):+.4f}" if name in differences else ""


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:<26}" + "".join(f"{cell:>12}" for cell in cells)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison in JSON types, without the numbers of single cases."""
    return {
        "cases": comparison.cases,
        "interactions": comparison.interactions,
        "seeds": comparison.seeds,
        "algorithms": {
            entry.name: {
                **entry.figures,
                "groups": entry.groups,
                "fit_seconds": round(entry.fit_seconds, 2),
                "info": entry.info,
            }
            for entry in comparison.entries
        },
        "differences": {
            part: {
                "to": comparison.best(part).name,
                **{name: asdict(lacking) for name, lacking in comparison.differences(part).items()},
            }
            for part in comparison.parts()
        },
    }
