"""What serving reports: connect receivers to count it, in whatever keeps the shop's metrics."""

from __future__ import annotations

from django.dispatch import Signal

list_served = Signal()
"""A list was made.

Arguments:
    placement: its slug.
    recommendations: the list.
"""

unanswered = Signal()
"""A statement gave no answer, so that the next rung does.

Arguments:
    name: the source of a rung (and "exactly" where no index helps), several joined by "+"; `"newest"`;
        `"history"`, `"seeds"` or `"context"`, from which all lists start; `"past"`.
    reason: `"timeout"`; `"error"`; `"open"`, it was not even asked, since it kept failing.
"""
