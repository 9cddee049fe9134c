"""How much memory there is, and what to put into it."""

from __future__ import annotations

import os

import psutil
import torch

BYTES_PER_PIXEL = 1024
"""What a network may hold per pixel of its input while it runs."""

LARGEST_BATCH = {'cpu': 2, 'mps': 8, 'cuda': 32}
"""Beyond these, batches cost memory and answer later without being faster."""

LARGEST_CPU_INPUT = 2**21
"""Pixels of one CPU batch; beyond, its memory is faulted in each time."""

MOST_CPU_READERS = 4
"""Threads that read while the network itself takes the cores."""

_OUT_OF_MEMORY = (
    'not enough memory',
    'DefaultCPUAllocator',
    'out of memory',
    'CUDNN_STATUS_ALLOC_FAILED',
)


def free_memory(device: torch.device) -> int:
    """Bytes that a run may still take on the device."""
    if device.type == 'cuda':
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return int(psutil.virtual_memory().available)


def plan_batch(
    device: torch.device, input_shape: tuple[int, int], tiles: int
) -> int:
    """Tiles per batch: what fits half of the free memory, evenly spread.

    Parameters
    ----------
    input_shape
        ``(H, W)`` in pixels that the network reads for one tile.
    tiles
        Number of tiles to run.
    """
    height, width = input_shape
    fitting = free_memory(device) // 2 // (height * width * BYTES_PER_PIXEL)
    if device.type == 'cpu':
        fitting = min(fitting, LARGEST_CPU_INPUT // (height * width))
    largest = max(1, min(fitting, LARGEST_BATCH.get(device.type, 1)))
    batches = max(1, -(-tiles // largest))
    return max(1, -(-tiles // batches))


def plan_readers(device: torch.device, cores: int | None = None) -> int:
    """Threads that read tiles ahead.

    Beside a GPU all cores but one, which feeds it; a few, where the network
    runs on the same cores.

    Parameters
    ----------
    cores
        To be used; None takes what there is.
    """
    count = cores or os.cpu_count() or 1
    if device.type == 'cpu':
        return min(MOST_CPU_READERS, count)
    return max(1, count - 1)


def plan_ahead(input_shape: tuple[int, int], batch: int, readers: int) -> int:
    """Tiles to have read ahead: two batches, or less where memory is short.

    At least what the next batch needs. They may take an eighth of the memory
    that is free now.
    """
    height, width = input_shape
    free = int(psutil.virtual_memory().available)
    fitting = free // 8 // (3 * height * width)
    return max(batch, min(2 * batch + readers, fitting))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, and nothing else."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in _OUT_OF_MEMORY
    )
