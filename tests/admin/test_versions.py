"""The pages of model versions."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from shop_recs.admin import quality
from shop_recs.models import ActiveModel, ModelVersion
from shop_recs.training.evaluation import GROUPS

LIST = reverse("admin:shop_recs_modelversion_changelist")


def page(client, address=LIST):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def detail(version):
    return reverse("admin:shop_recs_modelversion_change", args=[version.pk])


def action(name, *args):
    return reverse(f"admin:shop_recs_modelversion_{name}", args=args)


def said(response):
    """The messages on the page that a redirect leads to."""
    return " ".join(str(message) for message in response.context["messages"])


def test_the_list_marks_the_active_version(admin_client, active, make_version):
    make_version("als")
    text = page(admin_client)
    assert text.count("shop-recs-badge--active") == 1
    assert text.count("shop-recs-badge--ready") == 1


def test_the_list_shows_quality_beside_baselines_and_the_active_version(admin_client, active, make_version):
    make_version("als", ndcg=0.2812)
    text = page(admin_client)
    assert "0.2812" in text
    assert "+0.0312" in text  # all, against .2500
    assert "+0.0031" in text  # discovery
    assert "popular 0.0848, history 0.2222" in text
    assert "popular 0.0085, history 0.0222" in text


def test_a_difference_that_the_gate_took_for_the_same_shoppers_is_shown(admin_client, active, make_version):
    paired = {"version": active.pk, "all": {"difference": -0.0042}, "discovery": {"difference": 0.0007}}
    version = make_version("als", ndcg=0.2812)
    version.metrics["gate"] = {
        "active": {**paired, "ndcg@10": 0.28, "difference": 0.0007, "interval": [0, 0]}
    }
    version.save()
    text = page(admin_client)
    assert "-0.0042" in text
    assert "+0.0007" in text
    assert "+0.0312" not in text


def test_a_difference_too_small_to_show_has_no_minus(admin_client, active, make_version):
    make_version("als", ndcg=0.24999)
    assert "-0.0000" not in page(admin_client)


def test_the_active_version_is_not_compared_with_itself(admin_client, active):
    assert "0.0000" not in page(admin_client)


def test_a_version_without_metrics_shows_dashes(admin_client, make_version):
    make_version("als", metrics={}, status=ModelVersion.Status.FAILED)
    text = page(admin_client)
    assert '<td class="field-ndcg_all">-</td>' in re.sub(r"\s+</td>", "</td>", text)


def test_the_list_shows_how_far_a_training_is(admin_client, training):
    text = page(admin_client)
    assert f'<progress max="100" value="41.6" data-version="{training.pk}"' in text
    assert "fitting, 42 %, 2 min left" in text


def test_the_list_makes_the_same_few_queries_however_long_it_is(
    admin_client, active, training, make_version, django_assert_num_queries
):
    for _ in range(20):
        make_version("als")
    with django_assert_num_queries(6):  # session, user, active, running, count, versions
        page(admin_client)


def test_a_version_page_compares_every_metric(admin_client, active, make_version):
    version = make_version("als", ndcg=0.2812, options={"factors": 64}, info={"epochs": 7})
    text = page(admin_client, detail(version))
    rows = re.findall(r'<th scope="row">([^<]+)</th>', text)
    assert len(rows) == 20  # all and discovery, five metrics, at 10 and 20
    cells = re.search(r"NDCG @ 10</th>(.*?)</tr>", text, re.DOTALL)
    assert cells
    assert re.findall(r"0\.\d{4}", cells.group(1)) == ["0.2812", "0.2500", "0.0848", "0.2222"]
    assert "<strong>0.2812</strong>" in cells.group(1)
    for shown in ("factors", "epochs", "cases"):
        assert shown in text


def test_what_else_was_measured_is_folded_up(admin_client, make_version):
    figures = {"ndcg@10": 0.25, "gini@10": 0.8125, "novelty@10": 9.5, "cases": 77}
    groups = {"all": {"new": figures | {"ndcg@10": 0.0625}}}
    version = make_version("als", metrics={"model": {"all": figures, "groups": groups}})
    text = page(admin_client, detail(version))
    folded = re.findall(r"<details.*?</details>", text, re.DOTALL)
    assert len(folded) == 2
    assert "Gini of exposure @ 10" in folded[0]
    assert "<strong>" not in folded[0]  # nobody says whether novel lists are better
    new = re.search(r"new: fewer than 5 interactions</th>(.*?)</tr>", folded[1], re.DOTALL)
    assert new
    assert re.findall(r"<td>(.*?)</td>", new.group(1)) == ["77", "0.0625", "-", "-", "9.5000", "-", "-"]


def test_the_groups_of_the_admin_are_those_that_are_judged():
    bounds = [[int(number) for number in re.findall(r"\d+", str(name))] for name in quality.GROUPS.values()]
    assert list(quality.GROUPS) == list(GROUPS)
    assert bounds == [[GROUPS["light"]], [GROUPS["light"], GROUPS["heavy"] - 1], [GROUPS["heavy"]]]


def test_a_failed_version_says_why(admin_client, make_version):
    version = make_version("als", status=ModelVersion.Status.FAILED, error="died: no <heartbeat>", metrics={})
    text = page(admin_client, detail(version))
    assert "died: no &lt;heartbeat&gt;" in text
    assert "not evaluated yet" in text


def test_a_version_page_makes_few_queries(admin_client, active, django_assert_num_queries):
    with django_assert_num_queries(5):  # session, user, version for the buttons, older ones, for the page
        page(admin_client, detail(active))


def test_rolling_back_is_offered_where_something_older_is_kept(admin_client, active, make_version):
    address = action("roll_back", "als")
    assert address not in page(admin_client) + page(admin_client, detail(active))
    newer = make_version("als")
    ActiveModel.objects.update(version=newer)
    assert address in page(admin_client)
    assert address in page(admin_client, detail(newer))


def test_the_list_offers_to_train_what_is_not_served(admin_client):
    text = page(admin_client)
    served = re.findall(r'<input type="hidden" name="algorithm" value="(\w+)">', text)
    assert served == ["sasrec", "als", "item_knn", "popular"]
    assert {"svd", "ease", "gru4rec"} <= set(re.findall(r"<option>(\w+)</option>", text))


def test_the_version_page_offers_what_makes_sense(admin_client, make_version, training):
    make_version("als")
    active = make_version("als")
    ActiveModel.objects.create(algorithm="als", version=active)
    waiting = make_version("als")
    failed = make_version("als", status=ModelVersion.Status.FAILED)
    offers = {
        version.pk: [
            name
            for name, address in (
                ("publish", action("publish", version.pk)),
                ("roll back", action("roll_back", version.algorithm)),
                ("cancel", action("cancel", version.pk)),
            )
            if f'href="{address}"' in page(admin_client, detail(version))
        ]
        for version in (active, waiting, failed, training)
    }
    assert offers == {
        active.pk: ["roll back"],
        waiting.pk: ["publish"],
        failed.pk: [],
        training.pk: ["cancel"],
    }


def test_versions_are_neither_added_nor_changed_nor_deleted_by_hand(admin_client, active):
    assert admin_client.get(reverse("admin:shop_recs_modelversion_add")).status_code == 403
    assert admin_client.post(detail(active), {"algorithm": "evil"}).status_code == 403
    delete = reverse("admin:shop_recs_modelversion_delete", args=[active.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert ModelVersion.objects.get().algorithm == "als"


def test_the_script_is_a_module_from_static_files_and_nothing_is_inline(admin_client, active, training):
    for address in (LIST, detail(training)):
        text = page(admin_client, address)
        assert '<script src="/static/shop_recs/admin.js" type="module">' in text
        ours = text[text.index('id="shop-recs-running"') :]
        assert not re.search(r"<script(?![^>]*src=)[^>]*>|\son\w+=|\sstyle=", ours)


def test_progress_is_told_as_json(admin_client, training, make_version):
    newest = make_version("als")
    answer = admin_client.get(action("progress"))
    assert answer.json() == {
        "running": [{"id": training.pk, "percent": 41.6, "text": "fitting, 42 %, 2 min left"}],
        "newest": newest.pk,
    }
    assert "no-cache" in answer["Cache-Control"]


def test_progress_says_that_a_cancelled_training_is_stopping(admin_client, training):
    ModelVersion.objects.update(cancel_requested=True)
    (row,) = admin_client.get(action("progress")).json()["running"]
    assert row["text"] == "fitting, 42 %, stopping"


def test_publishing_asks_first_and_then_serves_the_version(admin_client, active, make_version):
    better = make_version("als", ndcg=0.3)
    assert f"It replaces {active}" in page(admin_client, action("publish", better.pk))
    assert ActiveModel.objects.get().version == active
    response = admin_client.post(action("publish", better.pk), follow=True)
    assert ActiveModel.objects.get().version == better
    assert f"{better} is published" in said(response)
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user.is_superuser) == (str(better.pk), True)


def test_a_failed_version_is_not_published(admin_client, active, make_version):
    failed = make_version("als", status=ModelVersion.Status.FAILED)
    response = admin_client.post(action("publish", failed.pk), follow=True)
    assert "is failed" in said(response)
    assert ActiveModel.objects.get().version == active
    assert not LogEntry.objects.exists()


REFUSAL = "It foretells worse than als 1, which is served."


def test_a_refused_version_says_why_and_what_it_was_compared_with(admin_client, active, make_version):
    compared = {"version": 77, "ndcg@10": 0.0312, "difference": -0.0104, "interval": [-0.0141, -0.0066]}
    gate = {"active": compared, "popular": {"not_compared": "too few shoppers"}}
    version = make_version("als", refusal=REFUSAL, metrics={"gate": gate})
    assert "shop-recs-badge--refused" in page(admin_client)
    text = page(admin_client, detail(version))
    for shown in (REFUSAL, "active then: 77", "0.0312", "-0.0104", "-0.0141 … -0.0066", "too few shoppers"):
        assert shown in text


def test_a_refused_version_is_published_with_a_note_alone(admin_client, admin_user, active, make_version):
    version = make_version("als", refusal=REFUSAL)
    publish = action("publish", version.pk)
    asked = page(admin_client, publish)
    assert REFUSAL in asked
    assert "<textarea" in asked
    assert "The gate refused" in said(admin_client.post(publish, {"override": " "}, follow=True))
    assert ActiveModel.objects.get().version == active
    admin_client.post(publish, {"override": "Half of the shop was sold."})
    assert ActiveModel.objects.get().version == version
    version.refresh_from_db()
    assert version.overridden_by == admin_user.get_username()
    assert "Half of the shop was sold." in LogEntry.objects.get().change_message
    assert "Half of the shop was sold." in page(admin_client, detail(version))
    assert "<textarea" not in page(admin_client, publish)


def test_rolling_back_asks_first_and_then_serves_the_version_before(admin_client, make_version):
    older, newer = make_version("als"), make_version("als")
    ActiveModel.objects.create(algorithm="als", version=newer)
    assert f"Stop serving {newer}" in page(admin_client, action("roll_back", "als"))
    stale = admin_client.post(action("roll_back", "als"), {"version": older.pk}, follow=True)
    assert f"Not version {older.pk}" in said(stale)
    assert ActiveModel.objects.get().version == newer
    response = admin_client.post(action("roll_back", "als"), {"version": newer.pk}, follow=True)
    assert ActiveModel.objects.get().version == older
    assert f"{newer} is rolled back" in said(response)
    assert LogEntry.objects.get().object_id == str(newer.pk)


def test_rolling_back_the_only_version_is_refused_in_words(admin_client, active):
    response = admin_client.post(action("roll_back", "als"), follow=True)
    assert "older than" in said(response)
    assert ActiveModel.objects.get().version == active


def test_cancelling_asks_first_and_then_asks_the_training_to_stop(admin_client, training):
    assert "Stop the training" in page(admin_client, action("cancel", training.pk))
    response = admin_client.post(action("cancel", training.pk), follow=True)
    training.refresh_from_db()
    assert training.cancel_requested
    assert "will stop" in said(response)


def test_cancelling_what_is_over_is_refused_in_words(admin_client, active):
    assert "not being trained" in said(admin_client.post(action("cancel", active.pk), follow=True))


@pytest.mark.parametrize(
    ("permission", "name"),
    [("retrain", "retrain"), ("retrain", "cancel"), ("publish", "publish"), ("publish", "roll_back")],
)
def test_every_button_needs_its_permission(staff_client, active, training, permission, name):
    arguments = {"retrain": [], "cancel": [training.pk], "publish": [active.pk], "roll_back": ["als"]}[name]
    others = {"view_modelversion", "retrain", "publish"} - {permission}
    client = staff_client(*others)
    text = page(client) + page(client, detail(active)) + page(client, detail(training))
    assert action(name, *arguments) not in text
    assert client.post(action(name, *arguments)).status_code == 403
    assert ActiveModel.objects.get().version == active
    assert not ModelVersion.objects.filter(cancel_requested=True).exists()


def test_the_progress_needs_the_permission_to_view(staff_client, training):
    assert staff_client("retrain").get(action("progress")).status_code == 403


def test_strangers_are_sent_to_the_login(client, active):
    response = client.post(action("publish", active.pk))
    assert response.status_code == 302
    assert "login" in response["Location"]


@pytest.mark.parametrize("name", ["retrain", "publish"])
def test_a_forged_post_is_refused(admin_user, active, name):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    arguments = [active.pk] if name == "publish" else []
    assert client.post(action(name, *arguments), {"algorithm": "als"}).status_code == 403


def test_retraining_by_a_link_is_refused(admin_client):
    assert admin_client.get(action("retrain")).status_code == 405


def test_a_version_page_says_what_its_index_finds(admin_client, make_version):
    index = {"similar": {"ef_search": 100, "recall@20": 0.9965}}
    version = make_version(metrics={"index": index})
    assert "similar items: 99.7 % of the first 20, ef_search 100" in page(
        admin_client, reverse("admin:shop_recs_modelversion_change", args=[version.pk])
    )
