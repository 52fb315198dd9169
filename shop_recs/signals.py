"""What serving reports: connect receivers to count it, in whatever keeps the shop's metrics."""

from __future__ import annotations

from django.dispatch import Signal

list_served = Signal()
"""A list was made.

Arguments:
    placement: its slug, or the name of the function that made it.
    recommendations: the list.
"""

unanswered = Signal()
"""A statement gave no answer, so that the next rung does.

Arguments:
    name: the rung, or `"context"`, `"past"`, `"fill"`, `"newest"`; several names for a blend.
    reason: `"timeout"`; `"error"`; `"open"`, it was not even asked, since it kept failing.
"""
