"""The visitor cookie, login and logout."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta
from http.cookies import Morsel

import pytest
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth import login, logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signing import TimestampSigner
from django.db import connections, transaction
from django.http import HttpResponse
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.test import AsyncRequestFactory, RequestFactory
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from shop_recs import record_view
from shop_recs.conf import settings as recs_settings
from shop_recs.middleware import VisitorMiddleware
from shop_recs.models import Interaction, View, Visitor
from shop_recs.tracking import identity
from shop_recs.tracking.identity import Shopper, mark_of, shopper_of
from tests.tracking.conftest import BROWSER


@pytest.fixture
def view(make_product):
    """A view that records a view of a product."""
    product = make_product("Red chair")
    return lambda request: record_view(request, product)


def log_in(browser, user):
    """Log in as Django's own view does."""

    def page(request):
        SessionMiddleware(lambda request: HttpResponse()).process_request(request)
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")

    browser.visit(page)
    browser.user = user


def log_out(browser):
    """Log out as Django's own view does."""

    def page(request):
        SessionMiddleware(lambda request: HttpResponse()).process_request(request)
        logout(request)

    browser.visit(page)
    browser.user = AnonymousUser()


def cookie_of(response) -> Morsel:
    return response.cookies[recs_settings.COOKIE_NAME]


def backdate(browser, monkeypatch, **ago):
    """Replace the browser's cookie by one that was signed some time ago."""
    signer = TimestampSigner(salt=identity.SALT)
    payload, then = signer.unsign(browser.cookie), time.time() - timedelta(**ago).total_seconds()
    monkeypatch.setattr("time.time", lambda: then)
    browser.cookie = signer.sign(payload)
    monkeypatch.undo()


def test_a_page_that_records_nothing_sets_no_cookie(browser, db):
    browser.visit(shopper_of)
    assert not browser.response.cookies
    assert not browser.response.has_header("Vary")


def test_the_cookie_is_first_party_and_out_of_reach_of_scripts(browser, view):
    browser.visit(view)
    cookie = cookie_of(browser.response)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        "Lax",
        "/",
        "",
    )
    assert cookie["max-age"] == 180 * 24 * 3600
    assert not cookie["secure"]


def test_the_cookie_is_secure_where_the_session_is(browser, view, settings):
    settings.SESSION_COOKIE_SECURE = True
    browser.visit(view)
    assert cookie_of(browser.response)["secure"]


def test_a_page_cache_hands_nobody_the_cookie_of_another(browser, view):
    def page(request):
        view(request)
        return HttpResponse()

    site = UpdateCacheMiddleware(FetchFromCacheMiddleware(VisitorMiddleware(page)))
    cookies = set()
    for _ in range(2):
        request = browser.request()
        request.COOKIES["theme"] = request.META["HTTP_COOKIE"] = "theme=dark"
        cookies.add(cookie_of(site(request)).value)
    assert len(cookies) == 2


def test_the_visitor_is_known_again(browser, view):
    browser.visit(view)
    visitor = Visitor.objects.get()
    browser.visit(view)
    assert Visitor.objects.get() == visitor
    assert browser.visit(shopper_of) == Shopper(visitor.pk, None)


def test_within_the_request_that_made_it_the_visitor_is_known_already(browser, view):
    shopper = browser.visit(lambda request: view(request) and shopper_of(request))
    assert shopper.visitor_id == Visitor.objects.get().pk


def test_a_young_cookie_is_not_written_again(browser, view):
    browser.visit(view)
    browser.visit(view)
    assert not browser.response.cookies


def test_a_cookie_of_yesterday_is_renewed(browser, view, monkeypatch):
    browser.visit(view)
    backdate(browser, monkeypatch, days=2)
    browser.visit(view)
    assert cookie_of(browser.response)
    assert Visitor.objects.count() == 1


def test_an_expired_cookie_makes_a_new_visitor(browser, view, monkeypatch):
    browser.visit(view)
    backdate(browser, monkeypatch, days=181)
    browser.visit(view)
    assert Visitor.objects.count() == 2


@pytest.mark.parametrize("forged", ["", "x", "::", "a.b:c:d", str(uuid.UUID(int=7)), "\x00" * 9])
def test_a_forged_cookie_is_nobody(browser, view, forged):
    browser.cookie = forged
    assert browser.visit(shopper_of) == Shopper(None, None)
    assert browser.visit(view) is True


def test_a_cookie_changed_by_its_owner_is_nobody(browser, view):
    browser.visit(view)
    browser.cookie = uuid.uuid4().hex + browser.cookie[32:]
    assert browser.visit(shopper_of).visitor_id is None


def test_the_cookie_does_not_tell_the_users_key(browser, view, ada):
    browser.user = ada
    browser.visit(view)
    assert mark_of(ada.pk) in browser.cookie
    assert str(ada.pk) not in mark_of(ada.pk) or len(str(ada.pk)) < 3


