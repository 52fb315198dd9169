"""What serving sends to the database, taken apart."""

from __future__ import annotations

import re

GUARDED = re.compile(
    r"(?:SAVEPOINT shop_recs; )?(?:SET LOCAL statement_timeout = \d+; )?"
    r"(?P<statement>.*?)(?:; ROLLBACK TO SAVEPOINT shop_recs; RELEASE SAVEPOINT shop_recs)?",
    re.S,
)


def statement_in(message: str) -> str:
    """The statement of a message, without what guards it."""
    found = GUARDED.fullmatch(message)
    assert found
    return found["statement"]
