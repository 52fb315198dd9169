"""What to import: which file, which of its columns mean what, and how its words and numbers are read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shop_recs.exceptions import ShopRecsError
from shop_recs.models import KIND_NAMES, Kind

ROLES = ("visitor", "product", "kind", "time", "quantity", "price", "order", "line")
REQUIRED = ("visitor", "product", "time")
FORMATS = (".csv", ".jsonl", ".parquet")
TIME_UNITS = ("s", "ms", "iso")
EDGE = 1 << 20
"""Bytes at either end of a file that tell it from others of the same size."""


class WrongInput(ShopRecsError):
    """The file or the options make no sense; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked import.

    Attributes:
        path: the file.
        columns: role to the column that plays it.
        kind: kind of all rows; None where a column says it.
        words: word of the file to the kind it means.
        product_field: field of the product that the file names products by.
        user_field: field of the user that the file names visitors by; None where visitors are no users.
        time_unit: how times are written; None to go by the column's type.
    """

    path: Path
    columns: Mapping[str, str]
    kind: Kind | None
    words: Mapping[str, Kind]
    product_field: str = "pk"
    user_field: str | None = None
    time_unit: str | None = None

    def fingerprint(self) -> str:
        """The same for the same content read the same way, wherever the file lies."""
        size = self.path.stat().st_size
        digest = hashlib.sha256(repr((size, sorted(self.columns.items()), self.kind)).encode())
        keys = (self.product_field, self.user_field, self.time_unit)
        digest.update(repr((sorted(self.words.items()), keys)).encode())
        with self.path.open("rb") as file:
            digest.update(file.read(EDGE))
            file.seek(max(size - EDGE, 0))
            digest.update(file.read(EDGE))
        return digest.hexdigest()


def make_plan(
    path: str | Path,
    *,
    columns: Mapping[str, str],
    kind: str | None = None,
    words: Mapping[str, str] | None = None,
    product_field: str = "pk",
    user_field: str | None = None,
    time_unit: str | None = None,
) -> Plan:
    """Check the options of an import against each other.

    Args:
        path: the file; its suffix says the format.
        columns: role to column.
        kind: kind of all rows, where no column has the role `kind`.
        words: kind to the word that the file uses for it, where that is another.
        product_field: field of the product that the file's product column holds.
        user_field: field of the user that the file's visitor column holds.
        time_unit: `s`, `ms` or `iso`.

    Raises:
        WrongInput: something is missing or unknown.
    """
    path = Path(path)
    _check_file(path)
    for role in columns:
        if role not in ROLES:
            raise WrongInput(f"--map {role}={columns[role]}: no role {role!r}; roles are {', '.join(ROLES)}.")
    for role in REQUIRED:
        if role not in columns:
            raise WrongInput(f"Which column holds the {role}? Write --map {role}=COLUMN.")
    if (kind is None) == ("kind" not in columns):
        raise WrongInput("What are the rows? Write either --kind view, or --map kind=COLUMN.")
    return Plan(
        path=path,
        columns=dict(columns),
        kind=None if kind is None else _kind(kind, "--kind"),
        words=_words(words or {}),
        product_field=product_field,
        user_field=user_field,
        time_unit=time_unit,
    )


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise WrongInput(f"There is no file {path}.")
    if path.suffix.lower() not in FORMATS:
        raise WrongInput(f"{path.name} is of no known format; its name must end in {', '.join(FORMATS)}.")


def _words(words: Mapping[str, str]) -> dict[str, Kind]:
    own = {name: kind for kind, name in KIND_NAMES.items() if name not in words}
    return own | {word: _kind(name, f"--value {name}={word}") for name, word in words.items()}


def _kind(name: str, option: str) -> Kind:
    try:
        return Kind.named(name)
    except KeyError:
        raise WrongInput(f"{option}: no kind {name!r}; kinds are {', '.join(KIND_NAMES.values())}.") from None
