"""What the system checks say, and when they keep silent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.core import checks
from django.core.checks import Tags
from django.db import connection, connections

from shop_recs.checks.host import check_engine
from shop_recs.conf import settings
from shop_recs.middleware import VisitorMiddleware
from tests.settings import SHOP_RECS

VISITOR = "shop_recs.middleware.VisitorMiddleware"


def problems(**kwargs: Any) -> dict[str, str]:
    """Our messages by their id without the app's name, each with its hint."""
    found: dict[str, str] = {}
    for message in checks.run_checks(**kwargs):
        app, _, number = str(message.id).partition(".")
        if app == "shop_recs":
            found[number] = f"{found.get(number, '')} {message.msg} {message.hint}"
    return found


def database_problems() -> dict[str, str]:
    return problems(tags=[Tags.database], databases=["default"])


@pytest.fixture
def shop(settings):
    """Change `SHOP_RECS` on top of what the host project says."""

    def change(**given: Any) -> None:
        settings.SHOP_RECS = SHOP_RECS | given

    return change


def run_sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_right_installation_has_no_problems(db):
    assert problems() == {}
    assert database_problems() == {}


@pytest.mark.parametrize("name", ["", "Product", "shop.product.Product", "shop.Prodct", "shpo.Product", None])
def test_a_product_that_is_not_installed_is_named(shop, name):
    shop(PRODUCT_MODEL=name)
    assert repr(name) in problems()["E001"]
    assert 'SHOP_RECS = {"PRODUCT_MODEL"' in problems()["E001"]


def test_a_product_with_a_composite_key_is_refused(shop):
    shop(PRODUCT_MODEL="shop_recs.ItemVector", AVAILABLE={})
    assert "single-column key" in problems()["E002"]


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ({"PRODUKT_FIELDS": {}}, "PRODUCT_FIELDS"),
        ({"exclude_purchased": False}, "EXCLUDE_PURCHASED"),
        ({"INTERACTION_WEIGHTS": {"puchase": 3.0}}, "purchase"),
        ({"THROTTLE_RATES": {"recomendations": "1/s"}}, "recommendations"),
        ({"PRODUCT_FIELDS": {"titel": "name"}}, "title"),
        ({"ALGORITHMS": {"als": {"BACKEND": "shop_recs.algorithms.als.ALS", "OPTION": {}}}}, "OPTIONS"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_right_one(shop, given, right):
    shop(**given)
    assert f'Did you mean "{right}"?' in problems()["E003"]


def test_an_unknown_key_like_no_other_comes_with_all_of_them(shop):
    shop(INTERACTION_WEIGHTS={"xyzzy": 1.0})
    assert "Known are view, favourite, cart, purchase." in problems()["E003"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("COOKIE_AGE_DAYS", "180", "int"),
        ("COOKIE_AGE_DAYS", True, "int"),
        ("EXCLUDE_PURCHASED", 1, "bool"),
        ("HALF_LIFE_DAYS", "90", "float or None"),
        ("INTERACTION_WEIGHTS", {"view": "1"}, "dict[str, float]"),
        ("LADDER", "als", "tuple[str, ...]"),
        ("ALGORITHMS", ["als"], "dict["),
        ("AVAILABLE", None, "dict[str, typing.Any] or str"),
    ],
)
def test_a_setting_of_a_wrong_type_is_told_its_right_one(shop, name, value, words):
    shop(**{name: value})
    assert f"it must be {words}" in problems()["E004"]


def test_settings_of_every_right_type_pass(shop):
    shop(
        HALF_LIFE_DAYS=30,
        TRAINING_DAYS=None,
        LADDER=["als", "popular"],
        INTERACTION_WEIGHTS={"view": 1},
        THROTTLE_RATES={"events": None, "models": "5/hour"},
        ALGORITHMS={"sasrec": None},
        AVAILABLE="tests.test_checks.everything",
    )
    assert problems() == {}


def everything(products: Any) -> Any:
    return products


@pytest.mark.parametrize(
    "entry",
    [
        {"BACKEND": "shop_recs.algorithms.alz.ALS"},
        {"BACKEND": "no_such_package.als.ALS"},
        {"BACKEND": "ALS"},
        {"BACKEND": None},
    ],
)
def test_an_algorithm_without_an_existing_module_is_named(shop, entry):
    shop(ALGORITHMS={"als": entry})
    assert 'Write SHOP_RECS["ALGORITHMS"]["als"] = {"BACKEND"' in problems()["E005"]


def test_an_algorithm_keeps_its_default_module_where_only_options_are_given(shop):
    shop(ALGORITHMS={"als": {"OPTIONS": {"factors": 32}}})
    assert "E005" not in problems()
    assert settings.ALGORITHMS["als"] == {
        "BACKEND": "shop_recs.algorithms.als.ALS",
        "OPTIONS": {"factors": 32},
    }


