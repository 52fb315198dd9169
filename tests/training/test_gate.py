"""The gate before publishing: what it refuses, and what it lets pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shop_recs.algorithms.base import FittedNeighbours, FittedVectors, ItemFeature
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.algorithms.popular import Popular
from shop_recs.algorithms.splits import split_by_time
from shop_recs.models import ActiveModel, JudgedFit, ModelVersion
from shop_recs.training import judged
from shop_recs.training.gate import DESCRIBED, Gate, described
from tests.training.growing import PRODUCTS, factorised, fold_in, grown_log

KEYS = list(range(PRODUCTS))
DAYS = 14


@pytest.fixture(scope="module")
def data():
    """Fourteen days of a shop that grows."""
    return grown_log(days=DAYS)


@pytest.fixture(scope="module")
def split(data):
    return split_by_time(data)


@pytest.fixture(scope="module")
def fitted(split):
    """A good model of what happened before the hold-out."""
    return factorised(split.train)


@pytest.fixture
def active(db, data, split, fitted):
    """The version that is served, which learnt from the same log; it was judged by the good model."""
    version = ModelVersion.objects.create(algorithm="svd", status="ready", interaction_count=len(data))
    ActiveModel.objects.create(algorithm="svd", version=version)
    judged.keep(version.pk, fitted, KEYS, until=split.train.now)
    return version


def passed(gate, fitted, split, data):
    """Show the gate what a training does; returns why it refuses."""
    gate.look_at_log(data)
    gate.compare(fitted, split, gate.earlier(KEYS, before=split.train.now))
    gate.look_at_lists(fitted, data)
    return gate.refusal


def _choices(split):
    """Who chose what in the hold-out."""
    return zip(split.users[split.cases].tolist(), split.targets.tolist(), strict=True)


def alike(fitted):
    """A model that answers everybody alike."""
    vectors = 1.0 + np.arange(PRODUCTS, dtype=np.float32)[:, None]
    return replace(fitted, item_vectors=vectors, encoder=fold_in(vectors))


def test_a_good_first_version_passes(fitted, split, data):
    gate = Gate(None)
    assert passed(gate, fitted, split, data) == ""
    assert gate.figures["popular"]["interval"][0] > 0
    assert "active" not in gate.figures


def test_the_same_once_more_passes(active, fitted, split, data):
    gate = Gate(active)
    assert passed(gate, fitted, split, data) == ""
    assert (gate.figures["active"]["version"], gate.figures["active"]["difference"]) == (active.pk, 0)
    assert gate.figures["cases"] > 50


def test_a_version_worse_than_the_active_one_is_refused_with_both_figures(active, split, data):
    gate = Gate(active)
    refusal = passed(gate, factorised(split.train, noise=1.0), split, data)
    assert f"It foretells worse than svd {active.pk}, which is served" in refusal
    figures = gate.figures["active"]
    assert f"against {figures['ndcg@10']:.4f}" in refusal
    assert figures["interval"][0] < figures["difference"] < figures["interval"][1] < 0


def test_a_little_noise_is_not_refused(active, split, data):
    assert passed(Gate(active), factorised(split.train, noise=0.05), split, data) == ""


def test_a_personal_version_worse_than_popularity_is_refused(fitted, split, data):
    rng = np.random.default_rng(0)
    shuffled = replace(fitted, item_vectors=rng.permutation(fitted.item_vectors))
    upside_down = replace(shuffled, item_vectors=-np.abs(shuffled.item_vectors))
    assert "worse than popular" in passed(Gate(None), upside_down, split, data)


def test_a_personal_version_no_better_than_popularity_is_refused(fitted, split, data):
    middling = factorised(split.train, noise=0.8)
    gate = Gate(None)
    assert "It foretells no better than popular" in passed(gate, middling, split, data)
    figures = gate.figures["popular"]
    assert figures["difference"] <= 0 < figures["interval"][1]  # within noise, but not better


def test_a_shop_of_repeats_is_compared_by_them(active, fitted, split, data):
    # Whoever comes back takes what they had: hardly a choice is a discovery.
    had = set(zip(split.train.users.tolist(), split.train.items.tolist(), strict=True))
    repeats = np.array([(user, item) in had for user, item in _choices(split)])
    few = replace(split, cases=split.cases[repeats], targets=split.targets[repeats])
    gate = Gate(active)
    refusal = passed(gate, factorised(split.train, noise=1.0), few, data)
    assert gate.figures["part"] == "all"
    assert "It foretells worse than svd" in refusal


def test_products_that_lost_their_prices_are_refused(active, data):
    def priced(share):
        codes = np.where(np.arange(PRODUCTS) < share * PRODUCTS, 1, -1).astype(np.int32)
        return replace(data, features=(ItemFeature("price", codes, 2),))

    active.info = {DESCRIBED: described(priced(1.0))}
    for share, refused in ((0.0, True), (0.4, True), (0.6, False), (1.0, False)):
        gate = Gate(active)
        gate.look_at_log(priced(share))
        assert ("have a usable 'price'" in gate.refusal) == refused


def test_popularity_itself_needs_not_be_better_than_itself(data, split):
    assert passed(Gate(None), Popular().fit(split.train), split, data) == ""


def test_far_fewer_products_in_the_lists_are_refused(active, fitted, split, data):
    narrow = replace(fitted, known=fitted.known & (np.arange(PRODUCTS) < 12))
    assert "Its lists show 1" in passed(Gate(active), narrow, split, data)


def test_the_same_list_for_everybody_is_refused(fitted, split, data):
    gate = Gate(None)
    gate.look_at_lists(alike(fitted), data)
    assert gate.refusal.startswith("It shows the same 10 products to each of")


def test_an_encoder_that_answers_with_nan_is_refused(fitted, data):
    broken = replace(
        fitted, encoder=ConstantEncoder(np.full(fitted.item_vectors.shape[1], np.nan, np.float32))
    )
    gate = Gate(None)
    gate.look_at_lists(broken, data)
    assert gate.refusal.startswith("It has a list for 0 of")


def test_a_model_that_knows_no_product_has_lists_for_nobody_to_look_at(fitted, data):
    gate = Gate(None)
    gate.look_at_lists(replace(fitted, known=np.zeros(PRODUCTS, dtype=np.bool_)), data)
    assert gate.refusal == ""  # storing says that there is nothing to store


def test_few_shoppers_prove_nothing(active, fitted, data):
    few = split_by_time(data, max_cases=20)
    gate = Gate(active)
    assert passed(gate, factorised(few.train, noise=1.0), few, data) == ""
    assert "fewer than 30 shoppers" in gate.figures["not_compared"]


def test_an_active_version_that_saw_the_choices_is_not_compared(active, fitted, split, data):
    JudgedFit.objects.update(until=split.train.now + 1)
    gate = Gate(active)
    assert passed(gate, factorised(split.train, noise=0.2), split, data) == ""
    assert "has seen a part" in gate.figures["active"]["not_compared"]


@pytest.mark.parametrize(
    "spoil", [JudgedFit.objects.all().delete, lambda: JudgedFit.objects.update(content=b"?")]
)
def test_an_active_version_of_which_no_fit_is_kept_is_not_compared(active, fitted, split, data, spoil):
    spoil()
    gate = Gate(active)
    assert passed(gate, fitted, split, data) == ""
    assert "not_compared" in gate.figures["active"]


def test_a_log_much_shorter_than_before_is_refused(active, data):
    gate = Gate(active)
    gate.look_at_log(data.select(np.arange(len(data)) < len(data) // 100))
    assert f"The log has {len(data) // 100} interactions to learn from, svd {active.pk} had {len(data)}" in (
        gate.refusal
    )


@pytest.mark.parametrize(("column", "who"), [("users", "visitor"), ("items", "product")])
def test_a_log_that_one_fills_is_refused(data, column, who):
    flooded = np.where(np.arange(len(data)) % 10, np.int32(7), getattr(data, column))
    gate = Gate(None)
    gate.look_at_log(replace(data, **{column: flooded}))
    assert f"% of the interactions are of one {who}" in gate.refusal


def test_every_rule_can_be_lifted(active, fitted, split, data, settings):
    short = replace(data.select(np.arange(len(data)) < 40), users=np.zeros(40, np.int32))
    short = replace(short, items=np.zeros(40, np.int32))
    rules = ("WORSE_BY", "WORSE_THAN_POPULAR_BY", "COVERAGE", "INTERACTIONS", "ONE_VISITOR", "ONE_PRODUCT")
    settings.SHOP_RECS = settings.SHOP_RECS | {"GATE": dict.fromkeys(rules)}
    gate = Gate(active)
    gate.look_at_log(short)
    gate.compare(alike(fitted), split, gate.earlier(KEYS, before=split.train.now))
    assert gate.refusal == ""
    assert gate.figures["active"]["difference"] < 0


def test_a_growing_shop_is_hardly_ever_refused():
    """Twenty shops that bring a tenth more every day, each retrained the day after."""
    refusals = []
    for seed in range(20):
        before, now = grown_log(days=8, seed=seed), grown_log(days=9, seed=seed)
        earlier = factorised(split_by_time(before).train)
        split = split_by_time(now)
        gate = Gate(ModelVersion(pk=1, algorithm="svd", interaction_count=len(before)))
        gate.look_at_log(now)
        gate.compare(factorised(split.train), split, earlier)
        gate.look_at_lists(factorised(now), now)
        assert "difference" in gate.figures["active"]
        refusals += gate.reasons
    assert len(refusals) <= 1


def test_a_kept_fit_ranks_as_before_whatever_became_of_the_products(fitted, split):
    """Every tenth product is gone, one is new, and all have other places."""
    kept = [key for key in reversed(KEYS) if key % 10]
    again = judged.loads(judged.dumps(fitted, KEYS), [PRODUCTS, *kept])
    assert isinstance(again, FittedVectors)
    assert not again.known[0]
    assert np.array_equal(again.known[1:], fitted.known[kept])
    assert np.array_equal(
        again.item_vectors[1:], np.where(fitted.known[kept, None], fitted.item_vectors[kept], 0)
    )
    assert again.encoder.dumps() == fitted.encoder.dumps()


def test_kept_neighbours_lose_those_that_are_gone():
    neighbours = FittedNeighbours(
        known=np.array([True, True, True, False]),
        encoder=ConstantEncoder(np.ones(1, dtype=np.float32)),
        offsets=np.array([0, 2, 3, 4, 4]),
        neighbours=np.array([1, 2, 0, 1], dtype=np.int32),
        pair_scores=np.array([0.9, 0.5, 0.8, 0.7], dtype=np.float32),
        support=np.array([9, 5, 8, 7], dtype=np.int32),
    )
    again = judged.loads(judged.dumps(neighbours, ["a", "b", "c", "d"]), ["c", "b", "new"])
    assert isinstance(again, FittedNeighbours)
    assert again.known.tolist() == [True, True, False]
    # Of a, b and c only "c goes with b" is left.
    assert (again.offsets.tolist(), again.neighbours.tolist()) == ([0, 1, 1, 1], [1])
    assert (again.pair_scores.tolist(), again.support.tolist()) == ([pytest.approx(0.7)], [7])
