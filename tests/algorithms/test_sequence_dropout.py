"""The dropout drops as much as it says and keeps the mean."""

from __future__ import annotations

import pytest
import torch

from shop_recs.algorithms.sequence.dropout import Dropout

pytestmark = pytest.mark.training


@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_it_drops_the_asked_part_and_scales_up_the_rest(probability):
    torch.manual_seed(0)
    out = Dropout(probability)(torch.ones(1001, 333))
    assert (out == 0).double().mean().item() == pytest.approx(probability, abs=0.005)
    assert out.mean().item() == pytest.approx(1.0, abs=0.005)
    assert len(out.unique()) == 2


@pytest.mark.parametrize("probability", [0.999, 0.99999])
def test_something_is_always_left(probability):
    torch.manual_seed(0)
    out = Dropout(probability)(torch.ones(1001, 333))
    assert out.isfinite().all()
    assert (out == 0).double().mean().item() == pytest.approx(255 / 256, abs=0.001)


def test_each_call_drops_others_and_a_seed_repeats_them():
    dropout, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(0)
    first, second = dropout(x), dropout(x)
    torch.manual_seed(0)
    assert not torch.equal(first, second)
    assert torch.equal(first, dropout(x))


def test_the_gradient_passes_what_was_kept():
    x = torch.ones(50, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out)


def test_out_of_training_nothing_is_dropped():
    x = torch.ones(10)
    assert Dropout(0.5).eval()(x) is x
