"""Model versions for staff: look at them, retrain, publish, roll back, cancel."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.urls import path
from django.utils.decorators import method_decorator
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.filters import BaseFilterBackend
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shop_recs.api.schema import extend_schema
from shop_recs.api.throttles import ModelsThrottle
from shop_recs.exceptions import BrokerUnreachable, ShopRecsError, UnknownAlgorithm
from shop_recs.models import ModelVersion
from shop_recs.training import publish
from shop_recs.training.requests import request_cancellation, request_training

STATUS_OF: dict[type[ShopRecsError], int] = {UnknownAlgorithm: 400, BrokerUnreachable: 503}
"""Refusals other than "not in this state", which is 409 Conflict."""


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A model version, with all that is known of it."""

    is_active = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = (
            "id", "algorithm", "status", "is_active", "phase", "percent", "eta_seconds", "cancel_requested",
            "metrics", "options", "info", "error", "refusal", "override_note", "overridden_by",
            "overridden_at", "dimensions", "item_count", "interaction_count", "visitor_count", "data_from",
            "data_until", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_is_active(self, version: ModelVersion) -> bool:
        return hasattr(version, "active")


class AlgorithmSerializer(serializers.Serializer[Any]):
    """Which algorithm is meant."""

    algorithm = serializers.CharField(max_length=64)


class RollbackSerializer(AlgorithmSerializer):
    """Whose active version to take back; with its id, nothing happens where another is active by then."""

    version = serializers.IntegerField(required=False)


class OverrideSerializer(serializers.Serializer[Any]):
    """Why to serve a version although the gate refused it."""

    override = serializers.CharField(required=False, default="", allow_blank=True)


class DetailSerializer(serializers.Serializer[Any]):
    """What was done."""

    detail = serializers.CharField()


class StaffMay(BasePermission):
    """Staff who may look at versions may; what changes something needs the permission that the view names."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed: str = getattr(view, "permission", "shop_recs.view_modelversion")
        return bool(request.user.is_staff) and request.user.has_perm(needed)


class ByAlgorithm(BaseFilterBackend):
    """`?algorithm=als`"""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        algorithm = request.query_params.get("algorithm")
        return queryset.filter(algorithm=algorithm) if algorithm else queryset

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": "algorithm",
                "in": "query",
                "required": False,
                "description": "Only versions of this algorithm.",
                "schema": {"type": "string"},
            }
        ]


class ByLimit(LimitOffsetPagination):
    """`?limit=20&offset=0`, at most 100."""

    default_limit = 20
    max_limit = 100


class Refused(APIException):
    """A refusal of the service below, in its own words."""

    def __init__(self, error: ShopRecsError) -> None:
        super().__init__(str(error))
        self.status_code = STATUS_OF.get(type(error), 409)


class VersionsView(GenericAPIView[ModelVersion]):
    """What all views of model versions share."""

    queryset = ModelVersion.objects.select_related("active")
    serializer_class: type[serializers.BaseSerializer[Any]] = ModelVersionSerializer
    permission_classes = [StaffMay]
    throttle_classes = [ModelsThrottle]

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(Refused(exc) if isinstance(exc, ShopRecsError) else exc)

    def answer(self, version_id: int, *, code: int = status.HTTP_200_OK) -> Response:
        """The version as it stands now."""
        version = self.get_queryset().get(pk=version_id)
        return Response(ModelVersionSerializer(version).data, status=code)


class ModelList(VersionsView, ListAPIView[ModelVersion]):
    """The model versions, newest first."""

    filter_backends = [ByAlgorithm]
    pagination_class = ByLimit


class ModelDetail(VersionsView, RetrieveAPIView[ModelVersion]):
    """One model version."""


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class Retrain(VersionsView):
    """Queue a training for the worker."""

    # The task is queued at commit: with ATOMIC_REQUESTS an unreachable broker would show too late to be told.
    permission = "shop_recs.retrain"
    serializer_class = AlgorithmSerializer

    @extend_schema(request=AlgorithmSerializer, responses={202: DetailSerializer})
    def post(self, request: Request) -> Response:
        algorithm = _algorithm(request)
        request_training(algorithm)
        detail = f"The training of {algorithm} is queued; it is listed as soon as a worker takes it up."
        return Response({"detail": detail}, status=status.HTTP_202_ACCEPTED)


class Publish(VersionsView):
    """Serve a version from now on; one that the gate refused needs an `override` that says why."""

    permission = "shop_recs.publish"
    serializer_class = OverrideSerializer

    @extend_schema(request=OverrideSerializer, responses=ModelVersionSerializer)
    def post(self, request: Request, pk: int) -> Response:
        posted = OverrideSerializer(data=request.data)
        posted.is_valid(raise_exception=True)
        by = request.user.get_username()
        publish.publish(self.get_object(), override=posted.validated_data["override"], by=by)
        return self.answer(pk)


class Rollback(VersionsView):
    """Serve the newest version before the active one; answers which that is."""

    permission = "shop_recs.publish"
    serializer_class = RollbackSerializer

    @extend_schema(request=RollbackSerializer, responses=ModelVersionSerializer)
    def post(self, request: Request) -> Response:
        posted = RollbackSerializer(data=request.data)
        posted.is_valid(raise_exception=True)
        algorithm, from_version = posted.validated_data["algorithm"], posted.validated_data.get("version")
        return self.answer(publish.rollback(algorithm, from_version=from_version).pk)


class Cancel(VersionsView):
    """Ask a training to stop; it does within seconds."""

    permission = "shop_recs.retrain"

    @extend_schema(request=None, responses={202: ModelVersionSerializer})
    def post(self, request: Request, pk: int) -> Response:
        request_cancellation(self.get_object())
        return self.answer(pk, code=status.HTTP_202_ACCEPTED)


def _algorithm(request: Request) -> str:
    posted = AlgorithmSerializer(data=request.data)
    posted.is_valid(raise_exception=True)
    algorithm: str = posted.validated_data["algorithm"]
    return algorithm


urlpatterns = [
    path("models/", ModelList.as_view(), name="models"),
    path("models/retrain/", Retrain.as_view(), name="model-retrain"),
    path("models/rollback/", Rollback.as_view(), name="model-rollback"),
    path("models/<int:pk>/", ModelDetail.as_view(), name="model"),
    path("models/<int:pk>/publish/", Publish.as_view(), name="model-publish"),
    path("models/<int:pk>/cancel/", Cancel.as_view(), name="model-cancel"),
]
