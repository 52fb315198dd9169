"""Columns of a file to columns of the log, all rows at once; what makes no sense is refused with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from shop_recs.tracking.importing.plan import Plan, WrongInput
from shop_recs.tracking.importing.readers import Chunk
from shop_recs.tracking.record import MAX_PRICE, MAX_QUANTITY

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

MAX_TEXT = 255
MAX_REFERENCE = 64
PER_SECOND = {"s": 1.0, "ms": 1e3}
DAY = 86_400.0


@dataclass(slots=True)
class Refusals:
    """Which rows of a chunk are out, and why; the first reason stands."""

    rows: int
    reasons: dict[int, str] = field(default_factory=dict)

    def add(self, bad: Mask, reason: Callable[[int], str]) -> None:
        """Refuse the rows of a `(n,)` mask."""
        for row in np.flatnonzero(bad):
            self.reasons.setdefault(int(row), reason(int(row)))

    def kept(self) -> Mask:
        """`(n,)`, the rows that are still in."""
        kept = np.ones(self.rows, bool)
        kept[list(self.reasons)] = False
        return kept


def normalise(chunk: Chunk, plan: Plan) -> tuple[pa.Table, dict[int, str]]:
    """The good rows of a chunk as they are stored, and the reasons of the others by their position.

    The table has the columns row (the position in the chunk), visitor, product, kind, occurred_at, and of
    quantity, unit_price, order_reference and line those that the file has.

    Raises:
        WrongInput: a column is of a type that its role cannot have.
    """
    refusals = Refusals(len(chunk.lines))
    try:
        columns = _columns(chunk, plan, refusals)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise WrongInput(f"A column has a type that its role cannot have: {error}") from error
    return pa.table(columns).filter(pa.array(refusals.kept())), refusals.reasons


def _columns(chunk: Chunk, plan: Plan, refusals: Refusals) -> dict[str, pa.Array]:
    columns = {
        "row": pa.array(np.arange(refusals.rows)),
        "visitor": _required_text(chunk, "visitor", refusals),
        "product": _required_text(chunk, "product", refusals),
        "kind": _kinds(chunk, plan, refusals),
        "occurred_at": _times(chunk, plan, refusals),
    }
    for role, (name, read) in _OPTIONAL.items():
        if role in chunk.columns:
            columns[name] = read(chunk, role, refusals)
    return columns


def as_text(values: pa.Array) -> pa.Array:
    """Any column as trimmed strings; what is empty is null."""
    texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _required_text(chunk: Chunk, role: str, refusals: Refusals) -> pa.Array:
    texts = as_text(chunk.columns[role])
    refusals.add(_mask(texts.is_null()), lambda row: f"{role} is missing")
    return _storable(texts, role, MAX_TEXT, refusals)


def _optional_text(chunk: Chunk, role: str, refusals: Refusals) -> pa.Array:
    return _storable(as_text(chunk.columns[role]).fill_null(""), role, MAX_REFERENCE, refusals)


def _storable(texts: pa.Array, role: str, longest: int, refusals: Refusals) -> pa.Array:
    refusals.add(
        _mask(pc.greater(pc.utf8_length(texts), longest)),
        lambda row: f"{role} has more than {longest} characters",
    )
    refusals.add(_mask(pc.match_substring(texts, "\x00")), lambda row: f"{role} contains a NUL character")
    return texts


def _kinds(chunk: Chunk, plan: Plan, refusals: Refusals) -> pa.Array:
    if plan.kind is not None:
        return pa.repeat(pa.scalar(int(plan.kind), pa.int8()), refusals.rows)
    texts = as_text(chunk.columns["kind"])
    words = list(plan.words)
    found = pc.index_in(texts, pa.array(words))
    refusals.add(
        _mask(found.is_null()),
        lambda row: f"kind {texts[row].as_py()!r} is none of {', '.join(words)}; see --value",
    )
    return pa.array([int(kind) for kind in plan.words.values()], pa.int8()).take(found)


def _quantities(chunk: Chunk, role: str, refusals: Refusals) -> pa.Array:
    values = chunk.columns[role]
    numbers, missing = _numbers(values)
    numbers = np.where(missing, 1, numbers)
    good = (numbers >= 1) & (numbers <= MAX_QUANTITY) & (numbers == np.floor(numbers))
    refusals.add(~good, lambda row: f"quantity {values[row].as_py()!r} is no whole number of 1 or more")
    return pa.array(np.where(good, numbers, 1).astype(np.int32))


def _prices(chunk: Chunk, role: str, refusals: Refusals) -> pa.Array:
    values = chunk.columns[role]
    numbers, missing = _numbers(values)
    numbers = np.round(numbers, 4)
    good = missing | ((numbers >= 0) & (numbers < float(MAX_PRICE)))
    refusals.add(~good, lambda row: f"price {values[row].as_py()!r} is no number from 0 to {MAX_PRICE:,}")
    return pa.array(np.where(good, numbers, 0), mask=missing | ~good)


def _numbers(values: pa.Array) -> tuple[Floats, Mask]:
    """A column as `(n,)` float64, NaN where it is no number, and where it is empty."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = as_text(values)
    try:
        numbers = values.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        numbers = pa.array([_number(value) for value in values.to_pylist()], pa.float64())
    return numbers.fill_null(np.nan).to_numpy(zero_copy_only=False), _mask(values.is_null())


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _times(chunk: Chunk, plan: Plan, refusals: Refusals) -> pa.Array:
    values = chunk.columns["time"]
    unit = plan.time_unit or ("s" if pa.types.is_primitive(values.type) else "iso")
    seconds = _seconds(values, unit)
    good = (seconds >= 0) & (seconds <= time.time() + DAY)
    refusals.add(_mask(as_text(values).is_null()), lambda row: "time is missing")
    refusals.add(~good, lambda row: _wrong_time(values[row].as_py(), seconds[row], unit))
    microseconds = np.round(np.where(good, seconds, 0) * 1e6).astype(np.int64)
    return pa.array(microseconds).cast(pa.timestamp("us", "UTC"))