def test_looking_for_algorithms_imports_none_of_them():
    code = (
        "import sys, django; django.setup(); from django.core import checks; checks.run_checks();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'implicit', 'shop_recs.algorithms.als')))"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_ladder_with_an_unknown_rung_is_corrected(shop):
    shop(LADDER=("sasrek", "als"))
    assert "sasrek" in problems()["E006"]
    assert 'Did you mean "sasrec"?' in problems()["E006"]


def test_an_algorithm_that_is_turned_off_but_still_in_the_ladder_is_named(shop):
    shop(ALGORITHMS={"sasrec": None})
    assert "names 'sasrec', which SHOP_RECS[\"ALGORITHMS\"] turns off" in problems()["E006"]
    assert "Write SHOP_RECS[\"LADDER\"] = ('als', 'item_knn', 'popular')." in problems()["E006"]


@pytest.mark.parametrize("name", ["AVAILABLE", "CART", "CONSENT", "IS_BOT"])
@pytest.mark.parametrize("path", ["tests.test_checks.nothing", "no_package.f", "tests.test_checks.VISITOR"])
def test_a_dotted_path_that_leads_to_no_function_is_named(shop, name, path):
    shop(**{name: path})
    assert path in problems()["E007"]


def test_item_features_must_be_fields(shop):
    shop(ITEM_FEATURES=["category__name", "price"])
    assert "E015" not in problems()
    shop(ITEM_FEATURES=["category__nam", "price"])
    assert "category__nam" in problems()["E015"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"KIND": "magic"}, "KIND: Value 'magic' is not a valid choice"),
        ({"KIND": "popular", "BLENDS": {}}, "unknown key 'BLENDS'"),
        ({"KIND": "popular", "BLEND": {"alsa": 1}}, "BLEND: alsa is no retriever"),
        ({"KIND": "popular", "FILTER": {"colour": "red"}}, "FILTER: The filter of placement 'home'"),
        ({"KIND": "popular", "LIMIT": 0}, "LIMIT: "),
        ({}, "KIND: "),
    ],
)
def test_a_placement_must_be_able_to_make_a_list(shop, entry, words):
    shop(PLACEMENTS={"home": entry})
    assert words in problems()["E016"]
    shop(PLACEMENTS={"home": {"KIND": "popular", "BLEND": {"als": 1, "trending": 0.5}}, "trending": None})
    assert "E016" not in problems()


def test_a_filter_for_available_products_must_name_fields(shop):
    shop(AVAILABLE={"is_activ": True})
    assert "is_activ" in problems()["E008"]


@pytest.mark.parametrize("rate", ["600", "many/min", "5/fortnight", "0/min"])
def test_a_rate_that_could_not_be_read_is_named(shop, rate):
    shop(THROTTLE_RATES={"events": rate})
    assert rate in problems()["E009"]


@pytest.mark.parametrize("limit", [0, -250])
def test_a_limit_that_leaves_no_time_is_refused(shop, limit):
    shop(STATEMENT_TIMEOUT_MS=limit)
    assert "None for no limit" in problems()["E017"]


def test_no_limit_of_statements_is_fine(shop):
    shop(STATEMENT_TIMEOUT_MS=None)
    assert problems() == {}


class ToAnother:
    """Routes everything to another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "another"


def test_another_database_engine_is_refused(monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "sqlite")
    # Asked alone: checks of Django's own would look into that database.
    (problem,) = check_engine(None)
    assert problem.id == "shop_recs.E010"
    assert 'DATABASES["default"]' in str(problem.hint)


def test_another_database_than_the_default_is_refused(settings):
    settings.DATABASE_ROUTERS = ["tests.test_checks.ToAnother"]
    (problem,) = check_engine(None)
    assert problem.id == "shop_recs.E010"
    assert "'another'" in problem.msg


def test_a_missing_middleware_is_named(settings):
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path != VISITOR]
    assert f'Add "{VISITOR}"' in problems()["E011"]


class TestPageCache:
    PAGES = {
        "home.html": "{% recommended_for_you %}",
        "product.html": "{% block main %}{% if one %}{% similar_items one %}{% endif %}{% endblock %}",
        "cart.html": '{% recommendations "still-in-mind" %}',
        "lazy.html": '{% recommendations "still-in-mind" delivery="lazy" %}',
        "htmx.html": "{% recommendations slug delivery='htmx' %}",
        "any.html": "{% recommendations slug delivery=delivery %}",
        "kept.html": "{% load cache %}{% cache 60 side %}{% similar_items product %}{% endcache %}",
        "mail.txt": "{% comment %}{% recommended_for_you %}{% endcomment %}",
    }

    @pytest.fixture
    def templates(self, settings, tmp_path):
        """Project templates with these names, under the cache middleware."""
        settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
        settings.MIDDLEWARE = [
            "django.middleware.cache.UpdateCacheMiddleware",
            *settings.MIDDLEWARE,
            "django.middleware.cache.FetchFromCacheMiddleware",
        ]

        def write(*names):
            for name in names:
                (tmp_path / name).write_text("{% load shop_recs %}" + self.PAGES[name])

        return write

    def test_that_keeps_no_page_with_a_list_in_place_is_warned_of(self, templates):
        templates(*self.PAGES)
        said = problems()["W001"]
        assert "keeps no page of cart.html, home.html, product.html:" in said
        assert "{% track_view product %}" in said

    def test_of_pages_that_are_the_same_for_everybody_is_no_problem(self, templates):
        templates("lazy.html", "htmx.html", "any.html", "kept.html", "mail.txt")
        assert "W001" not in problems()


class Ours(VisitorMiddleware):
    """A shop's own kind of the middleware."""


