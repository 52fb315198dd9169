"""Lists in plain values; for staff with why they are so, by `?explain=1`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from shop_recs.api.models import StaffMay
from shop_recs.api.serializers import as_json
from shop_recs.api.why import explanation
from shop_recs.exceptions import BrokenFilter
from shop_recs.serving.placements import Ask, recommend_page
from shop_recs.serving.why import explained_page

logger = logging.getLogger(__name__)

EXPLAIN = "explain"


class Unavailable(APIException):
    """A placement is set up so that it cannot make a list."""

    status_code = 503
    default_detail = "This list cannot be made at present; the log of the server says why."


def is_asked_for(request: Request, view: APIView) -> bool:
    """Whether `?explain=1` is there; whoever may not ask it is refused."""
    if request.query_params.get(EXPLAIN, "") in ("", "0", "false"):
        return False
    if not StaffMay().has_permission(request, view):
        view.permission_denied(request, message="Only staff who may view model versions may ask for explain.")
    return True


def lists(
    request: Request, view: APIView, asks: Sequence[Ask], *, of: HttpRequest | None
) -> list[dict[str, Any]]:
    """The lists of a page in plain values, each with its explanation where that is asked for.

    Args:
        request: of the API.
        view: that answers it.
        asks: the lists.
        of: whose history counts; None for lists that are the same for everybody.
    """
    explains = is_asked_for(request, view)
    try:
        if not explains:
            return [as_json(recommendations) for recommendations in recommend_page(asks, of)]
        return [
            {**as_json(why.recommendations), "explanation": explanation(why)}
            for why in explained_page(asks, of)
        ]
    except BrokenFilter as error:
        # What its filter is made of is nobody's business out there.
        logger.exception("A placement cannot make a list")
        raise Unavailable from error