def _seconds(values: pa.Array, unit: str) -> Floats:
    """Times as `(n,)` Unix seconds, NaN where they cannot be read."""
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return _unix(values.cast(pa.timestamp("us", getattr(values.type, "tz", None))))
    if unit != "iso":
        return _numbers(values)[0] / PER_SECOND[unit]
    texts = as_text(values)
    for zone in (None, "UTC"):
        with suppress(pa.ArrowInvalid):
            return _unix(texts.cast(pa.timestamp("us", zone)))
    return np.array([_unix_of_text(text) for text in texts.to_pylist()])


def _unix(times: pa.Array) -> Floats:
    if times.type.tz is None:
        zone = timezone.get_current_timezone_name()
        times = pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="earliest")
    microseconds = times.cast(pa.int64()).cast(pa.float64(), safe=False).fill_null(np.nan)
    seconds: Floats = microseconds.to_numpy(zero_copy_only=False) / 1e6
    return seconds


def _unix_of_text(text: str | None) -> float:
    try:
        moment = parse_datetime(text or "")
    except ValueError:
        moment = None
    if moment is None:
        return float("nan")
    return (moment if timezone.is_aware(moment) else timezone.make_aware(moment)).timestamp()


def _wrong_time(value: Any, seconds: float, unit: str) -> str:
    if np.isnan(seconds) and unit == "iso":
        return f"time {value!r} is no ISO 8601 time; for Unix seconds write --time-unit s"
    if np.isnan(seconds):
        return f"time {value!r} is no number; for ISO 8601 write --time-unit iso"
    if seconds < 0:
        return f"time {value!r} is before 1970"
    return f"time {value!r} is in the future; for milliseconds write --time-unit ms"


def _mask(values: pa.Array) -> Mask:
    mask: Mask = values.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


_OPTIONAL: dict[str, tuple[str, Callable[[Chunk, str, Refusals], pa.Array]]] = {
    "quantity": ("quantity", _quantities),
    "price": ("unit_price", _prices),
    "order": ("order_reference", _optional_text),
    "line": ("line", _optional_text),
}
