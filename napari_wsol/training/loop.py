"""The plain loop: epochs of steps, figures, checkpoints, resume."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from napari_wsol.errors import WsolError
from napari_wsol.methods.method import Batch, Method
from napari_wsol.models.localizer import Localizer
from napari_wsol.models.precision import (
    cpu_has_bfloat16,
    keep_depthwise_float32,
)
from napari_wsol.training.batches import Sampler
from napari_wsol.training.config import TrainingConfig

Figures = dict[str, float]


@dataclass(frozen=True)
class EpochDone:
    """One epoch's figures: mean loss terms and validation figures."""

    stage: str
    epoch: int
    epochs: int
    figures: Figures
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class StepDone:
    """One step's progress within an epoch."""

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float


class Objective(nn.Module):
    """A network and its method as one module: batch in, loss terms out."""

    def __init__(
        self, network: Localizer, method: Method, frozen: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.network = network
        self.method = method
        self.frozen = frozen

    def forward(
        self,
        images: Tensor,
        labels: Tensor,
        pixels: Tensor,
        seeds: Tensor | None,
        margin: int,
    ) -> dict[str, Tensor]:
        """The weighted terms of the loss."""
        batch = Batch(images, labels, pixels, seeds=seeds, margin=margin)
        return self.method.terms(self.network, batch)

    def train(self, mode: bool = True) -> Objective:
        """Train, what is frozen and the encoder's BatchNorm staying still."""
        super().train(mode)
        for module in self.network.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        for name in self.frozen:
            self.network.get_submodule(name).eval()
        return self


def make_fabric(config: TrainingConfig) -> Fabric:
    """Device and precision for a run."""
    precision = config.precision
    if precision == 'auto':
        on_cuda = config.device in ('auto', 'cuda') and (
            torch.cuda.is_available()
        )
        fast = (
            torch.cuda.is_bf16_supported()
            if on_cuda
            else (config.device != 'mps' and cpu_has_bfloat16())
        )
        precision = 'bfloat16' if fast else 'float32'
    return Fabric(
        accelerator=config.device,
        devices=1,
        precision='bf16-mixed' if precision == 'bfloat16' else '32-true',
    )


def fit(
    network: Localizer,
    method: Method,
    sampler: Sampler,
    validate: Callable[[Localizer], Figures],
    config: TrainingConfig,
    folder: Path,
    *,
    epochs: int,
    stage: str,
    resume: bool,
    frozen: Sequence[str] = (),
) -> Iterator[StepDone | EpochDone]:
    """Train; afterwards the network holds the best epoch's weights.

    The best epoch has the lowest ``validation_error``, ties going to the
    later. ``folder`` gets ``metrics.csv``, ``last.pt`` and ``best.pt``;
    killing the process loses at most the current epoch, and ``resume`` goes
    on to the same end. What ``frozen`` names of the network (``'encoder'``,
    ``'classifier'``) does not learn: neither weights nor statistics move.
    """
    still = [
        parameter
        for name in frozen
        for parameter in network.get_submodule(name).parameters()
        if parameter.requires_grad
    ]
    for parameter in still:
        parameter.requires_grad_(False)
    folder.mkdir(parents=True, exist_ok=True)
    fabric = make_fabric(config)
    keep_depthwise_float32(network)
    total = epochs * sampler.steps
    optimizer = _optimizer(network, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _cosine(step, total, config.warmup_steps)
    )
    objective, optimizer = fabric.setup(
        Objective(network, method, frozen), optimizer
    )
    last, best = folder / 'last.pt', folder / 'best.pt'
    start, history = 0, list[Figures]()
    if resume and last.exists():
        state = torch.load(last, map_location='cpu', weights_only=True)
        network.load_state_dict(state['network'])
        optimizer.load_state_dict(state['optimizer'])
        schedule.load_state_dict(state['schedule'])
        start, history = state['epoch'] + 1, state['history']
    for epoch in range(start, epochs):
        began = time.perf_counter()
        method.begin_epoch(network, epoch)
        torch.manual_seed(config.seed * 100_003 + epoch)
        objective.train()
        sums: Figures = {}
        for step, batch in enumerate(sampler.epoch(epoch)):
            images, labels, pixels, seeds = fabric.to_device(
                (batch.images, batch.labels, batch.pixels, batch.seeds)
            )
            terms = objective(images, labels, pixels, seeds, batch.margin)
            loss = torch.stack(list(terms.values())).sum()
            if not torch.isfinite(loss):
                raise WsolError(_not_finite(terms, stage, epoch))
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(loss)
            nn.utils.clip_grad_norm_(
                objective.parameters(), config.gradient_norm
            )
            optimizer.step()
            schedule.step()
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            seen = (step + 1) * len(images)
            yield StepDone(
                stage,
                epoch,
                epochs,
                step + 1,
                sampler.steps,
                seen / (time.perf_counter() - began),
            )
        objective.eval()
        figures = {k: v / sampler.steps for k, v in sums.items()}
        figures |= validate(network)
        history.append(figures)
        if _is_best(history):
            _save({'network': network.state_dict()}, best)
        _save(
            {
                'network': network.state_dict(),
                'optimizer': optimizer.state_dict(),
                'schedule': schedule.state_dict(),
                'epoch': epoch,
                'history': history,
            },
            last,
        )
        write_history(folder / 'metrics.csv', history)
        seconds = time.perf_counter() - began
        yield EpochDone(
            stage,
            epoch,
            epochs,
            figures,
            seconds,
            seconds * (epochs - epoch - 1),
        )
    state = torch.load(best, map_location='cpu', weights_only=True)
    network.load_state_dict(state['network'])
    network.eval()
    for parameter in still:
        parameter.requires_grad_(True)


def write_history(path: Path, history: list[Figures]) -> None:
    """One line per epoch, one column per figure."""
    names = list(dict.fromkeys(name for row in history for name in row))
    temporary = path.with_suffix('.tmp')
    with temporary.open('w', newline='') as file:
        writer = csv.DictWriter(file, ['epoch', *names])
        writer.writeheader()
        for epoch, row in enumerate(history):
            writer.writerow({'epoch': epoch, **row})
    temporary.replace(path)


def _optimizer(
    network: Localizer, config: TrainingConfig
) -> torch.optim.Optimizer:
    inside = {id(p) for p in network.encoder.parameters()}
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    heads = [
        p
        for p in network.parameters()
        if p.requires_grad and id(p) not in inside
    ]
    groups = [
        {'params': encoder, 'lr': config.learning_rate_encoder},
        {'params': heads, 'lr': config.learning_rate_heads},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group['params']],
        weight_decay=config.weight_decay,
    )


def _cosine(step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    share = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _is_best(history: list[Figures]) -> bool:
    errors = [row['validation_error'] for row in history]
    return errors[-1] <= min(errors)


def _save(state: dict[str, Any], path: Path) -> None:
    temporary = path.with_suffix('.tmp')
    with temporary.open('wb') as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _not_finite(terms: dict[str, Tensor], stage: str, epoch: int) -> str:
    guilty = [k for k, v in terms.items() if not torch.isfinite(v)]
    return (
        f'Training stopped in epoch {epoch + 1} of "{stage}": the loss term '
        f'{", ".join(guilty) or "total"} is no longer a number. Lower the '
        'learning rates, or train in float32.'
    )
