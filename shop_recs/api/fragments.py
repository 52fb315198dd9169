"""`GET v1/fragments/{slug}/`: a list as HTML, for a page that fetches it; `v1/lists/{slug}/`: as a page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings as django_settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template import Context, Engine
from django.urls import path
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from shop_recs.conf import settings
from shop_recs.exceptions import InvalidAsk, UnknownPlacement
from shop_recs.models.placements import MAX_LIMIT
from shop_recs.serving import Recommendations, neutral
from shop_recs.serving.attempts import missing
from shop_recs.serving.placements import Ask, Page
from shop_recs.tracking.failures import Refused, quietly
from shop_recs.tracking.record import product_key
from shop_recs.widgets import drawn, harmless, unsealed

PRODUCTS_AT_MOST = 200
"""Products that an address, or the header `Shop-Recs-Shown`, may name."""


class Unclear(Exception):
    """An address that no tag has written; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: a list, in which language, and how it looks."""

    ask: Ask
    language: str
    looks: dict[str, str]


@require_safe
def fragment(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The list as the tag would have drawn it in place; an empty one, or one that fails, is nothing.

    Where it is the same for everybody, nothing that tells one visitor from the other is looked at, and caches
    may keep it for a while. Any other is for this visitor and for this time alone.
    """
    return _answered(request, slug, _as_fragment)


@require_safe
def alone(request: HttpRequest, slug: str) -> HttpResponseBase:
    """A page with nothing but the list, for browsers that run no scripts."""
    return _answered(request, slug, _as_page)


def _answered(
    request: HttpRequest, slug: str, draw: Callable[[HttpRequest, Asked], HttpResponseBase]
) -> HttpResponseBase:
    response: HttpResponseBase = _private(HttpResponse())
    with harmless("render a fragment"):
        try:
            asked = _asked(request, slug)
            with translation.override(asked.language):
                response = draw(request, asked)
            response.headers["Content-Language"] = asked.language
        except UnknownPlacement as error:
            response = _refused(error, status=404)
        except (Unclear, InvalidAsk) as error:
            response = _refused(error, status=400)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _as_fragment(request: HttpRequest, asked: Asked) -> HttpResponseBase:
    with missing() as unanswered:
        page = neutral.page_of(request, asked.ask) if settings.FRAGMENT_AGE else Page(request, [asked.ask])
        if page.request is not None:
            page.shown = _shown(request)
            return _private(HttpResponse(_html(page.answer(asked.ask), asked, request)))
        key = _key(request, page, asked)
        if (kept := _kept(key)) is not None:
            return _public(request, *kept)
        html = _made(page, asked, key)
    if unanswered:
        return _private(HttpResponse(html))  # the next one may be better
    made_at = time.time()
    if not asked.ask.exclude:  # anybody could fill the cache with lists that leave this or that out
        _keep(key, (html, made_at))
    return _public(request, html, made_at)


def _key(request: HttpRequest, page: Page, asked: Asked) -> str:
    """The name of a neutral list; of the request only the host is read."""
    drawn_as = {"language": asked.language, "looks": asked.looks, "host": request.get_host()}
    return neutral.cache_key(page.listing(asked.ask), **drawn_as)


def _made(page: Page, asked: Asked, key: str) -> str:
    recommendations = page.answer(asked.ask)
    # The same list has the same name, so that its HTML, and what caches compare, is the same too.
    products = [str(product.pk) for product in recommendations]
    recommendations.id = uuid5(NAMESPACE_URL, " ".join([key, *products]))
    return _html(recommendations, asked, None)


def _kept(key: str) -> tuple[str, float] | None:
    """The list's HTML and when it was made, where the shop's cache has it."""
    kept: tuple[str, float] | None = None
    if settings.FRAGMENT_CACHE is not None:
        with quietly("read a fragment from the cache"):
            kept = caches[settings.FRAGMENT_CACHE].get(key)
    return kept


def _keep(key: str, made: tuple[str, float]) -> None:
    if settings.FRAGMENT_CACHE is not None:
        with quietly("keep a fragment in the cache"):
            caches[settings.FRAGMENT_CACHE].set(key, made, settings.FRAGMENT_AGE)


def _public(request: HttpRequest, html: str, made_at: float) -> HttpResponseBase:
    """The answer that everybody gets, or that nothing is new in what a cache has of it."""
    age = max(round(made_at + settings.FRAGMENT_AGE - time.time()), 0)
    response = HttpResponse(html)
    response.headers["ETag"] = quote_etag(sha256(html.encode()).hexdigest()[:32])
    patch_cache_control(response, public=True, max_age=age)
    answer = get_conditional_response(request, etag=response.headers["ETag"], response=response)
    assert answer is not None  # without a response of its own, it is the one given
    return answer


def _as_page(request: HttpRequest, asked: Asked) -> HttpResponseBase:
    ask = asked.ask
    recommendations = Page(request, [ask]).answer(ask)
    values = {
        "heading": asked.looks.get("heading") or recommendations.heading,
        "widget": mark_safe(_html(recommendations, asked, request)),  # noqa: S308 a template has escaped it
    }
    return _private(render(request, "shop_recs/page.html", values))


def _html(recommendations: Recommendations, asked: Asked, request: HttpRequest | None) -> str:
    return drawn(recommendations, Context({"request": request}), Engine.get_default(), **asked.looks)


def _asked(request: HttpRequest, slug: str) -> Asked:
    """What the address asks for.

    Raises:
        Unclear: it is none that the tag writes.
    """
    given = request.GET
    wanted = given.get("language", django_settings.LANGUAGE_CODE)
    try:
        language = translation.get_supported_language_variant(wanted)
        looks = unsealed(given.get("looks", ""))
    except LookupError:
        raise Unclear(f"language is {wanted!r:.40}, which is none of LANGUAGES") from None
    except ValueError as error:
        raise Unclear(str(error)) from error
    seeds, exclude = (_keys(name, given.get(name, "")) for name in ("seeds", "exclude"))
    ask = Ask(slug, seeds, category=given.get("category"), limit=_limit(given.get("limit")), exclude=exclude)
    return Asked(ask, language, looks)


def _limit(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and 1 <= int(given[:9]) <= MAX_LIMIT):
        raise Unclear(f"limit is {given!r:.40}; ask for 1 to {MAX_LIMIT} products")
    return int(given)


def _keys(name: str, given: str) -> list[Any]:
    keys = [key for key in given.split(",") if key]
    if len(keys) > PRODUCTS_AT_MOST:
        raise Unclear(f"{name} names {len(keys)} products; {PRODUCTS_AT_MOST} are the most")
    try:
        return [product_key(key) for key in keys]
    except Refused as refusal:
        raise Unclear(f"{name}: {refusal}") from None


def _shown(request: HttpRequest) -> list[Any]:
    """The products that the page shows already, as its script says; nothing where that makes no sense."""
    try:
        return _keys("Shop-Recs-Shown", request.headers.get("Shop-Recs-Shown", ""))
    except Unclear:
        return []


def _refused(error: Exception, *, status: int) -> HttpResponse:
    refusal = HttpResponse(f"{error}\n", status=status, content_type="text/plain; charset=utf-8")
    return _private(refusal)  # a placement may be made a moment later


def _private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_store=True)
    return response


urlpatterns = [
    path("fragments/<slug:slug>/", fragment, name="fragment"),
    path("lists/<slug:slug>/", alone, name="list"),
]
