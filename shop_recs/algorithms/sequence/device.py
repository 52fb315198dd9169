"""Where a sequence model is trained, and in which precision its large products are computed."""

from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")


def device_for(option: str) -> torch.device:
    """The device that an option names; `auto` is a GPU where there is one."""
    if option == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(option)


def precision_for(option: str, device: torch.device) -> torch.dtype:
    """The type that an option names; `auto` is bfloat16 where the hardware multiplies in it.

    Without such instructions it is emulated, and slower than float32.
    """
    if option == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if option == "bfloat16" else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))
