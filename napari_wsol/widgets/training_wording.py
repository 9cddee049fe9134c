"""What is said to the pathologist about a training."""

from __future__ import annotations

import math

from napari_wsol.training.reports import TrainingProgress
from napari_wsol.widgets.wording import describe_duration

__all__ = [
    'advised_speed',
    'describe_stage',
    'describe_training',
    'share_done',
]

ENOUGH_FOR_FULL = 50
"""Labels from which a full training is worth its time."""

WAIT = 15 * 60.0
"""Seconds that one waits for a training without being asked first."""

_STAGES = {
    'data': 'Looking at the images',
    'features': 'Computing features',
    'contrast': "Finding the tissue's main contrast",
    'localizer': 'Learning where',
    'classifier': 'Learning the classes',
    'decoder': 'Learning the outlines',
    'segmenter': 'Learning the outlines',
}


def describe_stage(name: str) -> str:
    """What a stage of a training does: ``'student-2'`` -> words."""
    kind, _, number = name.partition('-')
    if kind == 'student':
        return f'Learning from its own maps, round {number}'
    return _STAGES.get(name, name.replace('-', ' ').capitalize())


def describe_training(progress: TrainingProgress) -> str:
    """Where a training is, how fast, and how long it takes yet."""
    stage = describe_stage(progress.stage)
    if progress.stages > 1:
        stage = f'Part {progress.stage_number} of {progress.stages}: {stage}'
    parts = [f'epoch {progress.epoch} of {progress.epochs}']
    if progress.images_per_second > 0:
        parts.append(f'{progress.images_per_second:.3g} images/s')
    if math.isfinite(progress.seconds_left):
        parts.append(f'{describe_duration(progress.seconds_left)} left')
    return f'{stage}\n{" · ".join(parts)}'


def share_done(progress: TrainingProgress) -> float:
    """How much of a training is done, 0-1, as if all parts were as long."""
    epoch = progress.epoch - 1 + progress.step / max(1, progress.steps)
    part = min(1.0, epoch / max(1, progress.epochs))
    return (progress.stage_number - 1 + part) / max(1, progress.stages)


def advised_speed(n_labels: int, full_seconds: float) -> tuple[str, str]:
    """Which speed suits, and why in a few words.

    Parameters
    ----------
    n_labels
        Labelled items.
    full_seconds
        What a full training is thought to take on this computer.
    """
    if n_labels == 0:
        return 'quick', ''
    if n_labels < ENOUGH_FOR_FULL:
        return 'quick', (
            f'Quick suits {n_labels} labels: see where it goes, label on '
            'where it is wrong.'
        )
    if full_seconds > WAIT:
        return 'quick', (
            'Quick suits this computer: a full training takes about '
            f'{describe_duration(full_seconds)} here. Take it when the '
            'labels are done.'
        )
    return 'full', (
        f'Full suits {n_labels} labels: it takes about '
        f'{describe_duration(full_seconds)} here.'
    )
