"""What answers say of the visitor: the cookie where something was recorded, `private` where a list is his."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from shop_recs.tracking.identity import keep_private, write_cookie


class VisitorMiddleware:
    """Writes the visitor cookie and keeps personal pages out of caches, under WSGI and ASGI.

    Place it anywhere in `MIDDLEWARE`.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        self.async_mode = iscoroutinefunction(get_response)
        if self.async_mode:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.async_mode:
            return self.__acall__(request)
        response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)
        _finish(request, response)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        assert isinstance(response, Awaitable)
        answer: HttpResponseBase = await response
        _finish(request, answer)
        return answer


def _finish(request: HttpRequest, response: HttpResponseBase) -> None:
    keep_private(request, response)
    write_cookie(request, response)
