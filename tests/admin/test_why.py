"""The page "Why is this recommended?"."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.html import escape

from shop_recs.models import ItemScore, Kind, ModelVersion, Placement, Visitor
from tests.serving.conftest import *  # noqa: F403
from tests.serving.versions import publish_vectors

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:shop_recs_modelversion_why")
BOTH = ("view_modelversion", "view_interaction")


def shown(response):
    """The words of the page, without its markup."""
    content = re.sub(r"<(style|script).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


def ask(client, **given):
    return client.get(PAGE, {"placement": "recommended-for-you", **given})


@pytest.fixture
def goods(shelves):
    """Chairs 0 to 4, then lamps 0 to 4."""
    return shelves[0] + shelves[1]


@pytest.fixture
def staff(staff_client):
    return staff_client(*BOTH)


def test_the_form_comes_first(staff):
    response = staff.get(PAGE)
    assert response.status_code == 200
    assert "recommended-for-you" in response.content.decode()
    assert "why" not in response.context
    assert not LogEntry.objects.exists()


def test_the_list_of_a_visitor_with_its_stages(staff, als, goods, visitor, did):
    did(visitor, Kind.VIEW, goods[5], goods[0])
    did(visitor, Kind.CART, goods[1])
    response = ask(staff, shopper=visitor.pk, product=goods[1].pk)
    words = shown(response)
    assert "It is not in the list: is in the cart" in words
    assert re.search(r"als: rank \d+ of all products, score", words)
    assert "What each event adds to the score of als; they add up to it" in words
    assert "Lamp 0 view" in words
    assert response.content.count(b"<svg") > 10
    listed = [line.one.recommendation.rank for line in response.context["listed"]]
    assert listed == list(range(1, len(listed) + 1))


def test_a_product_in_the_list_is_told_its_place(staff, als, goods, visitor, did):
    did(visitor, Kind.VIEW, goods[0])
    assert "It is number 1 of the list, by als." in shown(ask(staff, shopper=visitor.pk, product=goods[0].pk))


def test_a_user_is_found_by_name_and_by_key_with_all_devices(staff, als, goods, did, django_user_model):
    user = django_user_model.objects.create_user(username="ada", password="x")
    devices = [Visitor.objects.create(user=user) for _ in range(2)]
    for device, product in zip(devices, (goods[0], goods[5]), strict=True):
        did(device, Kind.VIEW, product)
    for text in ("ada", user.pk, devices[0].pk):
        response = ask(staff, shopper=text)
        assert "What ada sees, by the history of 2 devices" in shown(response)
        assert {used.event.title for used in response.context["why"].history} == {"Chair 0", "Lamp 0"}


def test_each_look_at_a_shopper_is_logged(staff, als, goods, visitor, did):
    ask(staff)
    assert not LogEntry.objects.exists()
    ask(staff, shopper=visitor.pk)
    (entry,) = LogEntry.objects.all()
    assert (entry.user.get_username(), entry.object_id) == ("grace", str(visitor.pk))
    assert "Looked at the history" in entry.change_message


class TestPermissions:
    @pytest.mark.parametrize("codenames", [(), ("view_interaction",)])
    def test_the_page_needs_that_of_versions(self, staff_client, codenames):
        assert staff_client(*codenames).get(PAGE).status_code == 403

    def test_a_shopper_needs_that_of_interactions(self, staff_client, als, goods, visitor, did):
        did(visitor, Kind.VIEW, goods[0])
        client = staff_client("view_modelversion")
        response = ask(client, shopper=visitor.pk)
        assert "needs the permission to view interactions" in shown(response)
        assert "Chair 0" not in shown(response)
        assert not LogEntry.objects.exists()
        assert ask(client).context["why"].history == []

    def test_others_are_sent_to_the_login(self, client):
        assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"placement": "recomended"}, "There is no placement recomended"),
        ({"shopper": "nobody"}, "There is no visitor with the id nobody, and no user"),
        ({"shopper": "0192d7a0-5c0e-4d25-9d2f-3f2f6a1c7b11"}, "There is no visitor with the id 0192d7a0"),
        ({"shopper": "9" * 40}, "There is no visitor with the id 999"),
        ({"shopper": "a\x00b"}, "Null characters are not allowed"),
        ({"product": "x!"}, "is no key of a shop.Product"),
        ({"seeds": "x!, y"}, "is no key of a shop.Product"),
        ({"version": "999999"}, "That version is not stored any more"),
        ({"version": "x"}, "That version is not stored any more"),
    ],
)
def test_wrong_input_says_what_is_wrong(staff, products, given, words):
    response = ask(staff, **given)
    assert response.status_code == 200
    assert words in shown(response)
    assert "why" not in response.context


def test_a_product_that_is_gone_is_said_to_be(staff, products):
    key = products[0].pk
    products[0].delete()
    assert f"There is no product with the key {key}" in shown(ask(staff, product=key))


def test_a_filter_that_cannot_filter_is_an_error_of_the_form(staff, products):
    Placement.objects.create(slug="broken", kind="popular", filter="sold_by_me")
    assert "which cannot filter products" in shown(ask(staff, placement="broken"))


def test_markup_in_titles_stays_text(staff, als, goods, visitor, did):
    type(goods[0]).objects.update(name="<script>alert(1)</script>")
    did(visitor, Kind.VIEW, goods[0])
    content = ask(staff, shopper=visitor.pk, product=goods[0].pk).content.decode()
    assert "<script>alert(1)" not in content
    assert escape("<script>alert(1)</script>") in content


class TestVersions:
    @pytest.fixture
    def other(self, goods, tastes):
        """A version that takes some lamps for chairs."""
        return publish_vectors("als", goods, tastes[[0, 6, 2, 8, 4, 5, 1, 7, 3, 9]])

    @pytest.fixture
    def served(self, other, als):
        return als

    def test_stand_side_by_side(self, staff, served, other, goods, visitor, did):
        Placement.objects.create(slug="home", kind="recommended_for_you", limit=4)
        did(visitor, Kind.VIEW, goods[0])
        response = ask(staff, placement="home", shopper=visitor.pk, version=other.pk)
        words = shown(response)
        assert f"With als {other.pk} instead of the active version" in words
        assert "enters" in words
        assert "4 better products fill the list" in words
        entered = [change for change in response.context["changes"] if change.before is None]
        left = [change for change in response.context["changes"] if change.after is None]
        assert len(entered) == len(left) > 0

    def test_that_are_the_same_differ_in_nothing(self, staff, served, goods, visitor, did):
        did(visitor, Kind.VIEW, goods[0])
        changes = ask(staff, shopper=visitor.pk, version=served.pk).context["changes"]
        assert all(change.before == change.after for change in changes)

    def test_of_another_algorithm_do_not_take_part(
        self, staff, served, goods, tastes, visitor, did, settings
    ):
        settings.SHOP_RECS = settings.SHOP_RECS | {"LADDER": ["als"]}
        sasrec = publish_vectors("sasrec", goods, tastes)
        did(visitor, Kind.VIEW, goods[0])
        assert f"sasrec {sasrec.pk} does not take part in this list" in shown(
            ask(staff, shopper=visitor.pk, version=sasrec.pk)
        )

    def test_without_vectors_are_not_offered(self, staff, served, make_version):
        make_version("als", status=ModelVersion.Status.RETIRED)
        form = staff.get(PAGE).context["form"]
        assert {str(version) for version in form.fields["version"].queryset} == {
            str(version) for version in ModelVersion.objects.ready()
        }


def test_a_blend_shows_the_parts_of_each_retriever(staff, als, goods, visitor, did):
    for place, product in enumerate(goods):
        ItemScore.objects.create(ranking="trending", product_id=product.pk, score=100 - place)
    Placement.objects.create(slug="home", kind="recommended_for_you", blend={"personal": 1, "trending": 0.5})
    did(visitor, Kind.VIEW, goods[0])
    words = shown(ask(staff, placement="home", shopper=visitor.pk))
    assert "trending, weight 0.5: its 10 best products" in words
    assert re.search(r"als 0\.01\d+ trending 0\.00\d+", words)


def test_seeds_are_shown_apart(staff, als, goods):
    response = ask(staff, placement="similar-items", seeds=f"{goods[0].pk}, {goods[1].pk}")
    assert "What it starts from" in shown(response)
    assert "the list starts from it" in shown(response)


def test_it_takes_a_bounded_number_of_statements(
    staff, als, goods, visitor, did, django_assert_max_num_queries
):
    other = publish_vectors("als", goods, [[1, place] for place in range(10)])
    did(visitor, Kind.VIEW, *goods[:3])
    did(visitor, Kind.CART, goods[4])
    with django_assert_max_num_queries(34):
        response = ask(staff, shopper=visitor.pk, product=goods[4].pk, version=other.pk)
    assert response.context["changes"]


def test_it_is_linked_from_where_one_looks_for_it(admin_client, als, visitor):
    for address in (
        reverse("admin:app_list", args=["shop_recs"]),
        reverse("admin:shop_recs_placement_changelist"),
        reverse("admin:shop_recs_modelversion_changelist"),
        reverse("admin:shop_recs_modelversion_change", args=[als.pk]),
        reverse("admin:shop_recs_visitor_change", args=[visitor.pk]),
    ):
        assert PAGE in admin_client.get(address).content.decode(), address
    prefilled = admin_client.get(PAGE, {"shopper": visitor.pk})
    assert f'value="{visitor.pk}"' in prefilled.content.decode()
    assert "why" not in prefilled.context
