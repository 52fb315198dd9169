"""What recommendations are measured against: a bare DRF view that lists twelve products of the same table."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.serializers import CharField, ModelSerializer

Product = apps.get_model("shop.Product")


class ProductSerializer(ModelSerializer):  # type: ignore[type-arg]
    """What a recommendation shows of a product."""

    url = CharField(source="get_absolute_url")

    class Meta:
        model = Product
        fields = ("id", "name", "url", "image", "price")


class ProductList(ListAPIView):  # type: ignore[type-arg]
    """As little as a list can do."""

    serializer_class = ProductSerializer
    permission_classes = [AllowAny]

    def get_queryset(self) -> QuerySet[Any]:
        return Product.objects.filter(is_active=True)[:12]


urlpatterns: list[URLPattern | URLResolver] = [
    path("products/", ProductList.as_view()),
    path("product/<key>/", ProductList.as_view(), name="product"),
]
if apps.is_installed("shop_recs"):
    urlpatterns.append(path("recs/", include("shop_recs.api.urls")))
