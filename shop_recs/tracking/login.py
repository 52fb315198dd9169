"""What login and logout do to the visitor."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import router
from django.http import HttpRequest

from shop_recs.models import Visitor
from shop_recs.tracking import identity
from shop_recs.tracking.consent import may_be_remembered
from shop_recs.tracking.identity import Shopper
from shop_recs.tracking.log import savepoint


def join_history(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Bind the visitor of the cookie to the user who just logged in, unless it is somebody's already."""
    cookie = identity.cookie_of(request)
    if cookie.visitor_id is None or cookie.mark == identity.mark_of(user.pk):
        return
    if cookie.mark == "" and may_be_remembered(request) and _bind(cookie.visitor_id, user.pk):
        identity.remember(request, Shopper(cookie.visitor_id, user.pk))
    else:
        identity.forget(request)


def _bind(visitor_id: UUID, user_id: Any) -> bool:
    with savepoint(router.db_for_write(Visitor)):
        return Visitor.objects.filter(pk=visitor_id, user=None).update(user=user_id) == 1
