"""The pages that a benchmark asks, in front of the shop's own: the API, a filtered list and a bare one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings as django_settings
from django.db.models import Model, QuerySet
from django.urls import include, path
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, ModelSerializer

from shop_recs import serving
from shop_recs.api.recommendations import PersonalView
from shop_recs.api.serializers import as_json
from shop_recs.bench import filters
from shop_recs.bench.web import ROOT
from shop_recs.conf import get_product_model, settings
from shop_recs.serving.eligible import available
from shop_recs.tracking.identity import bare

LENGTH = 12
"""Products of the bare list, as many as a list of recommendations has by default."""


# The settings in force name this module here; what the shop wrote is in its own.
_urls_of_the_shop = import_module(str(django_settings.SETTINGS_MODULE)).ROOT_URLCONF
_product = get_product_model()
_shown = [name for part in ("title", "image", "price") if (name := settings.PRODUCT_FIELDS[part])]


class ProductSerializer(ModelSerializer[Model]):
    """What a recommendation shows of a product."""

    id = CharField(source="pk")
    url = CharField(source="get_absolute_url", default=None)

    class Meta:
        model = _product
        fields = ("id", "url", *(name for name in _shown if hasattr(_product, name)))


class BareList(ListAPIView[Model]):
    """As little as a list can do: the first products there are."""

    serializer_class = ProductSerializer
    permission_classes = [AllowAny]
    pagination_class = None
    throttle_classes = []
    filter_backends = []
    versioning_class = None

    def get_queryset(self) -> QuerySet[Any]:
        return available().order_by("pk")[:LENGTH]


class FilteredView(PersonalView):
    """A list of the products that a filter keeps: a hidden one, or all up to a key."""

    def get(self, request: Request) -> Response:
        query, products = request.query_params, available()
        products = (
            filters.scattered(products, float(query["share"]))
            if "share" in query
            else products.filter(pk__lte=query["key"])
        )
        recommendations = serving.recommended_for_you(bare(request), limit=filters.LENGTH, products=products)
        return Response(as_json(recommendations))


urlpatterns = [
    path(f"{ROOT[1:]}bare/", BareList.as_view()),
    path(f"{ROOT[1:]}filtered/", FilteredView.as_view()),
    path(ROOT[1:], include("shop_recs.api.urls")),
    path("", include(_urls_of_the_shop)),
]
