"""Where and in which precision a sequence model is trained follows the hardware unless an option says."""

from __future__ import annotations

import pytest
import torch

from shop_recs.algorithms.sequence.device import device_for, precision_for

pytestmark = pytest.mark.training

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"avx2": True, "avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({}, torch.float32),
    ],
)
def test_bfloat16_is_used_where_the_processor_multiplies_in_it(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision_for("auto", CPU) == precision


def test_an_option_overrides_what_the_hardware_says(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert precision_for("float32", CPU) == torch.float32
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert precision_for("bfloat16", CPU) == torch.bfloat16


@pytest.mark.parametrize(("present", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_used_where_there_is_one(monkeypatch, present, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    assert device_for("auto") == torch.device(device)
    assert device_for("cpu") == CPU
