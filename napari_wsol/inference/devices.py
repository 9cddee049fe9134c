"""Where a model runs, and in which precision."""

from __future__ import annotations

import os

import torch

from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import DeviceChoice, PrecisionChoice
from napari_wsol.models.precision import computes_in_bfloat16

DEVICE_VARIABLE = 'NAPARI_WSOL_DEVICE'
"""Environment variable that overrides the choice ``'auto'``."""

_PRECISIONS = {
    'float32': torch.float32,
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
}


def available_devices() -> tuple[tuple[str, str], ...]:
    """``(key, plain words)`` of each device of this machine, best first."""
    found = []
    if torch.cuda.is_available():
        found.append(('cuda', torch.cuda.get_device_name()))
    if torch.backends.mps.is_available():
        found.append(('mps', 'Apple GPU'))
    found.append(('cpu', f'CPU, {os.cpu_count() or 1} cores'))
    return tuple(found)


def resolve_device(choice: DeviceChoice = 'auto') -> torch.device:
    """The device to run on.

    ``'auto'`` takes what the environment variable ``NAPARI_WSOL_DEVICE``
    names, otherwise the best there is: CUDA, then Apple's MPS, then the CPU.

    Raises
    ------
    BadInputError
        Where this machine does not have the device.
    """
    keys = [key for key, _ in available_devices()]
    wanted = str(choice)
    if wanted == 'auto':
        wanted = os.environ.get(DEVICE_VARIABLE) or keys[0]
    if wanted not in keys:
        raise BadInputError(
            f'The device "{wanted}" is not available on this machine. Choose '
            f'one of: auto, {", ".join(keys)}.'
        )
    return torch.device(wanted)


def resolve_precision(
    choice: PrecisionChoice, device: torch.device
) -> torch.dtype:
    """The number format of the network's layers.

    ``'auto'`` takes bfloat16 where the device computes in it natively (CUDA
    from Ampere on, CPUs with AMX or AVX512-BF16), float32 elsewhere.

    Raises
    ------
    BadInputError
        Where the device cannot compute in it.
    """
    if choice == 'auto':
        native = computes_in_bfloat16(device)
        return torch.bfloat16 if native else torch.float32
    if (device.type, choice) in {('cpu', 'float16'), ('mps', 'bfloat16')}:
        raise BadInputError(
            f'The precision "{choice}" is not available on the device '
            f'"{device.type}". Choose "auto" or "float32".'
        )
    return _PRECISIONS[choice]
