"""Where a stage stands: its figures per epoch, and its files."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import torch

from napari_wsol.training.loss_plot import write_loss_plot

Figures = dict[str, float]

LAST, BEST = 'last.pt', 'best.pt'
"""Files of a stage: its newest state, and the best weights so far."""

VALIDATION = 'validation_error'
"""The figure that decides which epoch is best."""


def best_epoch(history: list[Figures]) -> int | None:
    """The epoch of the lowest validation error, ties going to the later.

    None where no epoch has been validated yet.
    """
    errors = _errors(history)
    return max(
        (e for e in errors if errors[e] == min(errors.values())), default=None
    )


def _errors(history: list[Figures]) -> dict[int, float]:
    """The validation error of those epochs that have one."""
    return {
        epoch: row[VALIDATION]
        for epoch, row in enumerate(history)
        if VALIDATION in row
    }


def is_over(history: list[Figures], epochs: int, patience: int | None) -> bool:
    """Whether all epochs are done, or nothing got better for too long."""
    if len(history) >= epochs:
        return True
    errors = _errors(history)
    if patience is None or not errors:
        return False
    first_best = min(e for e in errors if errors[e] == min(errors.values()))
    return len(history) - 1 - first_best >= patience


def save_progress(state: dict[str, Any], folder: Path) -> None:
    """Keep an epoch's state, then what follows from it.

    ``last.pt`` is the one truth, replaced in one move; ``best.pt``, the CSV
    and the plot are made from it, again when a killed training resumes.
    """
    _save(state, folder / LAST)
    write_what_follows(state, folder)


def write_what_follows(state: dict[str, Any], folder: Path) -> None:
    """The best weights so far, the figures and their plot."""
    history: list[Figures] = state['history']
    if best_epoch(history) == len(history) - 1:
        _save({'network': handed_on(state)}, folder / BEST)
    write_history(folder / 'metrics.csv', history)
    write_loss_plot(folder / 'metrics.svg', history)


def load_progress(path: Path) -> dict[str, Any]:
    """A file of a stage, on the CPU; it can hold no code."""
    loaded: dict[str, Any] = torch.load(
        path, map_location='cpu', weights_only=True
    )
    return loaded


def chosen_weights(folder: Path, checkpoint: str) -> Path:
    """The file of a stage whose weights are handed on.

    The best so far; the last where ``checkpoint`` says so, or where none has
    been validated yet.
    """
    best = folder / BEST
    return best if checkpoint == 'best' and best.exists() else folder / LAST


def handed_on(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights that count: the averaged ones where there are any."""
    averaged = state.get('average')
    weights: dict[str, torch.Tensor] = (
        averaged['average'] if averaged else state['network']
    )
    return weights


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


def _save(state: dict[str, Any], path: Path) -> None:
    temporary = path.with_suffix('.tmp')
    with temporary.open('wb') as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
