"""What a benchmark found: rows of figures, each with its floor where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: was measured.
        figure: the number.
        unit: of it and of its floor.
        floor: the same of the least that could be done instead, from the same run.
    """

    what: str
    figure: float
    unit: str
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """The figure over its floor."""
        return self.figure / self.floor if self.floor else None


@dataclass(frozen=True, slots=True)
class Run:
    """The rows of one catalogue, and what it was."""

    items: int
    history: int
    machine: Mapping[str, Any]
    rows: Sequence[Row]


def percentiles(what: str, taken: Sequence[float], floor: Sequence[float] | None = None) -> Iterator[Row]:
    """Median and 99th percentile of milliseconds, over the same of a floor."""
    for q in (50, 99):
        least = None if floor is None else float(np.percentile(floor, q))
        yield Row(f"{what}, p{q}", float(np.percentile(taken, q)), "ms", least)


def machine() -> dict[str, Any]:
    """What the figures depend on: processors, and the settings of the database that serving feels."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version(), current_setting('shared_buffers'), current_setting('jit'),"
            " current_setting('fsync'), (SELECT extversion FROM pg_extension WHERE extname = 'vector')"
        )
        version, buffers, jit, fsync, pgvector = cursor.fetchone()
    return {
        "processors": os.cpu_count(),
        "postgresql": version.split()[1],
        "pgvector": pgvector,
        "shared_buffers": buffers,
        "jit": jit,
        "fsync": fsync,
    }


def table(runs: Iterable[Run]) -> str:
    """Figures as text."""
    lines: list[str] = []
    for run in runs:
        of = ", ".join(f"{name} {value}" for name, value in run.machine.items())
        lines.append(f"{run.items:,} products, histories of {run.history} events; {of}")
        lines.append(f"{'':<58}{'figure':>12}{'floor':>12}{'ratio':>8}")
        lines += [*map(_line, run.rows), ""]
    return "\n".join(lines)


def _line(row: Row) -> str:
    floor = "" if row.floor is None else f"{row.floor:,.2f}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return f"{row.what:<58}{row.figure:>12,.2f}{floor:>12}{ratio:>8}  {row.unit}"
