"""Who is shopping: a signed first-party cookie and the request's user, compared without a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings as django_settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.crypto import salted_hmac

from shop_recs.conf import settings
from shop_recs.tracking.consent import may_be_remembered

SALT = "shop_recs.visitor"
RENEW_AFTER = timedelta(days=1)
"""A cookie younger than this is not written again, so that most answers set no cookie."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """Whose history counts.

    Attributes:
        visitor_id: the visitor of the cookie; None where there is no valid cookie, where its visitor is bound
            to somebody else than the request's user, and where the visitor may not be remembered.
        user_id: key of the logged-in user; None for everybody else.
    """

    visitor_id: UUID | None
    user_id: Any | None


@dataclass(slots=True)
class VisitorCookie:
    """The visitor and the mark of the user it is bound to, as the cookie came in and as it shall go out."""

    visitor_id: UUID | None = None
    mark: str = ""
    changed: bool = False


def bare(request: Any) -> HttpRequest:
    """Django's request, also where Django REST framework has wrapped it.

    Raises:
        TypeError: it is no request.
    """
    request = getattr(request, "_request", request)
    if not isinstance(request, HttpRequest):
        raise TypeError(f"expected the request, got {request!r}")
    return request


def shopper_of(request: Any) -> Shopper:
    """Who makes this request; asks the database for nothing but, where nobody did yet, `request.user`."""
    request = bare(request)
    if not may_be_remembered(request):
        return Shopper(None, None)
    cookie, user_id = cookie_of(request), _user_id(request)
    fits = cookie.mark in ("", mark_of(user_id))
    return Shopper(cookie.visitor_id if fits else None, user_id)


def shown_to(request: Any) -> Shopper:
    """As `shopper_of`, for a list in the answer: from here on no shared cache may keep that answer.

    Django's own cache is told at once: `cache_page` keeps an answer before any middleware sees it.
    """
    request = bare(request)
    request._shop_recs_personal = True
    request._cache_update_cache = False
    return shopper_of(request)


def claim(request: HttpRequest) -> tuple[Shopper, bool]:
    """The shopper to record for, and whether its visitor is yet to be bound to its user.

    The claim is good only if the insert agrees: the cookie may be older than a binding.
    """
    shopper = shopper_of(request)
    return shopper, shopper.visitor_id is not None and cookie_of(request).mark != mark_of(shopper.user_id)


def remember(request: HttpRequest, shopper: Shopper) -> None:
    """Let the answer carry the shopper's cookie, where it does not carry the same already."""
    cookie, mark = cookie_of(request), mark_of(shopper.user_id)
    if (cookie.visitor_id, cookie.mark) != (shopper.visitor_id, mark) or _is_old(request):
        cookie.visitor_id, cookie.mark, cookie.changed = shopper.visitor_id, mark, True


def forget(request: HttpRequest) -> None:
    """Let the answer remove the cookie: whoever comes next is a new visitor."""
    cookie = cookie_of(request)
    cookie.visitor_id, cookie.mark = None, ""
    cookie.changed = settings.COOKIE_NAME in request.COOKIES


def keep_private(request: HttpRequest, response: HttpResponseBase) -> None:
    """Say on the response that it shows somebody's list, where it does."""
    if getattr(request, "_shop_recs_personal", False):
        patch_cache_control(response, private=True)


def write_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Put the request's decision about the cookie on the response."""
    cookie: VisitorCookie | None = getattr(request, "_shop_recs_cookie", None)
    if cookie is None or not cookie.changed:
        return
    path, domain = django_settings.SESSION_COOKIE_PATH, django_settings.SESSION_COOKIE_DOMAIN
    if cookie.visitor_id is None:
        response.delete_cookie(settings.COOKIE_NAME, path=path, domain=domain, samesite="Lax")
    else:
        response.set_cookie(
            settings.COOKIE_NAME,
            TimestampSigner(salt=SALT).sign(f"{cookie.visitor_id.hex}.{cookie.mark}"),
            max_age=timedelta(days=settings.COOKIE_AGE_DAYS),
            path=path,
            domain=domain,
            secure=django_settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    # A cache that kept this answer would hand one shopper's cookie to the next.
    patch_cache_control(response, private=True)
    patch_vary_headers(response, ("Cookie",))


def cookie_of(request: HttpRequest) -> VisitorCookie:
    """The cookie as it stands now in this request."""
    cookie: VisitorCookie | None = getattr(request, "_shop_recs_cookie", None)
    if cookie is None:
        cookie = _parse(request.COOKIES.get(settings.COOKIE_NAME, ""))
        request._shop_recs_cookie = cookie  # type: ignore[attr-defined]
    return cookie


def mark_of(user_id: Any | None) -> str:
    """What the cookie says of the user: nothing readable, enough to compare."""
    if user_id is None:
        return ""
    return salted_hmac(SALT, str(user_id), algorithm="sha256").hexdigest()[:16]


def _parse(value: str) -> VisitorCookie:
    try:
        signed = TimestampSigner(salt=SALT).unsign(value, max_age=timedelta(days=settings.COOKIE_AGE_DAYS))
        visitor, _, mark = signed.partition(".")
        return VisitorCookie(UUID(visitor), mark)
    except (BadSignature, ValueError):
        return VisitorCookie()


def _is_old(request: HttpRequest) -> bool:
    try:
        TimestampSigner(salt=SALT).unsign(request.COOKIES.get(settings.COOKIE_NAME, ""), max_age=RENEW_AFTER)
    except BadSignature:
        return True
    return False


def _user_id(request: HttpRequest) -> Any | None:
    user = getattr(request, "user", None)
    return user.pk if user is not None and user.is_authenticated else None
