"""The plain loop: epochs of steps, figures, checkpoints, resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
from torch import nn

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.methods.method import Batch, Method
from napari_wsol.models.localizer import Localizer
from napari_wsol.models.precision import keep_depthwise_float32
from napari_wsol.training.averaging import WeightAverage
from napari_wsol.training.batches import Sampler
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.feature_cache import FeatureCache
from napari_wsol.training.objective import Objective
from napari_wsol.training.optimizers import make_optimizer, rate_factor
from napari_wsol.training.processes import (
    from_first,
    is_first,
    make_fabric,
    mean_over_processes,
)
from napari_wsol.training.progress import (
    LAST,
    Figures,
    chosen_weights,
    handed_on,
    is_over,
    load_progress,
    save_progress,
    write_what_follows,
)

Validate = Callable[[Localizer], Figures]

ONE_CLASS_SHARE = 0.25
"""Share of batches with one class only from which a word is said."""

RANK_SEED = 7919
"""Apart the random numbers of processes that train together."""


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


@dataclass(frozen=True)
class Remark:
    """A word about how a stage goes, for the person who trains."""

    stage: str
    message: str


def fit(
    network: Localizer,
    method: Method,
    sampler: Sampler,
    validate: Validate,
    config: TrainingConfig,
    folder: Path,
    *,
    epochs: int,
    stage: str,
    resume: bool,
    frozen: Sequence[str] = (),
    features: Path | None = None,
) -> Iterator[StepDone | EpochDone | Remark]:
    """Train; afterwards the network holds the weights that are handed on.

    Those are the best epoch's (lowest ``validation_error``, ties going to the
    later) or, with ``config.checkpoint='last'``, the last's. Killing the
    process at any moment loses at most the current epoch, and ``resume``
    goes on to the same end, at once where the stage was complete.

    Parameters
    ----------
    validate
        Figures of a network, ``validation_error`` among them.
    folder
        Gets ``last.pt``, ``best.pt``, ``metrics.csv`` and ``metrics.svg``.
    frozen
        Sub-modules of the network (``'encoder'``, ``'classifier'``) that do
        not learn: neither weights nor statistics move.
    features
        Folder for the features of a frozen encoder where
        ``config.cached_versions`` asks to keep them; None: in ``folder``.

    Raises
    ------
    WsolError
        Where the loss or its gradient is no longer a number.
    """
    if config.freeze_encoder is True and 'encoder' not in frozen:
        frozen = (*frozen, 'encoder')
    fabric = make_fabric(config)
    sampler = replace(
        sampler,
        rank=fabric.global_rank,
        ranks=fabric.world_size,
        versions=config.cached_versions if 'encoder' in frozen else 0,
    )
    _check_shares(sampler)
    folder.mkdir(parents=True, exist_ok=True)
    training = _Stage(
        fabric, network, method, sampler, config, epochs, stage, frozen
    )
    batches: Sampler | FeatureCache = sampler
    if sampler.versions:
        batches = FeatureCache(
            sampler, network, features or folder / 'features', fabric
        )
    last = folder / LAST
    if resume and from_first(last.exists):
        state = load_progress(last)
        training.load(state)
        if is_first():
            write_what_follows(state, folder)
    elif (words := _one_class_batches(sampler)) is not None:
        yield Remark(stage, words)
    while not is_over(training.history, epochs, config.patience):
        began = time.perf_counter()
        epoch = len(training.history)
        figures = yield from training.epoch(batches)
        if (epoch + 1) % config.validate_every == 0 or epoch + 1 == epochs:
            with training.weights_that_count():
                figures |= from_first(lambda: validate(network))
        training.history.append(figures)
        if is_first():
            save_progress(training.state(), folder)
        seconds = time.perf_counter() - began
        yield EpochDone(
            stage,
            epoch,
            epochs,
            figures,
            seconds,
            seconds * (epochs - epoch - 1),
        )
    if len(training.history) < epochs:
        yield Remark(
            stage,
            f'stopped after {len(training.history)} of {epochs} epochs: the '
            f'validation error has not fallen in the last {config.patience}',
        )
    # The others read what the first has written.
    chosen = from_first(lambda: chosen_weights(folder, config.checkpoint))
    network.load_state_dict(handed_on(load_progress(chosen)))
    network.eval()
    training.objective.freeze(())


class _Stage:
    """All that changes while a network trains."""

    def __init__(
        self,
        fabric: Fabric,
        network: Localizer,
        method: Method,
        sampler: Sampler,
        config: TrainingConfig,
        epochs: int,
        name: str,
        frozen: Sequence[str],
    ) -> None:
        self.fabric, self.network, self.method = fabric, network, method
        self.config, self.epochs, self.name = config, epochs, name
        self.frozen, self.rank = frozen, fabric.global_rank
        self.steps = sampler.steps
        self.history: list[Figures] = []
        keep_depthwise_float32(network)
        self.objective = Objective(network, method)
        self.objective.freeze(frozen)
        optimizer = make_optimizer(network, config)
        updates = math.ceil(self.steps / config.accumulate)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: rate_factor(step, epochs * updates, updates, config),
        )
        wrapped, self.optimizer = fabric.setup(self.objective, optimizer)
        self.wrapped: _FabricModule = wrapped
        self.average = (
            WeightAverage(network, config.ema) if config.ema else None
        )

    def epoch(
        self, batches: Sampler | FeatureCache
    ) -> Generator[StepDone, None, Figures]:
        """One epoch of steps; gives back the mean of each loss term."""
        began = time.perf_counter()
        epoch, held = len(self.history), int(self.config.freeze_encoder)
        self.method.begin_epoch(self.network, epoch)
        self.objective.freeze(
            (*self.frozen, 'encoder') if epoch < held else self.frozen
        )
        torch.manual_seed(
            self.config.seed * 100_003 + epoch + RANK_SEED * self.rank
        )
        self.objective.train()
        self.optimizer.zero_grad(set_to_none=True)
        sums: Figures = {}
        for step, batch in enumerate(batches.epoch(epoch)):
            for name, value in self._learn(batch, step).items():
                sums[name] = sums.get(name, 0.0) + value
            seen = (step + 1) * len(batch.images) * self.fabric.world_size
            yield StepDone(
                self.name,
                epoch,
                self.epochs,
                step + 1,
                self.steps,
                seen / (time.perf_counter() - began),
            )
        self.objective.eval()
        return mean_over_processes(
            {name: value / self.steps for name, value in sums.items()}
        )

    def _learn(self, batch: Batch, step: int) -> Figures:
        """One batch's gradients, and the update that they complete."""
        each = self.config.accumulate
        first = step // each * each
        together = min(each, self.steps - first)
        completes = step + 1 == first + together
        with self.fabric.no_backward_sync(self.wrapped, enabled=not completes):
            terms = self.wrapped(
                *self.fabric.to_device(
                    (
                        batch.images,
                        batch.labels,
                        batch.pixels,
                        batch.in_field,
                        batch.seeds,
                        batch.features,
                    )
                ),
                batch.margin,
            )
            loss = torch.stack(list(terms.values()))
            values = dict(zip(terms, loss.detach().tolist(), strict=True))
            self._check(values)
            self.fabric.backward(loss.sum() / together)
        if completes:
            self._update()
        return values

    def _update(self) -> None:
        norm = nn.utils.clip_grad_norm_(
            self.objective.parameters(), self.config.gradient_norm
        )
        self._check({"gradient's size": float(norm)})
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.network)

    def _check(self, values: Figures) -> None:
        guilty = [k for k, v in values.items() if not math.isfinite(v)]
        if guilty:
            raise WsolError(
                f'Training stopped in epoch {len(self.history) + 1} of '
                f'"{self.name}": {" and ".join(guilty)} of the loss is no '
                'longer a number. Lower the learning rates, or train in '
                'float32 (precision), in a new folder.'
            )

    def weights_that_count(self) -> AbstractContextManager[None]:
        """The network with its averaged weights, where there are any."""
        if self.average is None:
            return nullcontext()
        return self.average.lent_to(self.network)

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs to end the same."""
        return {
            'network': self.network.state_dict(),
            'average': self.average and self.average.state_dict(),
            'optimizer': self.optimizer.state_dict(),
            'schedule': self.schedule.state_dict(),
            'history': self.history,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.network.load_state_dict(state['network'])
        if self.average is not None:
            self.average.load_state_dict(state['average'])
        self.optimizer.load_state_dict(state['optimizer'])
        self.schedule.load_state_dict(state['schedule'])
        self.history = state['history']


def _check_shares(sampler: Sampler) -> None:
    """Every process needs its share of every batch."""
    smallest = min(sampler.batch, len(sampler.draw(0)[0].views))
    if smallest % sampler.ranks:
        raise BadInputError(
            f'A batch of {smallest} images cannot be shared evenly by '
            f'{sampler.ranks} processes: choose a batch that is a multiple '
            'of their number.'
        )


def _one_class_batches(sampler: Sampler) -> str | None:
    """A warning where many batches show one class only."""
    count = sampler.one_class_batches()
    if count <= ONE_CLASS_SHARE * sampler.steps:
        return None
    return (
        f'{count} of {sampler.steps} batches hold images of one class only, '
        'from which the classifier learns to say always the same: choose a '
        f'batch of more than {sampler.batch} images, or a balance near 1'
    )
