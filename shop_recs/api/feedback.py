"""`POST v1/feedback/` and `DELETE v1/feedback/{id}/`: what the visitor does not want to see."""

from __future__ import annotations

from django.urls import path
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shop_recs.api.events import FromBrowserView, ProductKeyField, StrictSerializer
from shop_recs.api.recommendations import key_of
from shop_recs.api.schema import extend_schema
from shop_recs.models import FeedbackKind
from shop_recs.tracking.feedback import give, show_again
from shop_recs.tracking.identity import bare
from shop_recs.tracking.ingest import known_products


class FeedbackSerializer(StrictSerializer):
    """What the visitor says of a product."""

    product = ProductKeyField()
    kind = serializers.ChoiceField(choices=FeedbackKind.values)


class FeedbackView(FromBrowserView):
    """Show a product no more."""

    @extend_schema(operation_id="give_feedback", request=FeedbackSerializer, responses={201: None, 204: None})
    def post(self, request: Request) -> Response:
        """Hide a product from the visitor's lists: 201, or 204 where the visitor may not be remembered."""
        posted = FeedbackSerializer(data=request.data)
        posted.is_valid(raise_exception=True)
        key, kind = posted.validated_data["product"], FeedbackKind(posted.validated_data["kind"])
        if not known_products([key]):
            raise ValidationError({"product": "unknown product"})
        stored = give(bare(request), kind, key)
        return Response(status=status.HTTP_201_CREATED if stored else status.HTTP_204_NO_CONTENT)


class FeedbackOfProductView(FromBrowserView):
    """What the visitor says of one product."""

    @extend_schema(operation_id="take_feedback_back", responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Show the product again; 204 also where nothing was said of it."""
        show_again(bare(request), key_of("product", id))
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns = [
    path("feedback/", FeedbackView.as_view(), name="feedback"),
    path("feedback/<str:id>/", FeedbackOfProductView.as_view(), name="feedback_of_product"),
]
