"""Lists as HTML for pages that fetch them: the very list of the tag, and what caches may keep of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import Func, TextField, Value
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shop_recs.conf import get_product_model
from shop_recs.models import Interaction, ItemScore, Kind, MerchandisingRule, Placement
from shop_recs.serving import neutral, recommend
from shop_recs.serving.placements import Ask, Page
from shop_recs.tracking import failures
from shop_recs.tracking.identity import write_cookie
from tests.serving.conftest import *  # noqa: F403
from tests.serving.versions import publish_popularity

PRIVATE = "private, no-store"
NEUTRAL = {
    "trending": {"KIND": "trending"},
    "similar": {"KIND": "similar_items", "EXCLUDE": []},
}
PERSONAL = {
    "for-you": {"KIND": "recommended_for_you", "EXCLUDE": []},
    "viewed": {"KIND": "recently_viewed"},
    "blended": {"KIND": "trending", "BLEND": {"trending": 1, "personal": 1}},
    "by-algorithm": {"KIND": "trending", "BLEND": {"als": 1}},
    "but-cart": {"KIND": "similar_items"},
    "explored": {"KIND": "trending", "EXPLORATION": 0.5},
    "tiring": {"KIND": "trending", "FATIGUE": 0.5},
    "but-bought": {"KIND": "trending", "EXCLUDE": ["purchased"]},
}


@pytest.fixture(autouse=True)
def _nothing_kept(settings):
    cache.clear()
    failures._reported.clear()
    settings.SHOP_RECS = settings.SHOP_RECS | {"PLACEMENTS": NEUTRAL | PERSONAL}


@pytest.fixture
def shop(als, shelves):
    """Chairs and lamps with a model; lamps trend."""
    for place, product in enumerate(reversed(shelves[1])):
        ItemScore.objects.create(ranking="trending", segment="", product_id=product.pk, score=place + 1)
    return shelves


@pytest.fixture
def browser_of(request_of):
    """The browser of a visitor, with the cookie that the shop would have given."""

    def make(visitor, **headers):
        client = Client(headers={"User-Agent": "Mozilla/5.0 Firefox/140.0", **headers})
        request, response = request_of(visitor), HttpResponse()
        write_cookie(request, response)
        client.cookies.load({name: morsel.value for name, morsel in response.cookies.items()})
        return client

    return make


def titles(html):
    return re.findall(r'class="shop-recs__title">([^<]*)<', html)


def address(tag, request=None, **context):
    """Where the room that a tag makes gets its list from."""
    html = Template("{% load shop_recs %}" + tag).render(Context({"request": request, **context}))
    (found,) = re.findall(r'(?:\ssrc|hx-get)="([^"]*fragments[^"]*)"', html)
    return found.replace("&amp;", "&")


def without_id(html):
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}(?=\")", "id", html)


@pytest.mark.parametrize("slug", [*NEUTRAL, *PERSONAL])
@pytest.mark.parametrize("delivery", ["lazy", "htmx"])
def test_what_is_fetched_is_what_would_have_stood_there(
    slug, delivery, shop, visitor, did, request_of, browser_of
):
    did(visitor, Kind.VIEW, *shop[0][:3])
    tag = '{% recommendations "' + slug + '" seeds=seed limit=4 exclude=none heading="So & so"'
    context = {"seed": shop[0][1], "none": [shop[1][0]]}
    request = request_of(visitor)
    inline = Template("{% load shop_recs %}" + tag + " %}").render(Context({"request": request, **context}))
    fetched = browser_of(visitor).get(address(f'{tag} delivery="{delivery}" %}}', **context))
    assert titles(inline)
    assert without_id(fetched.content.decode()) == without_id(inline)


@pytest.mark.parametrize("slug", PERSONAL)
def test_a_personal_list_is_for_nobody_elses_eyes(slug, shop, visitor, did, browser_of):
    did(visitor, Kind.VIEW, shop[0][0])
    answer = browser_of(visitor).get(f"/recs/v1/fragments/{slug}/?seeds={shop[0][1].pk}")
    assert answer.headers["Cache-Control"] == PRIVATE
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("slug", NEUTRAL)
def test_a_neutral_list_is_made_without_a_look_at_the_visitor(slug, shop, visitor, did, browser_of):
    did(visitor, Kind.CART, shop[1][0], shop[0][0])
    url = f"/recs/v1/fragments/{slug}/?seeds={shop[0][1].pk}&limit=4"
    client = browser_of(visitor)
    client.cookies["sessionid"] = "of-somebody"
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = client.get(url)
    stranger = Client().get(url)
    assert answer.content == stranger.content
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Vary" not in answer.headers
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "_shop_recs_cookie")
    assert not answer.wsgi_request.session.accessed
    assert visitor.pk.hex not in str(asked.captured_queries).replace("-", "")


def test_a_template_of_a_neutral_list_sees_no_request(shop, visitor, browser_of, settings, tmp_path):
    (tmp_path / "shop_recs").mkdir()
    (tmp_path / "shop_recs" / "item.html").write_text("[{{ request.COOKIES }}]")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    client = browser_of(visitor)
    assert "[]" in client.get("/recs/v1/fragments/trending/").content.decode()
    assert "shop_recs_visitor" in client.get("/recs/v1/fragments/for-you/").content.decode()


@pytest.mark.parametrize(
    "change", [{"SEGMENT": "tests.api.test_fragments.segment"}, {"FRAGMENT_AGE": 0}], ids=["segment", "age"]
)
def test_a_shop_may_have_no_neutral_lists(change, shop, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | change
    answer = Client().get("/recs/v1/fragments/trending/?limit=2")
    assert len(titles(answer.content.decode())) == 2
    assert answer.headers["Cache-Control"] == PRIVATE


def segment(request):
    return request.COOKIES.get("country", "")


def test_the_admin_makes_a_list_neutral_or_personal(shop):
    Placement.objects.create(slug="trending", kind="trending", exclude=["cart"])
    Placement.objects.create(slug="of-the-admin", kind="similar_items", exclude=[])
    seeds = f"?seeds={shop[0][0].pk}"
    assert Client().get(f"/recs/v1/fragments/trending/{seeds}").headers["Cache-Control"] == PRIVATE
    assert "public" in Client().get(f"/recs/v1/fragments/of-the-admin/{seeds}").headers["Cache-Control"]


def test_what_the_settings_make_personal_the_admin_does_not_open(shop):
    Placement.objects.create(slug="for-you", kind="trending")
    assert Client().get("/recs/v1/fragments/for-you/").headers["Cache-Control"] == PRIVATE


class TestNotModified:
    def test_is_said_while_the_list_is_the_same(self, shop):
        first = Client().get("/recs/v1/fragments/trending/")
        again = Client(headers={"If-None-Match": first.headers["ETag"]}).get("/recs/v1/fragments/trending/")
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]

    def test_is_not_said_once_a_product_is_gone(self, shop):
        first = Client().get("/recs/v1/fragments/trending/")
        get_product_model().objects.filter(pk=shop[1][0].pk).update(is_active=False)
        again = Client(headers={"If-None-Match": first.headers["ETag"]}).get("/recs/v1/fragments/trending/")
        assert again.status_code == 200
        assert "Lamp 0" not in again.content.decode()


class TestShopsOwnCache:
    @pytest.fixture(autouse=True)
    def _cached(self, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"FRAGMENT_CACHE": "default"}

    @pytest.mark.django_db(transaction=True)
    def test_keeps_a_neutral_list_for_one_statement(self, shop, django_assert_num_queries):
        first = Client().get("/recs/v1/fragments/trending/")
        with django_assert_num_queries(1):
            again = Client().get("/recs/v1/fragments/trending/")
        assert first.content == again.content != b""

    def test_keeps_nothing_personal(self, shop, visitor, did, browser_of):
        did(visitor, Kind.VIEW, shop[0][0])
        assert titles(browser_of(visitor).get("/recs/v1/fragments/viewed/").content.decode()) == ["Chair 0"]
        assert Client().get("/recs/v1/fragments/viewed/").content == b""
        assert not cache._cache

    def test_says_how_long_it_will_still_be_kept(self, shop, settings, monkeypatch):
        Client().get("/recs/v1/fragments/trending/")
        settings.SHOP_RECS = settings.SHOP_RECS | {"FRAGMENT_AGE": 300}
        later = timezone.now() + timedelta(seconds=100)
        monkeypatch.setattr("time.time", lambda: later.timestamp())
        age = re.search(
            r"max-age=(\d+)", Client().get("/recs/v1/fragments/trending/").headers["Cache-Control"]
        )
        assert 195 <= int(age[1]) <= 200

    def test_that_does_not_answer_is_done_without(self, shop, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"FRAGMENT_CACHE": "away"}
        assert titles(Client().get("/recs/v1/fragments/trending/").content.decode())

    def test_shows_a_published_version_at_once(self, shop):
        url = f"/recs/v1/fragments/similar/?seeds={shop[0][0].pk}"
        before = Client().get(url).content
        publish_popularity(shop[1])
        assert Client().get(url).headers["Cache-Control"] == "public, max-age=300"
        assert len(cache._cache) == 2
        assert before


DIFFERENT = {
    "placement": {"slug": "similar"},
    "limit": {"limit": 3},
    "seeds": {"seeds": ["1"]},
    "order of seeds": {"seeds": ["2", "1"]},
    "left out": {"exclude": ["1"]},
    "language": {"language": "de"},
    "looks": {"looks": {"heading": "Hot"}},
    "host": {"host": "other.example"},
}


class TestName:
    """Lists that may differ have different names; the same list has the same."""

    @staticmethod
    def of(slug="trending", language="en", looks=None, host="shop.example", **ask):
        asked = Ask(slug, **ask)
        page = Page(None, [asked])
        return neutral.cache_key(page.listing(asked), language=language, looks=looks or {}, host=host)

    def test_is_the_same_for_the_same(self, shop):
        assert self.of() == self.of()

    def test_differs_with_every_part(self, products):
        keys = [product.pk for product in products[:2]]
        named = {"1": keys[0], "2": keys[1]}
        changes = [
            {name: [named[key] for key in value] if name in ("seeds", "exclude") else value}
            for part in DIFFERENT.values()
            for name, value in part.items()
        ]
        changes.append({"seeds": keys})
        names = [self.of(), *(self.of(**change) for change in changes)]
        assert len(set(names)) == len(names)

    def test_differs_after_a_publish_and_after_an_edit_in_the_admin(self, shop):
        before = self.of()
        publish_popularity(shop[0])
        published = self.of()
        Placement.objects.create(slug="trending", kind="trending", limit=5)
        assert len({before, published, self.of()}) == 3

    def test_differs_with_the_rules_in_force(self, shop):
        before = self.of()
        keys = [str(product.pk) for product in shop[0][:2]]
        rule = MerchandisingRule.objects.create(name="New", action="pin", products=keys[:1])
        pinned = self.of()
        rule.products = keys
        rule.save()
        assert len({before, pinned, self.of()}) == 3

    def test_differs_with_the_products_that_may_be_shown(self, shop, settings):
        before = self.of()
        settings.SHOP_RECS = settings.SHOP_RECS | {"AVAILABLE": {"price__lt": 5}}
        assert self.of() != before

    def test_stays_while_only_the_clock_goes_on(self, shop, settings, monkeypatch):
        settings.SHOP_RECS = settings.SHOP_RECS | {"AVAILABLE": "tests.api.test_fragments.until_now"}
        moment = timezone.now().replace(minute=0, second=1)
        names = set()
        for seconds in (0, 30, 400):
            monkeypatch.setattr(f"{__name__}.NOW", moment + timedelta(seconds=seconds))
            names.add(self.of())
        assert len(names) == 2


NOW = None


def until_now(products):
    return products.exclude(pk__in=Interaction.objects.filter(occurred_at__gt=NOW).values("product"))


def test_other_lists_of_the_page_are_not_repeated(shop, visitor, did, browser_of):
    did(visitor, Kind.VIEW, shop[0][0])
    client, url = browser_of(visitor), "/recs/v1/fragments/for-you/?limit=5"
    first = client.get(url).content.decode()
    shown = ",".join(re.findall(r'data-product="([^"]+)"', first))
    second = client.get(url, headers={"Shop-Recs-Shown": shown}).content.decode()
    assert len({*titles(first), *titles(second)}) == 10


@pytest.mark.parametrize("header", ["nonsense", ",,,", "1," * 5_000])
def test_nonsense_about_other_lists_is_overheard(header, shop, browser_of, visitor):
    answer = browser_of(visitor).get("/recs/v1/fragments/for-you/", headers={"Shop-Recs-Shown": header})
    assert len(titles(answer.content.decode())) == 10


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("trendin/", 404, "did you mean 'trending'?"),
        ("trending/?limit=0", 400, "limit is '0'; ask for 1 to 100 products"),
        ("trending/?limit=-1", 400, "limit is '-1'"),
        ("trending/?limit=9999999999", 400, "limit is '9999999999'"),
        ("trending/?seeds=x", 400, "seeds: 'x' is no key of a shop.Product"),
        ("trending/?seeds=" + "1," * 201, 400, "201 products; 200 are the most"),
        ("trending/?category=x", 400, "'x' is no category of a product"),
        ("trending/?language=xx", 400, "language is 'xx', which is none of LANGUAGES"),
        ("trending/?looks=eyJoZWFkaW5nIjoiSSJ9:forged", 400, "none that a tag of the shop has signed"),
    ],
)
def test_an_address_that_no_tag_wrote_is_refused_with_the_reason(url, status, said, db):
    answer = Client().get(f"/recs/v1/fragments/{url}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert said in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_list_speaks_the_language_of_the_page_that_fetches_it(shop):
    answer = Client(headers={"Accept-Language": "fr"}).get("/recs/v1/fragments/trending/?language=de")
    assert "gerade gefragt" in answer.content.decode()
    assert answer.headers["Content-Language"] == "de"


def test_a_language_that_the_shop_does_not_have_is_named_though_it_is_the_default(shop, settings):
    settings.LANGUAGES = [("de", "Deutsch")]
    answer = Client().get("/recs/v1/fragments/trending/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert "language is 'en-us', which is none of LANGUAGES" in answer.content.decode()


def test_what_fails_is_nothing_and_kept_by_nobody(shop, settings, caplog):
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "PLACEMENTS": {"trending": {"KIND": "trending", "FILTER": "no_such_method"}}
    }
    answer = Client().get("/recs/v1/fragments/trending/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Cache-Control"] == PRIVATE
    assert "render a fragment" in caplog.text


def test_what_is_made_while_the_database_is_slow_is_kept_by_nobody(shop, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "FRAGMENT_CACHE": "default",
        "STATEMENT_TIMEOUT_MS": 50,
        "PLACEMENTS": {"trending": {"KIND": "trending", "FILTER": "tests.api.test_fragments.slow"}},
    }
    answer = Client().get("/recs/v1/fragments/trending/")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, PRIVATE)
    assert not cache._cache


def slow(products):
    return products.annotate(slept=Func(Value(1), function="pg_sleep", output_field=TextField())).filter(
        slept__isnull=False
    )


def test_nothing_is_changed_by_asking(shop, db):
    assert Client().post("/recs/v1/fragments/trending/").status_code == 405


class TestPageOfItsOwn:
    def test_shows_the_list_to_who_runs_no_scripts(self, shop, visitor, did, browser_of):
        did(visitor, Kind.VIEW, shop[0][0])
        answer = browser_of(visitor).get("/recs/v1/lists/viewed/?language=de")
        html = answer.content.decode()
        assert titles(html) == ["Chair 0"]
        assert '<html lang="de">' in html
        assert "<title>Zuletzt angesehen</title>" in html
        assert answer.headers["Cache-Control"] == PRIVATE

    def test_says_so_where_there_is_nothing(self, shop):
        url = "/recs/v1/lists/viewed/"
        html = Client().get(url).content.decode()
        assert "There is nothing here at the moment." in html
        assert "Hier gibt es gerade nichts." in Client().get(f"{url}?language=de").content.decode()
        assert "shop-recs__list" not in html


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("slug", ["trending", "viewed", "similar", "but-cart"])
def test_a_fragment_takes_three_statements_at_most(
    slug, shop, visitor, did, browser_of, django_assert_max_num_queries
):
    did(visitor, Kind.VIEW, *shop[0][:2])
    client = browser_of(visitor)
    with django_assert_max_num_queries(3):
        answer = client.get(f"/recs/v1/fragments/{slug}/?seeds={shop[0][2].pk}&limit=2")
    assert len(titles(answer.content.decode())) == 2


def test_the_list_of_nobody_is_that_of_a_stranger(shop, request_of):
    known, ask = recommend("trending", request_of(), limit=4), Ask("trending", limit=4)
    assert [p.pk for p in Page(None, [ask]).answer(ask)] == [p.pk for p in known]
