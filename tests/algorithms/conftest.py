"""Fits of toys, which several threads make slower and a busy machine much slower."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    # They import what they test, which needs the [train] extra.
    collect_ignore_glob = ["test_sequence_*.py", "test_sasrec.py", "test_onnx_encoder.py"]


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Torch works on one thread, where it is installed."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