def test_a_subclass_of_the_middleware_will_do(settings):
    others = [path for path in settings.MIDDLEWARE if path != VISITOR]
    settings.MIDDLEWARE = [*others, "tests.test_checks.Ours"]
    assert problems() == {}


def test_a_worker_that_would_harm_trainings_is_warned_of(broker):
    broker("redis://localhost").conf.broker_transport_options = {"visibility_timeout": 60}
    assert "visibility_timeout" in problems()["W004"]


def test_a_worker_set_up_for_trainings_is_not_warned_of(broker):
    app = broker("redis://localhost")
    app.conf.worker_prefetch_multiplier = 1
    assert problems() == {}


def test_a_missing_extension_comes_with_the_statement_to_run(db):
    run_sql("DROP EXTENSION vector CASCADE")
    assert "CREATE EXTENSION vector;" in database_problems()["E012"]


def test_the_first_migrate_is_not_stopped_by_the_extension_it_will_create(db):
    run_sql("DROP EXTENSION vector CASCADE", "DROP TABLE shop_recs_interaction CASCADE")
    assert database_problems() == {}


def test_a_role_that_may_not_create_the_extension_is_told_before_the_first_migrate(db):
    run_sql(
        "DROP EXTENSION vector CASCADE",
        "DROP TABLE shop_recs_interaction CASCADE",
        "CREATE ROLE poor_shop",
        "SET LOCAL ROLE poor_shop",
    )
    found = database_problems()
    assert found.keys() == {"W002"}
    assert "CREATE EXTENSION vector;" in found["W002"]


def pretend_pgvector(version: str) -> None:
    run_sql(f"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'vector'")


@pytest.mark.parametrize("version", ["0.7.4", "0.8.3"])
def test_an_old_pgvector_is_warned_of(db, version):
    pretend_pgvector(version)
    assert "ALTER EXTENSION vector UPDATE;" in database_problems()["W003"]


@pytest.mark.parametrize("version", ["0.8.4", "0.8.10", "0.10.0", "1.0"])
def test_a_new_pgvector_is_not_warned_of(db, version):
    pretend_pgvector(version)
    assert database_problems() == {}


def test_a_product_setting_changed_after_migrating_is_noticed(db, shop):
    shop(PRODUCT_MODEL="shop.Category", AVAILABLE={})
    assert "shop_product" in database_problems()["E013"]
    assert "shop.Category" in database_problems()["E013"]


def test_a_renamed_product_table_is_accepted_once_the_hint_is_followed(db, shop):
    run_sql("DROP TABLE shop_category CASCADE", "ALTER TABLE shop_product RENAME TO shop_category")
    shop(PRODUCT_MODEL="shop.Category", AVAILABLE={})
    statement = re.search(r"COMMENT ON COLUMN .*?;", database_problems()["E013"])
    assert statement
    run_sql(statement.group())
    assert database_problems() == {}


def test_a_product_whose_key_changed_its_type_is_noticed(db):
    run_sql("ALTER TABLE shop_recs_interaction ALTER COLUMN product_id TYPE text")
    assert "refers to it as text" in database_problems()["E014"]


def test_a_product_that_is_not_installed_is_no_concern_of_the_database(db, shop):
    shop(PRODUCT_MODEL="shop.Nothing")
    assert database_problems() == {}


def test_nothing_is_said_of_a_database_that_is_not_migrated(db):
    run_sql("DROP TABLE shop_recs_interaction CASCADE")
    assert database_problems() == {}
