"""Number formats: which to compute in, and what must stay in float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 natively, not by emulation."""
    if device.type == 'cuda':
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == 'cpu' and _cpu_has_bfloat16()


def keep_depthwise_float32(network: nn.Module) -> None:
    """Let depth-wise convolutions ignore autocast.

    Their bfloat16 backward pass on a CPU is slower than float32's by so much
    that the whole network would train slower than without autocast.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.__dict__['forward'] = _without_autocast(module.forward)


def _without_autocast(
    forward: Callable[[Tensor], Tensor],
) -> Callable[[Tensor], Tensor]:
    def in_float32(images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            return forward(images.float())

    return in_float32


def _cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively."""
    # torch has no public question for this in all versions we support.
    return any(
        getattr(torch.cpu, name, lambda: False)()
        for name in ('_is_amx_tile_supported', '_is_avx512_bf16_supported')
    )
