"""No visitor cookie."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def VisitorMiddleware(get_response: Answer) -> Answer:  # noqa: N802
    """Nothing in between."""
    return get_response
