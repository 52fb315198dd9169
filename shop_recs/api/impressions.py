"""`POST v1/impressions/`: what came into view in browsers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import path
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shop_recs.api.events import (
    FromBrowserView,
    ProductKeyField,
    StrictSerializer,
    VerdictsSerializer,
    first_reason,
    no_more_than_allowed,
)
from shop_recs.api.schema import extend_schema
from shop_recs.conf import settings
from shop_recs.models.placements import MAX_LIMIT
from shop_recs.tracking.identity import bare
from shop_recs.tracking.impressions import ClientImpression, ingest_impressions
from shop_recs.tracking.ingest import Invalid
from shop_recs.tracking.record import may_record

MAX_RANK = 1_000


class ImpressionSerializer(StrictSerializer):
    """Products of one list that came into view together."""

    id = serializers.UUIDField(help_text="Made by the client; the same id is stored once per visitor.")
    recommendation_id = serializers.UUIDField(help_text="The list.")
    placement = serializers.SlugField(required=False, allow_blank=True, max_length=50)
    products = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_RANK),
        allow_empty=False,
        help_text="Ids to ranks in the list, 1 is the first; unknown products are passed over.",
    )

    def validate_products(self, ranks: dict[str, int]) -> dict[Any, int]:
        if len(ranks) > MAX_LIMIT:
            raise ValidationError(f"a list has {MAX_LIMIT} products at most")
        return dict(_by_key(ranks))


class ImpressionsView(FromBrowserView):
    """Store what the visitor was really shown."""

    @extend_schema(
        operation_id="impressions",
        request=ImpressionSerializer(many=True),
        responses={202: VerdictsSerializer, 204: None},
    )
    def post(self, request: Request) -> Response:
        """Store a list of impressions: 202 with a verdict for each, 204 where nothing may be recorded."""
        if not isinstance(request.data, list):
            raise ParseError("Send a list of impressions.")
        impressions = no_more_than_allowed(request.data)
        if not (settings.IMPRESSION_DAYS and may_record(bare(request))):
            return Response(status=status.HTTP_204_NO_CONTENT)
        serializer = ImpressionSerializer()
        verdicts = ingest_impressions(bare(request), [_validated(serializer, seen) for seen in impressions])
        return Response({"verdicts": verdicts}, status=status.HTTP_202_ACCEPTED)


def _by_key(ranks: dict[str, int]) -> Iterator[tuple[Any, int]]:
    field = ProductKeyField()
    for text, rank in ranks.items():
        try:
            yield field.run_validation(text), rank
        except ValidationError:
            continue


def _validated(serializer: ImpressionSerializer, seen: Any) -> ClientImpression | Invalid:
    try:
        return ClientImpression(**serializer.run_validation(seen))
    except ValidationError as error:
        return Invalid(first_reason(error.detail))


urlpatterns = [path("impressions/", ImpressionsView.as_view(), name="impressions")]
