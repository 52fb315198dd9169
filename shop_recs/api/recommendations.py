"""`GET v1/recommendations/` and `GET v1/items/{id}/similar/`."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.urls import path
from django.utils.cache import patch_cache_control
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shop_recs.api.lists import EXPLAIN, lists
from shop_recs.api.schema import extend_schema
from shop_recs.api.serializers import PersonalQuerySerializer, QuerySerializer, RecommendationsSerializer
from shop_recs.api.throttles import RecommendationsThrottle
from shop_recs.serving.eligible import available
from shop_recs.serving.placements import FOR_YOU, SIMILAR, Ask
from shop_recs.tracking.failures import Refused
from shop_recs.tracking.identity import bare
from shop_recs.tracking.record import product_key

DEFAULT_LIMIT = 12
MAX_LIMIT = 100
MAX_EXCLUDED = 500


class ListView(APIView):
    """What both lists share: everybody may read them, within the rate."""

    permission_classes = [AllowAny]
    throttle_classes = [RecommendationsThrottle]
    versioning_class = None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if EXPLAIN in request.GET:
            patch_cache_control(response, private=True, no_store=True)
        return response


class PersonalView(ListView):
    """Lists that depend on who asks; never cached, since the next event changes them."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        return response


class RecommendationsView(PersonalView):
    """Products for the visitor or user who asks; never cached, since the next event changes them."""

    @extend_schema(
        operation_id="recommended_for_you",
        parameters=[PersonalQuerySerializer],
        responses=RecommendationsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Recommend products by what the visitor did last."""
        product = request.query_params.get("product")
        here = [] if product is None else [key_of("product", product)]
        ask = Ask(FOR_YOU, limit=limit_of(request), exclude=[*here, *excluded(request)])
        return Response(lists(request, self, [ask], of=bare(request))[0])


class SimilarView(ListView):
    """Products like one product; the same for everybody, so a cache may keep the answer."""

    @extend_schema(
        operation_id="similar_items", parameters=[QuerySerializer], responses=RecommendationsSerializer
    )
    def get(self, request: Request, id: str) -> Response:
        """List products like the one with this id."""
        ask = Ask(SIMILAR, [_product(id)], limit=limit_of(request), exclude=excluded(request))
        return Response(lists(request, self, [ask], of=None)[0])


def limit_of(request: Request) -> int:
    given = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (given.isascii() and given.isdecimal() and given.strip("0")):
        raise ValidationError({"limit": f"{given!r:.40} is no number of products; ask for 1 to {MAX_LIMIT}."})
    return min(int(given.lstrip("0")[:9]), MAX_LIMIT)


def excluded(request: Request) -> list[Any]:
    keys = [key for key in request.query_params.get("exclude", "").split(",") if key]
    if len(keys) > MAX_EXCLUDED:
        raise ValidationError({"exclude": f"{len(keys)} products; leave out {MAX_EXCLUDED} at most."})
    return [key_of("exclude", key) for key in keys]


def key_of(parameter: str, value: str) -> Any:
    try:
        return product_key(value)
    except Refused as refusal:
        raise ValidationError({parameter: f"{refusal}."}) from None


def _product(key: str) -> Any:
    """A product that may be shown.

    Raises:
        Http404: there is none with this key.
    """
    try:
        # `AVAILABLE` may join what a product has several of; `get()` would fail on the repeats.
        product = available().filter(pk=product_key(key)).first()
    except Refused:
        product = None
    if product is None:
        raise Http404(f"There is no product {key!r:.80}.")
    return product


urlpatterns = [
    path("recommendations/", RecommendationsView.as_view(), name="recommendations"),
    path("items/<str:id>/similar/", SimilarView.as_view(), name="similar"),
]
