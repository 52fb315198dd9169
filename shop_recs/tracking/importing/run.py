"""An import from start to end: batch by batch, each with its checkpoint in the same transaction."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Self

from django.db import router, transaction
from django.utils import timezone

from shop_recs.models import ImportCheckpoint, Interaction
from shop_recs.tracking.importing import load
from shop_recs.tracking.importing.normalise import normalise
from shop_recs.tracking.importing.plan import Plan, WrongInput
from shop_recs.tracking.importing.readers import Chunk, read

COUNTS = ("stored", "duplicates", "refused", "unknown")


@dataclass(slots=True)
class Summary:
    """What an import has done so far, interrupted runs included.

    Attributes:
        rows: rows of the file accounted for.
        stored: interactions added.
        duplicates: interactions that were there already.
        refused: rows that made no sense.
        unknown: rows whose product the shop does not have.
        resumed_at: rows that an earlier run had done.
        unknown_products: how often this run met each product that the shop does not have.
    """

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    unknown: int = 0
    resumed_at: int = 0
    unknown_products: Counter[str] = field(default_factory=Counter)


def run(
    plan: Plan,
    *,
    batch: int = 100_000,
    restart: bool = False,
    errors_to: Path | None = None,
    on_progress: Callable[[float, Summary], None] | None = None,
) -> Summary:
    """Import a file; one that was interrupted goes on behind its last committed batch.

    Args:
        plan: what to import.
        batch: rows of a transaction.
        restart: forget where an earlier run was interrupted; what it stored is not stored twice.
        errors_to: CSV file for the rows that are left out, with line and reason.
        on_progress: told the share of the file that is done, after each batch.

    Raises:
        WrongInput: the file or the plan is wrong, or not one row of the first batch can be used.
    """
    if batch < 1:
        raise WrongInput("--batch must be 1 or more.")
    using = router.db_for_write(Interaction)
    load.prepare(plan, using=using)
    checkpoint = _checkpoint(plan, restart=restart)
    summary = Summary(rows=checkpoint.rows, resumed_at=checkpoint.rows, **checkpoint.counts)
    with ErrorFile(errors_to, plan.columns, checkpoint.error_bytes) as errors:
        for chunk in read(plan.path, plan.columns, skip=checkpoint.rows, size=batch):
            with transaction.atomic(using=using):
                _import_chunk(chunk, plan, summary, errors, using=using)
                _save(checkpoint, summary, errors)
            if on_progress is not None:
                on_progress(chunk.done, summary)
    checkpoint.delete()
    return summary


class ErrorFile:
    """CSV of the rows that are left out: line, reason, and the mapped columns as the file has them."""

    def __init__(self, path: Path | None, columns: Mapping[str, str], keep: int) -> None:
        self.columns = columns
        self.file: IO[str] | None = None
        if path is not None:
            path.touch()
            # What an interrupted run wrote behind its last checkpoint will be written again.
            os.truncate(path, min(keep, path.stat().st_size))
            self.file = path.open("a", encoding="utf-8", newline="")
            if self.position() == 0:
                self._write("line", "reason", *columns.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.file is not None:
            self.file.close()

    def position(self) -> int:
        """Bytes written so far."""
        if self.file is None:
            return 0
        self.file.flush()
        return self.file.tell()

    def add(self, chunk: Chunk, reasons: Mapping[int, str]) -> None:
        """Write the rows of a chunk that are left out, by position."""
        if self.file is None:
            return
        reports: list[tuple[int, str, list[Any]]] = [(line, reason, []) for line, reason in chunk.broken]
        for row, reason in reasons.items():
            values = [chunk.columns[role][row].as_py() for role in self.columns]
            reports.append((int(chunk.lines[row]), reason, values))
        for line, reason, values in sorted(reports, key=itemgetter(0)):
            self._write(line, reason, *values)

    def _write(self, *values: Any) -> None:
        if self.file is not None:
            csv.writer(self.file).writerow(values)


def _import_chunk(chunk: Chunk, plan: Plan, summary: Summary, errors: ErrorFile, *, using: str) -> None:
    table, reasons = normalise(chunk, plan)
    refused = len(reasons) + len(chunk.broken)
    added = load.add(table, using=using)
    for row, product in added.unknown:
        reasons[row] = f"unknown product {product!r}"
    errors.add(chunk, reasons)
    if summary.rows == 0 and len(added.unknown) + refused == chunk.rows:
        first = reasons[min(reasons)] if reasons else chunk.broken[0][1]
        raise WrongInput(f"Not one of the first {chunk.rows:,} rows can be used; the first: {first}.")
    summary.rows += chunk.rows
    summary.stored += added.stored
    summary.duplicates += added.duplicates
    summary.refused += refused
    summary.unknown += len(added.unknown)
    summary.unknown_products.update(product for _, product in added.unknown)


def _checkpoint(plan: Plan, *, restart: bool) -> ImportCheckpoint:
    source = plan.fingerprint()
    if restart:
        ImportCheckpoint.objects.filter(pk=source).delete()
    return ImportCheckpoint.objects.filter(pk=source).first() or ImportCheckpoint(source=source)


def _save(checkpoint: ImportCheckpoint, summary: Summary, errors: ErrorFile) -> None:
    checkpoint.rows = summary.rows
    checkpoint.counts = {name: getattr(summary, name) for name in COUNTS}
    checkpoint.error_bytes = errors.position()
    checkpoint.updated_at = timezone.now()
    checkpoint.save()
