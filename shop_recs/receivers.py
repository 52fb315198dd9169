"""Receivers of other apps' signals."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from shop_recs.tracking import identity, login
from shop_recs.tracking.failures import quietly


@receiver(user_logged_in, dispatch_uid="shop_recs.join_history")
def join_history(request: HttpRequest | None, user: AbstractBaseUser, **kwargs: Any) -> None:
    """What the visitor did before the login belongs to the user."""
    if request is not None:
        with quietly("join the visitor's history to the user"):
            login.join_history(identity.bare(request), user)


@receiver(user_logged_out, dispatch_uid="shop_recs.forget_visitor")
def forget_visitor(request: HttpRequest | None, **kwargs: Any) -> None:
    """Whoever uses the browser after a logout is a new visitor."""
    if request is not None:
        with quietly("forget the visitor"):
            identity.forget(identity.bare(request))
