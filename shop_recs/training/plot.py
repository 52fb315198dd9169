"""Draws a comparison: accuracy against coverage, and against the time of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shop_recs.training.compare import LENGTH, MEASURE, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png")
TITLES = {"all": "All products chosen next", "discovery": "Discovery: products new to the shopper"}
INK = "#7d8590"
"""Legible on white as well as on black, like the colours of the points."""
COLOURS = ("#3b82c4", "#d9722e", "#2f9e62", "#b45cc0", "#b8921a", "#d1495b", "#2f9a9a", "#8a7fd0")
LEAST_SECONDS = 0.1
SPOTS = [(9, 0, "left"), (-9, 0, "right"), (0, 10, "center"), (0, -10, "center")]
SPOTS += [
    (9 * way, 12 * step, align)
    for step in (1, -1, 2, -2, 3, -3)
    for way, align in ((1, "left"), (-1, "right"))
]
"""Where a label may go, in points from its own, the best first; and how it is aligned there."""

Points = Mapping[str, tuple[float, float]]


def require_plottable(path: Path) -> None:
    """Look whether a plot can be written before minutes go into what it shows.

    Raises:
        ValueError: the name does not end as that of a picture, or there is no such folder.
        ImportError: matplotlib is missing; the message says which extra brings it.
    """
    if path.suffix not in FORMATS:
        raise ValueError(f"{path} must end with {' or '.join(FORMATS)}.")
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}.")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError('Plots need matplotlib: pip install "shop_recs[plots]".') from error


def save(comparison: Comparison, path: Path) -> None:
    """Write two panels for each part into a file, on a transparent ground, as SVG or PNG by its name.

    What foretells nothing of a part is left out of it.

    Raises:
        ValueError, ImportError: as `require_plottable`.
    """
    write(lambda: _figure(comparison), path)


def write(figure: Callable[[], Figure], path: Path) -> None:
    """Write a figure into a file; raises as `save` does."""
    require_plottable(path)
    from matplotlib import rc_context

    # A fixed salt and no date make the same plot the same file; letters stay letters.
    with rc_context({"svg.hashsalt": "shop_recs", "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure().savefig(path, transparent=True, dpi=150, metadata=metadata)


def dress(axes: Axes) -> None:
    """Give axes the colours and lines of all our plots."""
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)


def _figure(comparison: Comparison) -> Figure:
    from matplotlib.figure import Figure

    parts = comparison.parts()
    colours = {entry.name: COLOURS[n % len(COLOURS)] for n, entry in enumerate(comparison.entries)}
    figure = Figure(figsize=(10, 0.6 + 3.6 * len(parts)), layout="constrained")
    panels = figure.subplots(len(parts), 2, sharey="row", squeeze=False)
    drawn: list[tuple[Axes, Points]] = []
    for (left, right), part in zip(panels, parts, strict=True):
        by_coverage, by_seconds = _points(comparison, part)
        left.set_title(TITLES[part], loc="left", color=INK)
        left.set(xlabel=f"coverage@{LENGTH}", ylabel=f"NDCG@{LENGTH}", xlim=(-0.04, 1.04))
        right.set(xlabel="seconds of training", xscale="log")
        right.xaxis.set_major_formatter("{x:g}")
        drawn += [(left, by_coverage), (right, by_seconds)]
    for axes, points in drawn:
        _draw(axes, points, colours)
    # Labels are placed where there is room, which is known once the panels have their size.
    figure.draw_without_rendering()
    for axes, points in drawn:
        _label(axes, points, colours)
    return figure


def _points(comparison: Comparison, part: str) -> tuple[Points, Points]:
    """The NDCG of each entry by its coverage, and by the seconds of its training."""
    by_coverage, by_seconds = {}, {}
    for entry in comparison.entries:
        figures = entry.figures[part]
        if figures[MEASURE] > 0:
            by_coverage[entry.name] = figures[f"coverage@{LENGTH}"], figures[MEASURE]
            by_seconds[entry.name] = max(entry.fit_seconds, LEAST_SECONDS), figures[MEASURE]
    return by_coverage, by_seconds


def _draw(axes: Axes, points: Points, colours: Mapping[str, str]) -> None:
    for name, (x, y) in points.items():
        axes.plot(x, y, "o", color=colours[name], markersize=8)
    axes.margins(x=0.2, y=0.2)
    dress(axes)


def _label(axes: Axes, points: Points, colours: Mapping[str, str]) -> None:
    """The name beside each point, at the first spot where it covers neither a point nor another name."""
    from matplotlib.transforms import Bbox

    if not points:
        return
    taken = [
        Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in axes.transData.transform(list(points.values()))
    ]
    for name, at in points.items():
        for x, y, align in SPOTS:
            label = axes.annotate(
                name, at, (x, y), textcoords="offset points", ha=align, va="center", color=colours[name]
            )
            box = label.get_window_extent()
            if not any(box.overlaps(other) for other in taken) and box.x0 > axes.bbox.x0:
                break
            if (x, y, align) != SPOTS[-1]:
                label.remove()
        taken.append(box)
