"""`POST v1/events/`: what browsers report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import path
from django.utils.cache import patch_cache_control
from rest_framework import serializers, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ParseError, PermissionDenied, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shop_recs.api.parsers import BoundedJSONParser, PlainTextJSONParser, TooLarge
from shop_recs.api.schema import extend_schema
from shop_recs.api.throttles import EventsThrottle
from shop_recs.conf import settings
from shop_recs.models import KIND_NAMES, Kind
from shop_recs.tracking.failures import Refused
from shop_recs.tracking.identity import bare
from shop_recs.tracking.ingest import ClientEvent, Invalid, ingest
from shop_recs.tracking.record import MAX_QUANTITY, may_record, product_key


class ProductKeyField(serializers.CharField):
    """The key of a product, as a string or a number."""

    default_error_messages = {"invalid": "must be the key of a product, as a string or a number"}

    def to_internal_value(self, data: Any) -> Any:
        try:
            return product_key(super().to_internal_value(data))
        except Refused:
            raise ValidationError("unknown product") from None


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that are not listed."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise ValidationError({"unknown key": f"{unknown[0]!a:.40}; known are {', '.join(self.fields)}"})
        return super().to_internal_value(data)


class EventSerializer(StrictSerializer):
    """One event."""

    id = serializers.UUIDField(help_text="Made by the client; the same id is stored once per visitor.")
    kind = serializers.ChoiceField(
        choices=[name for kind, name in KIND_NAMES.items() if kind != Kind.PURCHASE],
        error_messages={"invalid_choice": "must be one of view, favourite, cart"},
    )
    product = ProductKeyField()
    occurred_at = serializers.DateTimeField(
        required=False,
        default_timezone=UTC,
        help_text="When it happened; the time of arrival where missing or implausible.",
    )
    quantity = serializers.IntegerField(required=False, min_value=1, max_value=MAX_QUANTITY)
    recommendation_id = serializers.UUIDField(required=False, help_text="The list that led to it.")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") == KIND_NAMES[Kind.PURCHASE]:
            raise ValidationError("purchases are recorded by the shop's server")
        return super().to_internal_value(data)


class VerdictsSerializer(serializers.Serializer[Any]):
    """The answer: one verdict for each that was sent, in their order."""

    verdicts = serializers.ListField(
        child=serializers.CharField(), help_text="`accepted`, `duplicate` or `invalid: reason`."
    )


class SessionOfThisSite(SessionAuthentication):
    """The shop's session; `FromThisSite` stands in for the CSRF token, which a beacon cannot send."""

    def enforce_csrf(self, request: Request) -> None:
        return


class FromThisSite(BasePermission):
    """Refuses what a browser sends from another site; `CSRF_TRUSTED_ORIGINS` may send."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not _is_from_this_site(bare(request)):
            raise PermissionDenied("Events are accepted from the shop's own pages only.")
        return True


class _Origin(CsrfViewMiddleware):
    """Django's own judgement of an `Origin` header."""

    _origin_verified: Callable[[HttpRequest], bool]

    def is_ours(self, request: HttpRequest) -> bool:
        return self._origin_verified(request)


class FromBrowserView(APIView):
    """What takes reports of the visitor's own browser; its answers are for nobody else."""

    authentication_classes = [SessionOfThisSite]
    permission_classes = [FromThisSite]
    throttle_classes = [EventsThrottle]
    parser_classes = [BoundedJSONParser, PlainTextJSONParser]
    versioning_class = None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        return response


class EventsView(FromBrowserView):
    """Store events of the visitor's browser; purchases are recorded by the shop's server alone."""

    @extend_schema(request=EventSerializer(many=True), responses={202: VerdictsSerializer, 204: None})
    def post(self, request: Request) -> Response:
        """Store a list of events: 202 with a verdict for each, 204 where the visitor may not be recorded."""
        events = _events_in(request.data)
        if not may_record(bare(request)):
            return Response(status=status.HTTP_204_NO_CONTENT)
        serializer = EventSerializer()
        verdicts = ingest(bare(request), [_validated(serializer, event) for event in events])
        return Response({"verdicts": verdicts}, status=status.HTTP_202_ACCEPTED)


def _is_from_this_site(request: HttpRequest) -> bool:
    if request.headers.get("Sec-Fetch-Site") in ("same-origin", "none"):
        return True
    if "Origin" in request.headers:
        return _Origin(lambda request: HttpResponse()).is_ours(request)
    return "Sec-Fetch-Site" not in request.headers


def _events_in(data: Any) -> list[Any]:
    events = data["events"] if isinstance(data, dict) and set(data) == {"events"} else data
    if not isinstance(events, list):
        raise ParseError('Send a list of events, or {"events": [...]}.')
    return no_more_than_allowed(events)


def no_more_than_allowed(sent: list[Any]) -> list[Any]:
    """What was sent, unless it is more than one request may carry.

    Raises:
        TooLarge: it is.
    """
    if len(sent) > settings.EVENTS_PER_REQUEST:
        raise TooLarge(f"{len(sent)} events; send at most {settings.EVENTS_PER_REQUEST} at once.")
    return sent


def _validated(serializer: EventSerializer, event: Any) -> ClientEvent | Invalid:
    try:
        values = serializer.run_validation(event)
    except ValidationError as error:
        return Invalid(first_reason(error.detail))
    return ClientEvent(**values | {"kind": Kind.named(values["kind"])})


def first_reason(detail: Any) -> str:
    """The first of the errors that a serializer found, in one line."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        reason = first_reason(inner)
        return reason if name == "non_field_errors" else f"{name}: {reason}"
    return first_reason(detail[0]) if isinstance(detail, list) else str(detail)


urlpatterns = [path("events/", EventsView.as_view(), name="events")]
