"""The commands, as one types them."""

from __future__ import annotations

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from shop_recs.models import ActiveModel, ModelVersion
from tests.training.conftest import PLUGINS, store


def typed(*arguments):
    """What a command prints."""
    output = io.StringIO()
    call_command(*arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


class Terminal(io.StringIO):
    """Where a person looks."""

    def isatty(self):
        return True


def test_training_says_what_it_does_and_what_came_out(log, plugins):
    printed = typed("recs_train", "counting")
    version = ActiveModel.objects.get().version
    assert f"Published counting {version.pk}: 24 products from" in printed
    assert "NDCG@10 0." in printed


def test_training_names_every_phase_on_a_line_of_its_own_elsewhere(log, configure):
    configure(ALGORITHMS={"slow": PLUGINS["slow"] | {"OPTIONS": {"seconds": 1.0}}})
    phases = re.findall(r"^slow:(.*)$", typed("recs_train", "slow"), re.MULTILINE)
    assert " fitting" in phases
    assert len(set(phases)) == len(phases)
    assert all(phase.strip() for phase in phases)


def test_training_all_means_every_algorithm_of_the_ladder(log, configure):
    configure(ALGORITHMS=PLUGINS, LADDER=["counting", "popular"])
    typed("recs_train", "--all")
    assert set(ActiveModel.objects.values_list("algorithm", flat=True)) == {"counting", "popular"}


def test_training_shows_a_bar_on_a_terminal(log, configure):
    configure(ALGORITHMS={"slow": PLUGINS["slow"] | {"OPTIONS": {"seconds": 1.0}}})
    terminal = Terminal()
    call_command("recs_train", "slow", stdout=terminal)
    assert "█" in terminal.getvalue()
    assert "fitting" in terminal.getvalue()


def test_one_failure_does_not_keep_the_others_from_training(log, plugins):
    with pytest.raises(CommandError, match="the matrix is singular"):
        typed("recs_train", "failing", "counting")
    assert ActiveModel.objects.get().algorithm == "counting"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recs_train"], r"Say what to train: --all, or one or more of .*als"),
        (["recs_train", "alsa"], r"No algorithm 'alsa'; configured are .*als"),
        (["recs_train", "--all", "als"], "Say --all or name als, not both"),
        (["recs_rollback", "alsa"], r"No algorithm 'alsa'; configured are .*als"),
        (["recs_train", "popular"], "not enough data: have 0 interactions, need 200"),
        (["recs_publish", "99999"], "There is no version 99999. Ready to publish are: none; train one"),
        (["recs_rollback", "als"], "No version of 'als' is published.*Published is: nothing"),
        (["recs_evaluate", "--algorithm", "alsa"], r"No algorithm 'alsa'; configured are .*als"),
        (["recs_evaluate", "--algorithm", "popular"], "not enough data: have 0 interactions, need 200"),
        (["recs_evaluate", "--k", "0"], "--k is 0; write the length of the lists"),
        (["recs_compare", "alsa"], r"No algorithm 'alsa'; configured are .*als"),
        (["recs_compare", "popular"], "not enough data: have 0 interactions, need 200"),
        (["recs_compare", "popular", "--seeds", "0"], "--seeds is 0; write the number of fits"),
        (["recs_compare", "popular", "--output", "plot.pdf"], r"plot.pdf must end with .svg or .png"),
    ],
)
def test_wrong_input_is_answered_with_what_to_write(committed, arguments, message):
    with pytest.raises(CommandError, match=message):
        typed(*arguments)


def test_publishing_and_rolling_back(committed, products):
    first, second = store("als", products), store("als", products)
    assert f"Rolled back to als {first.pk}" in typed("recs_rollback", "als")
    assert ActiveModel.objects.get().version == first
    assert f"Published als {second.pk}" in typed("recs_publish", str(second.pk))
    assert ActiveModel.objects.get().version == second


def test_a_refused_version_is_published_with_a_note(committed, products):
    store("als", products)
    refused = store("als", products, refusal="Its log is a bot's.")
    with pytest.raises(CommandError, match="Its log is a bot's"):
        typed("recs_publish", str(refused.pk))
    assert re.search(rf"als +{refused.pk} +refused .*Its log is a bot's", typed("recs_status"))
    typed("recs_publish", str(refused.pk), "--override", "no, a school class")
    assert ActiveModel.objects.get().version == refused
    refused.refresh_from_db()
    assert refused.override_note == "no, a school class"
    assert refused.overridden_by


