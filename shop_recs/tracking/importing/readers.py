"""Files in chunks of columns, whatever their format."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shop_recs.tracking.importing.plan import REQUIRED, WrongInput


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a file.

    Attributes:
        lines: `(n,)` int64, where each row stands in the file, from 1: its line, in Parquet its row.
        columns: role to the column's `n` values, as the file has them.
        broken: line and reason of further rows that could not be read at all.
        done: share of the file read so far.
    """

    lines: npt.NDArray[np.int64]
    columns: Mapping[str, pa.Array]
    done: float
    broken: Sequence[tuple[int, str]] = field(default=())

    @property
    def rows(self) -> int:
        """Rows of the file that this chunk accounts for."""
        return len(self.lines) + len(self.broken)


def read(path: Path, columns: Mapping[str, str], *, skip: int, size: int) -> Iterator[Chunk]:
    """Read the named columns.

    Args:
        path: a file whose suffix names its format.
        columns: role to the name of the column.
        skip: rows that were read before.
        size: rows of a chunk, about.

    Raises:
        WrongInput: a column is missing, or the file is broken.
    """
    reader = _READERS[path.suffix.lower()]
    try:
        yield from reader(path, columns, skip, size)
    except (pa.ArrowInvalid, csv.Error, UnicodeDecodeError) as error:
        raise WrongInput(f"{path.name} cannot be read: {error}") from error


def _read_parquet(path: Path, columns: Mapping[str, str], skip: int, size: int) -> Iterator[Chunk]:
    file = pq.ParquetFile(path)
    _check_columns(path, columns, file.schema_arrow.names)
    total, seen = file.metadata.num_rows, 0
    for batch in file.iter_batches(size, columns=sorted(set(columns.values()))):
        first, seen = seen, seen + batch.num_rows
        if seen <= skip:
            continue
        batch = batch.slice(max(skip - first, 0))
        lines = np.arange(seen - batch.num_rows, seen) + 1
        yield Chunk(lines, {role: batch[name] for role, name in columns.items()}, seen / total)


def _read_csv(path: Path, columns: Mapping[str, str], skip: int, size: int) -> Iterator[Chunk]:
    total = path.stat().st_size
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        names = next(reader, [])
        _check_columns(path, columns, names)
        pick = itemgetter(*[names.index(name) for name in columns.values()])
        for rows in _chunked(_numbered(reader), skip, size):
            whole = [(line, pick(row)) for line, row in rows if len(row) == len(names)]
            broken = [
                (line, f"has {len(row)} fields, the header {len(names)}")
                for line, row in rows
                if len(row) != len(names)
            ]
            yield _chunk(whole, columns, raw.tell() / total, broken)


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV file with the line each starts on; a quoted field may go on over several."""
    line = reader.line_num + 1
    for row in reader:
        if row:
            yield line, row
        line = reader.line_num + 1


def _read_jsonl(path: Path, columns: Mapping[str, str], skip: int, size: int) -> Iterator[Chunk]:
    total = path.stat().st_size
    with path.open("rb") as raw:
        first = _object(raw.readline())
        if first is None:
            raise WrongInput(f"The first line of {path.name} is no JSON object.")
        _check_columns(path, {role: columns[role] for role in REQUIRED}, list(first))
        raw.seek(0)
        lines = ((number, line) for number, line in enumerate(raw, 1) if line.strip())
        for rows in _chunked(lines, skip, size):
            parsed = [(number, _object(line)) for number, line in rows]
            broken = [(number, "is no JSON object") for number, row in parsed if row is None]
            whole = [(number, [row.get(name) for name in columns.values()]) for number, row in parsed if row]
            yield _chunk(whole, columns, raw.tell() / total, broken)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if value and isinstance(value, dict) else None


def _chunked(rows: Iterator[Any], skip: int, size: int) -> Iterator[list[Any]]:
    rows = itertools.islice(rows, skip, None)
    while chunk := list(itertools.islice(rows, size)):
        yield chunk


def _chunk(
    rows: Sequence[tuple[int, Sequence[Any]]],
    columns: Mapping[str, str],
    done: float,
    broken: list[tuple[int, str]],
) -> Chunk:
    values = zip(*(row for _, row in rows), strict=True) if rows else [()] * len(columns)
    arrays = {role: _texts(column) for role, column in zip(columns, values, strict=True)}
    return Chunk(np.array([line for line, _ in rows], np.int64), arrays, done, broken)


def _texts(values: Sequence[Any]) -> pa.Array:
    texts = [value if isinstance(value, str | None) else str(value) for value in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # JSON can spell characters that do not exist
        return pa.array([text and text.encode("utf-8", "replace").decode() for text in texts], pa.string())


def _check_columns(path: Path, columns: Mapping[str, str], names: Sequence[str]) -> None:
    for role, name in columns.items():
        if name not in names:
            raise WrongInput(f"--map {role}={name}: the columns of {path.name} are {', '.join(names)}.")


_READERS: dict[str, Callable[[Path, Mapping[str, str], int, int], Iterator[Chunk]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
