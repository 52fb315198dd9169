"""Receivers of other apps' signals, and of our own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest

from shop_recs.serving import tally
from shop_recs.serving.explain import Recommendations
from shop_recs.signals import list_served, unanswered
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


@receiver(list_served, dispatch_uid="shop_recs.count_list")
def count_list(recommendations: Recommendations, **kwargs: Any) -> None:
    """What a list is made of is counted."""
    tally.note(tally.of_list(recommendations))


@receiver(unanswered, dispatch_uid="shop_recs.count_unanswered")
def count_unanswered(name: str, reason: str, **kwargs: Any) -> None:
    """What gave no answer is counted."""
    tally.note({tally.Count("unanswered", name, reason): 1})


@receiver(request_finished, dispatch_uid="shop_recs.hand_on_counts")
def hand_on_counts(**kwargs: Any) -> None:
    """The counts go to the cache when the answer is on its way, so that nobody waits for it."""
    with quietly("hand on what was counted"):
        tally.hand_on_when_due()