def test_training_exits_with_a_code_of_its_own_where_the_gate_refuses(log, plugins, configure):
    configure(GATE={"ONE_PRODUCT": 0.01})
    with pytest.raises(CommandError, match=r"trained but not published: .* are of one product") as refused:
        typed("recs_train", "counting")
    assert refused.value.returncode == 3
    assert not ActiveModel.objects.exists()
    assert re.search(r"refused .* are of one product", typed("recs_status"))


def test_a_failed_version_is_not_published(committed):
    version = ModelVersion.objects.create(algorithm="als", status=ModelVersion.Status.FAILED)
    with pytest.raises(CommandError, match="is failed"):
        typed("recs_publish", str(version.pk))


def test_the_status_lists_what_is_served_ready_running_and_failed(committed, products):
    first, second = store("als", products), store("als", products)
    failed = ModelVersion.objects.create(algorithm="als", status="failed", error="out of memory\nmore")
    ModelVersion.objects.create(algorithm="popular", percent=40, phase="fitting")
    lines = typed("recs_status").splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["als", str(failed.pk), "failed"],
        ["als", str(second.pk), "served"],
        ["als", str(first.pk), "ready"],
        ["popular", str(failed.pk + 1), "training"],
    ]
    assert lines[0].endswith("out of memory")
    assert lines[3].endswith("40 % fitting")


def test_evaluating_prints_a_table_of_algorithms_and_baselines(log, plugins):
    printed = typed("recs_evaluate", "--algorithm", "counting", "--algorithm", "popular")
    for name in ("counting", "popular", "(popular)", "(own history)", "ndcg@10", "discovery"):
        assert name in printed
    assert not ModelVersion.objects.exists()


def test_evaluating_prints_figures_as_json(log, plugins):
    results = json.loads(typed("recs_evaluate", "--algorithm", "counting", "--k", "5", "--json"))
    figures = results["algorithms"]["counting"]
    assert 0 < figures["all"]["ndcg@5"] <= 1
    assert 0 < results["popular"]["discovery"]["recall@5"] <= 1
    assert results["split"]["cases"] > 0


def test_evaluating_leave_one_out_judges_every_visitor(log, plugins):
    arguments = ["--algorithm", "counting", "--split", "leave-one-out", "--json"]
    results = json.loads(typed("recs_evaluate", *arguments))
    assert results["split"]["cases"] + results["split"]["cold_targets"] == 40
    assert "all" not in results["algorithms"]["counting"]


def test_comparing_prints_every_metric_and_draws_a_plot(log, plugins, tmp_path):
    pytest.importorskip("matplotlib")
    arguments = ["history", "counting", "popular", "--blend", "--output", str(tmp_path / "plot.svg")]
    printed = typed("recs_compare", *arguments)
    header = next(line for line in printed.splitlines() if "counting" in line)
    assert header.split() == ["history", "counting", "popular", "blend"]
    for name in ("ndcg@10", "difference to", "popularity_lift@10", "discovery", "weights of the blend, all"):
        assert name in printed
    assert (tmp_path / "plot.svg").stat().st_size > 1_000
    assert not ModelVersion.objects.exists()


def test_comparing_prints_figures_as_json(log, plugins):
    arguments = ["counting", "popular", "--split", "leave-one-out", "--seeds", "2", "--json"]
    results = json.loads(typed("recs_compare", *arguments))
    assert results["seeds"] == 2
    assert 0 < results["algorithms"]["counting"]["discovery"]["ndcg@10"] <= 1
    best, other = results["differences"]["discovery"].pop("to"), results["differences"]["discovery"]
    assert {best, *other} == {"counting", "popular"}
    assert all(lacking["low"] <= lacking["mean"] <= lacking["high"] for lacking in other.values())


def test_the_status_says_what_an_index_finds(committed):
    metrics = {"index": {"personal": {"ef_search": 160, "recall@20": 0.9871}}}
    ModelVersion.objects.create(algorithm="als", status=ModelVersion.Status.READY, metrics=metrics)
    assert typed("recs_status").rstrip().endswith("index personal 0.987")
