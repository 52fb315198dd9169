"""`GET v1/placements/{slug}/`, and `POST v1/placements/` for several lists of one page."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from shop_recs.api.lists import lists
from shop_recs.api.recommendations import MAX_LIMIT, PersonalView, excluded, key_of, limit_of
from shop_recs.api.schema import extend_schema
from shop_recs.api.serializers import (
    ExplainQuerySerializer,
    PlacementQuerySerializer,
    PlacementsSerializer,
    RecommendationsSerializer,
)
from shop_recs.exceptions import InvalidAsk, UnknownPlacement
from shop_recs.serving.eligible import in_order
from shop_recs.serving.placements import Ask
from shop_recs.tracking.identity import bare

LISTS_AT_ONCE = 12
SEEDS_AT_MOST = 100
PRODUCTS_AT_MOST = 500
"""Products that one may have put in order."""


class AskSerializer(serializers.Serializer[Any]):
    """One list of a page."""

    placement = serializers.CharField(max_length=50)
    seeds = serializers.ListField(
        child=serializers.CharField(), required=False, default=list, max_length=SEEDS_AT_MOST
    )
    products = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        max_length=PRODUCTS_AT_MOST,
        help_text="Choose from these alone; a placement of the kind `rank` puts them in order.",
    )
    exclude = serializers.ListField(
        child=serializers.CharField(), required=False, default=list, max_length=PRODUCTS_AT_MOST
    )
    category = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(required=False, min_value=1)
    after = serializers.CharField(required=False, help_text="`next` of the list that this one continues.")


class AsksSerializer(serializers.Serializer[Any]):
    """The lists of a page, in the order in which they choose."""

    placements = AskSerializer(many=True, allow_empty=False)


class OnePlacement(PersonalView):
    """The list of one placement."""

    @extend_schema(
        operation_id="placement", parameters=[PlacementQuerySerializer], responses=RecommendationsSerializer
    )
    def get(self, request: Request, slug: str) -> Response:
        """List what stands at a place of the shop."""
        seeds = [key_of("seeds", key) for key in request.query_params.get("seeds", "").split(",") if key]
        ask = Ask(
            slug,
            seeds=seeds,
            category=request.query_params.get("category"),
            limit=limit_of(request) if "limit" in request.query_params else None,
            exclude=excluded(request),
            after=request.query_params.get("after"),
        )
        try:
            (answer,) = lists(request, self, [ask], of=bare(request))
        except UnknownPlacement as error:
            raise Http404(str(error)) from error
        except InvalidAsk as error:
            raise ValidationError({error.field: str(error)}) from error
        return Response(answer)


class Placements(PersonalView):
    """Several lists of one page, which do not repeat a product."""

    parser_classes = [JSONParser]

    @extend_schema(
        operation_id="placements",
        parameters=[ExplainQuerySerializer],
        request=AsksSerializer,
        responses=PlacementsSerializer,
    )
    def post(self, request: Request) -> Response:
        """List what stands at several places of one page."""
        posted = AsksSerializer(data=request.data)
        posted.is_valid(raise_exception=True)
        entries = posted.validated_data["placements"]
        if len(entries) > LISTS_AT_ONCE:
            raise ValidationError({"placements": f"Ask for {LISTS_AT_ONCE} lists at most."})
        try:
            answers = lists(request, self, [_ask(entry) for entry in entries], of=bare(request))
        except (UnknownPlacement, InvalidAsk) as error:
            raise ValidationError({"placements": str(error)}) from error
        return Response({"placements": answers})


def _ask(entry: dict[str, Any]) -> Ask:
    products = None
    if "products" in entry:
        products = in_order([key_of("products", key) for key in entry["products"]])
    limit = entry.get("limit")
    return Ask(
        entry["placement"],
        seeds=[key_of("seeds", key) for key in entry["seeds"]],
        products=products,
        category=entry.get("category"),
        limit=None if limit is None else min(limit, MAX_LIMIT),
        exclude=[key_of("exclude", key) for key in entry["exclude"]],
        after=entry.get("after"),
    )


urlpatterns = [
    path("placements/", Placements.as_view(), name="placements"),
    path("placements/<slug:slug>/", OnePlacement.as_view(), name="placement"),
]
