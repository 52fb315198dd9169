"""A web process as a shop starts it: it serves lists without what only training needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection

from shop_recs.models import Kind
from tests.serving.versions import publish_popularity, publish_vectors

SERVE = """
import sys
from uuid import UUID

import django

django.setup()

from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import resolve

from shop_recs.tracking import identity

resolve("/recs/v1/recommendations/")
request = RequestFactory().get("/")
stranger = Template("{% load shop_recs %}{% recommended_for_you %}").render(Context({"request": request}))
request = RequestFactory().get("/")
identity.remember(request, identity.Shopper(UUID(sys.argv[1]), None))
visitor = Template("{% load shop_recs %}{% recommended_for_you %}").render(Context({"request": request}))
assert "popular right now" in stranger, stranger
assert "because you viewed" in visitor, visitor
assert Client().get("/recs/v1/recommendations/").json()["rung"] == "popular"
heavy = {"torch", "implicit", "scipy", "sklearn", "onnxruntime", "pyarrow", "safetensors"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.django_db(transaction=True)
def test_a_web_process_never_imports_what_only_training_needs(shelves, tastes, visitor, did):
    publish_vectors("als", shelves[0] + shelves[1], tastes)
    publish_popularity(shelves[1])
    did(visitor, Kind.VIEW, shelves[0][0])
    ran = subprocess.run(
        [sys.executable, "-c", SERVE, str(visitor.pk)],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "SHOP_RECS_TEST_DATABASE": connection.settings_dict["NAME"],
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


SHOP_MODELS = """
from django.db import models

from shop_recs.serving.querysets import RecommendableQuerySet


class ProductQuerySet(RecommendableQuerySet["Product"]):
    def sold(self):
        return self.filter(sold=True)


class Product(models.Model):
    sold = models.BooleanField(default=True)
    objects = ProductQuerySet.as_manager()
"""

START = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "recommending", "shop_recs"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}},
    SHOP_RECS={"PRODUCT_MODEL": "recommending.Product"},
)
django.setup()

from recommending.models import Product

print(Product.objects.sold().similar_to(Product(pk=1)).query.order_by)
"""


def test_the_models_of_a_shop_may_import_the_queryset(tmp_path):
    shop = tmp_path / "recommending"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "models.py").write_text(SHOP_MODELS)
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    environment = os.environ | {"PYTHONPATH": path}
    ran = subprocess.run(
        [sys.executable, "-c", START],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "recommendation_score" in ran.stdout, ran.stderr
