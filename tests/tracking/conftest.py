"""Requests as browsers make them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from shop_recs.conf import settings
from shop_recs.middleware import VisitorMiddleware

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Browser:
    """Makes requests, runs what a view would do inside the middleware, and keeps the cookie."""

    def __init__(self) -> None:
        self.factory = RequestFactory(headers={"user-agent": BROWSER})
        self.cookie = ""
        self.user: Any = AnonymousUser()

    def request(self, **headers: str) -> HttpRequest:
        """A request with this browser's cookie and user."""
        request = self.factory.get("/", headers=headers)
        request.user = self.user
        if self.cookie:
            request.COOKIES[settings.COOKIE_NAME] = self.cookie
        return request

    def visit(self, view: Any, **headers: str) -> Any:
        """Call `view(request)` inside the middleware, take over the cookie, return what the view returned."""
        answers = []

        def page(request: HttpRequest) -> HttpResponse:
            answers.append(view(request))
            return HttpResponse()

        self.response = VisitorMiddleware(page)(self.request(**headers))
        if settings.COOKIE_NAME in self.response.cookies:
            self.cookie = self.response.cookies[settings.COOKIE_NAME].value
        return answers[0]


@pytest.fixture
def browser() -> Browser:
    """A browser that was never here."""
    return Browser()


@pytest.fixture
def new_browser() -> type[Browser]:
    """Makes further browsers."""
    return Browser


@pytest.fixture
def ada(db: None, django_user_model: Any) -> Any:
    """A user."""
    return django_user_model.objects.create_user("ada", password="pass")


@pytest.fixture
def bob(db: None, django_user_model: Any) -> Any:
    """Another user."""
    return django_user_model.objects.create_user("bob", password="pass")
