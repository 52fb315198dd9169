"""The serving half of a sequence model says what torch said, and needs no torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from shop_recs.algorithms.bert4rec import BERT4Rec
from shop_recs.algorithms.caser import Caser
from shop_recs.algorithms.encoders import History, load
from shop_recs.algorithms.encoders.onnx import OnnxEncoder
from shop_recs.algorithms.gru4rec import GRU4Rec
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence.batches import batch_of, sequences_of
from shop_recs.algorithms.sequence.export import Query, encoder_of
from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.xlnet4rec import XLNet4Rec
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training

D, LENGTH, ITEMS = 16, 20, 60
MEMBERS = [
    SASRec(dimensions=D, blocks=2),
    BERT4Rec(dimensions=D, blocks=2),
    XLNet4Rec(dimensions=D, blocks=2),
    GRU4Rec(dimensions=D, layers=2),
    Caser(dimensions=D),
]


@pytest.fixture(scope="module", params=MEMBERS, ids=lambda member: type(member).__name__)
def model(request):
    torch.manual_seed(3)
    objective = request.param.objective(length=LENGTH, dropout=0.2)
    return SequenceModel(objective, n_items=ITEMS, dimensions=D, dropout=0.2)


@pytest.fixture(scope="module")
def encoder(model):
    return encoder_of(model, history_length=LENGTH)


@torch.no_grad()
def history_of(model, length, *, seed=0):
    rng = np.random.default_rng(seed)
    items = torch.from_numpy(rng.integers(0, ITEMS, size=length))
    return History(
        vectors=model.vectors(items).numpy(),
        kinds=rng.integers(1, 5, size=length).astype(np.int8),
        ages=np.sort(rng.gamma(1.0, 20.0, size=length))[::-1].astype(np.float32),
    )


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 2, 3, LENGTH])
def test_onnx_torch_and_stored_vectors_give_the_same_scores(model, encoder, length):
    history = history_of(model, length)
    columns = (torch.from_numpy(column.copy()) for column in (history.vectors, history.kinds, history.ages))
    vectors, kinds, ages = columns
    expected = model.table() @ Query(model).eval()(vectors, kinds.long(), ages)
    stored = model.table().numpy()
    np.testing.assert_allclose(stored @ encoder(history), expected.numpy(), atol=1e-4)


@torch.no_grad()
def test_the_exported_query_is_what_early_stopping_asks(model, encoder):
    log = sequences_of(log_of([range(7), range(ITEMS)], times=[np.arange(7.0) ** 3 * 1e4, np.arange(60.0)]))
    batch = batch_of(log, log.starts, np.array([7, 9]))
    history = History(
        vectors=model.vectors(batch.items[0, :7]).numpy(),
        kinds=np.full(7, 4, dtype=np.int8),
        ages=log.gaps[:7].sum() - log.gaps[:7].cumsum(dtype=np.float32),
    )
    np.testing.assert_allclose(encoder(history), model.eval().after(batch)[0].numpy(), atol=1e-5)


def test_only_the_last_events_are_looked_at(model, encoder):
    history = history_of(model, 3 * LENGTH)
    last = History(
        history.vectors[-LENGTH:].copy(), history.kinds[-LENGTH:].copy(), history.ages[-LENGTH:].copy()
    )
    np.testing.assert_array_equal(encoder(history), encoder(last))


def test_an_empty_history_says_nothing(encoder):
    nothing = History(np.zeros((0, D), np.float32), np.zeros(0, np.int8), np.zeros(0, np.float32))
    assert encoder(nothing) is None


def test_the_query_is_float32_of_unit_length(model, encoder):
    query = encoder(history_of(model, 4))
    assert query.shape == (D,)
    assert query.dtype == np.float32
    assert np.linalg.norm(query) == pytest.approx(1.0, abs=1e-5)


def test_a_stored_encoder_is_the_same_encoder(model, encoder):
    loaded = load("onnx", encoder.dumps())
    assert isinstance(loaded, OnnxEncoder)
    assert loaded.history_length == LENGTH
    history = history_of(model, 5)
    np.testing.assert_array_equal(loaded(history), encoder(history))


def test_the_graph_does_not_hold_the_catalogue(model):
    larger = SequenceModel(model.objective, n_items=50 * ITEMS, dimensions=D, dropout=0.2)
    sizes = [len(encoder_of(m, history_length=LENGTH).dumps()) for m in (model, larger)]
    assert abs(sizes[0] - sizes[1]) < 100


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"{}\n", b'{"history_length": 5}\n', b"[1]\nabc"])
def test_what_is_no_encoder_is_refused(content):
    with pytest.raises(ValueError, match="not an ONNX encoder"):
        OnnxEncoder.loads(content)


def test_a_damaged_graph_is_refused(encoder):
    content = bytearray(encoder.dumps())
    content[-100] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        OnnxEncoder.loads(bytes(content))


def test_loading_imports_neither_torch_nor_onnxruntime_and_asking_only_the_latter(model, encoder, tmp_path):
    stored, history = tmp_path / "encoder", history_of(model, 3)
    stored.write_bytes(encoder.dumps())
    np.savez(tmp_path / "history.npz", vectors=history.vectors, kinds=history.kinds, ages=history.ages)
    script = """
import sys, numpy as np
from shop_recs.algorithms.encoders import History, load
encoder = load("onnx", open(sys.argv[1], "rb").read())
assert "onnxruntime" not in sys.modules
columns = np.load(sys.argv[2])
assert encoder(History(columns["vectors"], columns["kinds"], columns["ages"])) is not None
assert "onnxruntime" in sys.modules and "torch" not in sys.modules
"""
    command = [sys.executable, "-c", script, str(stored), str(tmp_path / "history.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
