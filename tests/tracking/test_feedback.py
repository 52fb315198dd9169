"""What a shopper says of a product, from the shop's own views."""

from __future__ import annotations

import logging

import pytest

from shop_recs import hide, not_interested, record_view, show_again
from shop_recs.models import Feedback, FeedbackKind, Visitor


@pytest.mark.parametrize(
    ("give", "kind"), [(hide, FeedbackKind.HIDE), (not_interested, FeedbackKind.NOT_INTERESTED)]
)
def test_it_is_stored_for_the_visitor_who_is_remembered(browser, products, give, kind):
    assert browser.visit(lambda request: give(request, products[0])) is True
    assert browser.visit(lambda request: give(request, products[1].pk)) is True
    rows = Feedback.objects.order_by("created_at")
    assert [(row.product_id, row.kind) for row in rows] == [(product.pk, kind) for product in products[:2]]
    assert {row.visitor for row in rows} == {Visitor.objects.get()}


def test_the_last_word_counts(browser, products):
    browser.visit(lambda request: hide(request, products[0]))
    before = Feedback.objects.get().created_at
    browser.visit(lambda request: not_interested(request, products[0]))
    row = Feedback.objects.get()
    assert row.kind == FeedbackKind.NOT_INTERESTED
    assert row.created_at > before


def test_it_can_be_taken_back(browser, products):
    browser.visit(lambda request: hide(request, products[0]))
    browser.visit(lambda request: hide(request, products[1]))
    assert browser.visit(lambda request: show_again(request, products[0])) is True
    assert browser.visit(lambda request: show_again(request, products[0])) is False
    assert Feedback.objects.get().product_id == products[1].pk


def test_a_user_takes_back_on_one_device_what_he_said_on_another(
    browser, new_browser, products, ada, bob, django_assert_num_queries
):
    phone, stranger = new_browser(), new_browser()
    browser.user = phone.user = ada
    stranger.user = bob
    for device in (browser, phone, stranger, new_browser()):
        device.visit(lambda request: hide(request, products[0]))
    request = browser.request()
    with django_assert_num_queries(3):  # with a savepoint around it
        assert show_again(request, products[0]) is True
    assert {row.visitor.user for row in Feedback.objects.all()} == {bob, None}


def test_a_stranger_takes_nothing_back(browser, new_browser, products):
    browser.visit(lambda request: hide(request, products[0]))
    assert new_browser().visit(lambda request: show_again(request, products[0])) is False
    assert Feedback.objects.count() == 1


def test_a_copy_of_an_old_cookie_takes_nothing_back(browser, new_browser, products, ada):
    browser.visit(lambda request: hide(request, products[0]))
    copy = new_browser()
    copy.cookie = browser.cookie
    browser.user = ada
    browser.visit(lambda request: record_view(request, products[1]))
    assert copy.visit(lambda request: show_again(request, products[0])) is False
    assert Feedback.objects.count() == 1


@pytest.mark.parametrize("headers", [{"sec-gpc": "1"}, {"user-agent": "Googlebot/2.1"}])
def test_who_may_not_be_remembered_says_it_in_vain(browser, products, headers):
    assert browser.visit(lambda request: hide(request, products[0]), **headers) is False
    assert (Feedback.objects.count(), Visitor.objects.count()) == (0, 0)


def test_what_is_no_product_is_logged(browser, db, caplog):
    with caplog.at_level(logging.WARNING):
        assert browser.visit(lambda request: hide(request, "no-such-key")) is False
        assert browser.visit(lambda request: show_again(request, "no-such-key")) is False
    assert caplog.text.count("is no key of a") == 2


def test_forgetting_a_visitor_forgets_what_he_said(browser, products):
    browser.visit(lambda request: hide(request, products[0]))
    Visitor.objects.get().delete()
    assert Feedback.objects.count() == 0
