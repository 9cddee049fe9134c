"""One training in several processes, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import distributed

from napari_wsol.errors import BadInputError
from napari_wsol.models.precision import computes_in_bfloat16
from napari_wsol.training.config import TrainingConfig

PATIENCE = timedelta(hours=4)
"""How long processes wait for the first, which validates and writes."""

Made = TypeVar('Made')


def make_fabric(config: TrainingConfig) -> Fabric:
    """Device, precision and, under ``torchrun``, this process's place.

    Raises
    ------
    BadInputError
        Where another number of processes was asked for than were started.
    """
    precision = config.precision
    if precision == 'auto':
        on_cuda = config.device in ('auto', 'cuda') and (
            torch.cuda.is_available()
        )
        other = 'mps' if config.device == 'mps' else 'cpu'
        device = torch.device('cuda' if on_cuda else other)
        native = computes_in_bfloat16(device)
        precision = 'bfloat16' if native else 'float32'
    numbers: Literal['bf16-mixed', '32-true'] = (
        'bf16-mixed' if precision == 'bfloat16' else '32-true'
    )
    started = int(os.environ['WORLD_SIZE']) if _under_torchrun() else 1
    if config.devices not in ('auto', started):
        raise BadInputError(
            f'The run is to use {config.devices} processes, but {started} '
            f'started. Start it with "torchrun --nproc-per-node '
            f'{config.devices} --no-python napari-wsol train ...", or leave '
            'the setting "devices" at auto.'
        )
    if started == 1:
        return Fabric(accelerator=config.device, devices=1, precision=numbers)
    local = int(os.environ['LOCAL_WORLD_SIZE'])
    fabric = Fabric(
        accelerator=config.device,
        devices=local,
        num_nodes=started // local,
        strategy=DDPStrategy(find_unused_parameters=True, timeout=PATIENCE),
        precision=numbers,
    )
    fabric.launch()
    return fabric


def is_first() -> bool:
    """Whether this process is the one that speaks and writes."""
    return not _under_torchrun() or os.environ['RANK'] == '0'


def from_first(make: Callable[[], Made]) -> Made:
    """What the first process makes, given to all; the others wait for it."""
    if not distributed.is_initialized():
        return make()
    box: list[Any] = [make() if distributed.get_rank() == 0 else None]
    distributed.broadcast_object_list(box)
    return cast('Made', box[0])


def mean_over_processes(figures: dict[str, float]) -> dict[str, float]:
    """Figures that each process has of its own images, averaged."""
    if not distributed.is_initialized():
        return figures
    everyones: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyones, figures)
    names = dict.fromkeys(name for mine in everyones for name in mine)
    return {
        name: sum(mine.get(name, 0.0) for mine in everyones) / len(everyones)
        for name in names
    }


def _under_torchrun() -> bool:
    return (
        distributed.is_available() and distributed.is_torchelastic_launched()
    )
