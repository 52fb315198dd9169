"""SASRec learns planted structure, keeps the contract and says no in plain words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shop_recs.algorithms.base import Cancelled, NotEnoughData
from shop_recs.algorithms.encoders import History
from shop_recs.algorithms.sasrec import SASRec
from tests.algorithms.logs import log_of, walks

pytestmark = pytest.mark.training

SMALL = {"dimensions": 16, "max_epochs": 12, "dropout": 0.1}


@pytest.fixture(scope="module")
def walked():
    return log_of(walks(shoppers=300, length=8), n_items=45)


@pytest.fixture(scope="module")
def fitted(walked):
    return SASRec(**SMALL).fit(walked, seed=1)


def history_of(fitted, items, *, kind=4):
    ages = np.arange(len(items), dtype=np.float32)[::-1]
    return History(fitted.item_vectors[items], np.full(len(items), kind, dtype=np.int8), ages)


def best(fitted, items, **options):
    """The first item of the list: the best known one that is not in the history."""
    scores = fitted.item_vectors @ fitted.encoder(history_of(fitted, items, **options))
    scores[~fitted.known] = -np.inf
    scores[items] = -np.inf
    return int(scores.argmax())


def next_items_found(fitted, *, step=1, **options):
    return np.mean([best(fitted, [i, (i + step) % 40], **options) == (i + 2 * step) % 40 for i in range(40)])


def test_it_learns_which_item_comes_next(fitted):
    assert next_items_found(fitted) > 0.9


def test_the_latest_event_turns_the_query(fitted):
    here = fitted.encoder(history_of(fitted, [3, 4]))
    there = fitted.encoder(history_of(fitted, [3, 4, 20]))
    assert fitted.item_vectors[21] @ there > fitted.item_vectors[21] @ here


def test_the_kind_of_an_event_decides_what_follows():
    """After a view the walk goes up, after a purchase down."""
    rng = np.random.default_rng(0)
    kinds = rng.choice([1, 4], size=(300, 10))
    steps = np.where(kinds == 1, 1, -1)
    walks = (rng.integers(40, size=(300, 1)) + np.cumsum(steps, axis=1) - steps) % 40
    fitted = SASRec(**SMALL).fit(log_of(list(walks), kinds=list(kinds)))
    assert np.mean([best(fitted, [i], kind=1) == (i + 1) % 40 for i in range(40)]) > 0.9
    assert np.mean([best(fitted, [i], kind=4) == (i - 1) % 40 for i in range(40)]) > 0.9


def test_items_have_unit_vectors_and_those_never_seen_are_unknown(fitted):
    assert fitted.unit_norm
    np.testing.assert_allclose(np.linalg.norm(fitted.item_vectors[:40], axis=1), 1.0, atol=1e-5)
    assert fitted.known.tolist() == [True] * 40 + [False] * 5


@pytest.mark.parametrize("loss", ["sampled", "gbce"])
def test_a_sample_of_the_other_items_is_enough_to_learn_from(loss, walked):
    sampled = SASRec(**SMALL, loss=loss, negatives=16).fit(walked)
    assert next_items_found(sampled) > 0.9


def test_a_large_catalogue_is_sampled_and_a_small_one_is_not():
    assert SASRec().loss_for(1_000) == "softmax"
    assert SASRec().loss_for(1_000_000) == "sampled"
    assert SASRec(loss="gbce").loss_for(1_000) == "gbce"


def test_a_loss_that_does_not_exist_is_answered_by_those_that_do():
    with pytest.raises(ValueError, match="loss must be one of auto, softmax, sampled, gbce"):
        SASRec(loss="bpr")


def test_the_same_seed_gives_the_same_vectors_bit_for_bit(walked, fitted):
    torch.rand(17)  # whatever the process did before
    again = SASRec(**SMALL).fit(walked, seed=1)
    np.testing.assert_array_equal(again.item_vectors, fitted.item_vectors)
    assert again.encoder.dumps() == fitted.encoder.dumps()
    other = SASRec(**SMALL).fit(walked, seed=2)
    assert not np.array_equal(other.item_vectors, fitted.item_vectors)


def test_a_fit_leaves_the_callers_random_numbers_alone(walked):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SASRec(dimensions=8, max_epochs=1).fit(walked)
    assert torch.equal(torch.rand(3), expected)


def test_it_stops_when_validation_no_longer_improves():
    by_chance = list(np.random.default_rng(0).integers(0, 60, size=(150, 12)))
    epochs = []
    learned = SASRec(dimensions=16, max_epochs=40, patience=2).fit(
        log_of(by_chance), progress=lambda phase, fraction: epochs.append(fraction * 40)
    )
    assert max(epochs) < 25
    assert learned.info["epochs"] <= max(epochs) - 2 + 1


def test_a_resumed_fit_takes_a_part_of_the_epochs_and_keeps_what_was_learned(walked, fitted):
    steps = []
    resumed = SASRec(**SMALL).fit(walked, resume=fitted, progress=lambda *step: steps.append(step))
    assert resumed.info["epochs"] == -(-fitted.info["epochs"] // 5)
    assert resumed.info["validation_ndcg"] is None
    assert next_items_found(resumed) > next_items_found(fitted) - 0.1
    cosines = (resumed.item_vectors[:40] * fitted.item_vectors[:40]).sum(axis=1)
    assert cosines.min() > 0.95


def test_a_resumed_fit_learns_items_that_are_new(fitted):
    longer = log_of([*walks(shoppers=300, length=8), *[[40, 41, 42, 43, 44] * 4] * 60], n_items=45)
    resumed = SASRec(**SMALL).fit(longer, resume=fitted)
    assert resumed.known.all()
    assert next_items_found(resumed) > 0.8


def test_a_fit_with_other_options_starts_afresh(walked, fitted):
    fresh = SASRec(dimensions=8, max_epochs=2).fit(walked, resume=fitted)
    assert fresh.item_vectors.shape == (45, 8)
    assert fresh.info["validation_ndcg"] is not None


def test_progress_rises_and_an_error_in_it_stops_the_fit(walked):
    fractions = []
    SASRec(dimensions=8, max_epochs=2).fit(
        walked, progress=lambda phase, fraction: fractions.append(fraction)
    )
    assert len(fractions) > 3
    assert all(0.0 <= fraction <= 1.0 for fraction in fractions)

    def stop(phase, fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        SASRec(**SMALL).fit(walked, progress=stop)


def test_too_little_data_is_refused_with_figures():
    with pytest.raises(NotEnoughData, match=r"have 3 interactions that have a later .* need 100"):
        SASRec().fit(log_of([[1, 2, 3], [4, 5], [6]]))


def test_kinds_that_count_for_nothing_are_no_error():
    nothing = np.zeros(8, dtype=np.float32)
    fitted = SASRec(dimensions=8, max_epochs=1).fit(log_of(walks(length=8), kind_weights=nothing))
    assert np.isfinite(fitted.item_vectors).all()


def test_the_log_is_not_changed(walked):
    before = {name: getattr(walked, name).copy() for name in ("users", "items", "kinds", "times", "weights")}
    SASRec(dimensions=8, max_epochs=1).fit(walked)
    for name, column in before.items():
        np.testing.assert_array_equal(getattr(walked, name), column)


def test_the_history_length_and_the_dropout_follow_the_data():
    short, long = log_of(walks(length=20)), log_of(walks(length=80))
    assert SASRec().length_for(short) == 50
    assert SASRec().length_for(long) == 200
    assert SASRec(history_length=7).length_for(long) == 7
    sparse = log_of(walks(n_items=400))
    assert SASRec().dropout_for(sparse) > SASRec().dropout_for(long) >= 0.2
    assert SASRec(dropout=0.0).dropout_for(sparse) == 0.0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dimensions", 0),
        ("blocks", 0),
        ("heads", 1.5),
        ("heads", 3),
        ("history_length", -1),
        ("dropout", 1.0),
        ("max_epochs", True),
        ("max_minutes", 0),
        ("learning_rate", "fast"),
        ("scale", 50),
    ],
)
def test_a_wrong_option_is_named(option, value):
    with pytest.raises(ValueError, match=f"{option} must"):
        SASRec(**{option: value})