def test_login_joins_the_history_to_the_user(browser, view, ada, django_assert_num_queries):
    browser.visit(view)
    log_in(browser, ada)
    assert Visitor.objects.get().user == ada
    assert browser.visit(shopper_of) == Shopper(Visitor.objects.get().pk, ada.pk)
    with django_assert_num_queries(3):  # the insert and its savepoint: nothing is left to bind
        browser.visit(view)


def test_a_login_inside_a_transaction_binds_too(browser, view, ada):
    browser.visit(view)
    with transaction.atomic():
        log_in(browser, ada)
    assert Visitor.objects.get().user == ada


def test_a_user_who_came_without_login_form_is_bound_by_the_next_event(browser, view, ada):
    browser.visit(view)
    browser.user = ada
    browser.visit(view)
    assert Visitor.objects.get().user == ada
    assert View.objects.count() == 2


def test_login_without_a_cookie_records_nothing(browser, ada, django_assert_num_queries):
    log_in(browser, ada)
    assert Visitor.objects.count() == 0
    assert recs_settings.COOKIE_NAME not in browser.response.cookies


def test_logout_starts_a_new_visitor(browser, view, ada):
    browser.visit(view)
    log_in(browser, ada)
    log_out(browser)
    assert cookie_of(browser.response)["max-age"] == 0
    assert browser.cookie == ""
    browser.visit(view)
    assert Interaction.objects.filter(visitor__user=None).count() == 1
    assert Interaction.objects.filter(visitor__user=ada).count() == 1


def test_a_visitor_of_one_user_never_becomes_anothers(browser, view, ada, bob):
    browser.visit(view)
    log_in(browser, ada)
    browser.visit(view)
    log_in(browser, bob)
    browser.visit(view)
    assert Interaction.objects.filter(visitor__user=ada).count() == 2
    assert Interaction.objects.filter(visitor__user=bob).count() == 1


def test_after_the_session_expired_the_visitor_is_new(browser, view, ada):
    browser.visit(view)
    log_in(browser, ada)
    browser.user = AnonymousUser()
    assert browser.visit(shopper_of) == Shopper(None, None)
    browser.visit(view)
    assert Interaction.objects.filter(visitor__user=None).count() == 1


def test_an_old_copy_of_the_cookie_adds_to_nobodys_history(browser, new_browser, view, ada, bob):
    browser.visit(view)
    copy, copy_of_bob = new_browser(), new_browser()
    copy.cookie = copy_of_bob.cookie = browser.cookie
    copy_of_bob.user = bob
    log_in(browser, ada)
    assert copy.visit(view) is True
    assert copy_of_bob.visit(view) is True
    assert Interaction.objects.filter(visitor__user=ada).count() == 1
    assert Interaction.objects.filter(visitor__user=bob).count() == 1
    assert Visitor.objects.count() == 3


def test_an_old_copy_of_the_cookie_binds_at_no_login(browser, new_browser, view, ada, bob):
    browser.visit(view)
    copy = new_browser()
    copy.cookie = browser.cookie
    log_in(browser, ada)
    log_in(copy, bob)
    assert Visitor.objects.get().user == ada
    assert copy.cookie == ""


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_who_opts_out_is_neither_recorded_nor_recognised(browser, view, header):
    assert browser.visit(view, **{header: "1"}) is False
    assert not browser.response.cookies
    assert Visitor.objects.count() == 0
    browser.visit(view)
    assert browser.visit(shopper_of, **{header: "1"}) == Shopper(None, None)
    browser.visit(view, **{header: "1"})
    assert browser.cookie == ""


def test_the_consent_function_of_the_shop_decides(browser, view, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"CONSENT": "tests.tracking.test_identity.has_agreed"}
    assert browser.visit(view) is False
    assert browser.visit(view, **{"X-Agreed": "yes"}) is True


def has_agreed(request) -> bool:
    return "X-Agreed" in request.headers


def test_who_is_asked_only_when_something_is_recorded(browser, db):
    def unasked():
        raise AssertionError("the session was read for a page that records nothing")

    def page(request):
        request.user = SimpleLazyObject(unasked)

    browser.visit(page)


def test_the_wrapped_request_of_an_api_view_is_understood(browser, make_product):
    product = make_product()
    browser.visit(lambda request: record_view(Request(request), product))
    assert browser.visit(lambda request: shopper_of(Request(request))).visitor_id == Visitor.objects.get().pk


def test_a_project_without_users_has_visitors(view):
    request = RequestFactory(headers={"user-agent": BROWSER}).get("/")
    assert view(request) is True
    assert shopper_of(request).user_id is None


@pytest.mark.django_db(transaction=True)
def test_the_middleware_works_under_asgi(make_product):
    product = make_product()

    async def page(request):
        await sync_to_async(record_view)(request, product)
        await sync_to_async(connections.close_all)()
        return HttpResponse()

    middleware = VisitorMiddleware(page)
    assert iscoroutinefunction(middleware)
    request = AsyncRequestFactory().get("/", headers={"user-agent": BROWSER})
    response = asyncio.run(middleware(request))
    assert cookie_of(response)
    assert View.objects.count() == 1
