"""Draws what a benchmark found: curves over the size of the catalogue, or over the width of the search."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shop_recs.bench.figures import Run
from shop_recs.training.plot import COLOURS, INK, dress, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRODUCTS = {
    "time over a bare list's, p50": r"(?P<line>recommendations.*|similar items), p50",
    "time over a bare list's, p99": r"(?P<line>recommendations.*|similar items), p99",
    "answers per second over a bare list's": r"(?P<line>.*), \d workers",
}
"""Title of a panel over the number of products, and which figures are in it, each over its floor."""

SEARCHES = r"recall@20, (?P<line>\w+), ef_search (?P<x>\d+)"

Curves = Mapping[str, Mapping[float, float]]
"""A line by its name, y by x."""


def save(runs: Sequence[Run], path: Path) -> None:
    """Write the curves of some runs into a file, as SVG or PNG by its name.

    Raises:
        ValueError, ImportError: as `require_plottable`.
    """
    panels = {title: _curves(runs, pattern) for title, pattern in PRODUCTS.items()}
    panels["recall@20, by ef_search"] = _curves(runs, SEARCHES)
    write(lambda: _figure({title: curves for title, curves in panels.items() if curves}), path)


def _curves(runs: Sequence[Run], pattern: str) -> Curves:
    """The figures whose names fit, by what the name says of line and place; else over the products."""
    curves: dict[str, dict[float, float]] = {}
    for run in runs:
        for row in run.rows:
            found = re.fullmatch(pattern, row.what)
            if found and "x" in found.groupdict():
                curves.setdefault(f"{found['line']}, {run.items:,} products", {})[float(found["x"])] = (
                    row.figure
                )
            elif found and row.ratio is not None:
                curves.setdefault(found["line"], {})[float(run.items)] = row.ratio
    return curves


def _figure(panels: Mapping[str, Curves]) -> Figure:
    from matplotlib.figure import Figure

    count = max(len(panels), 1)
    figure = Figure(figsize=(5.2 * count, 4.4), layout="constrained")
    drawn = figure.subplots(1, count, squeeze=False)[0]
    for axes, (title, curves) in zip(drawn, panels.items(), strict=False):
        for number, (line, points) in enumerate(sorted(curves.items())):
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(list(points), list(points.values()), marker="o", color=colour, label=line)
        axes.set_title(title, loc="left", color=INK)
        axes.set(xscale="log", xlabel="ef_search" if "ef_search" in title else "products")
        if "ef_search" not in title:
            axes.set_ylim(bottom=0)
        axes.legend(frameon=False, labelcolor=INK, fontsize=8)
        dress(axes)
    return figure
