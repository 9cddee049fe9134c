"""What stands in the way of a training, and what it will cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_wsol.errors import BadInputError
from napari_wsol.models.folder import read_folder
from napari_wsol.projects.items import Item
from napari_wsol.projects.project import Project
from napari_wsol.projects.recipe import config_of
from napari_wsol.slides.geometry import Box
from napari_wsol.training.recipes import Speed, stages_of

FEW_LABELS = 5
"""Labels of a class to learn from below which the user is told."""

OVERLAP = 0.5
"""Share of the smaller of two fields from which on they are one place."""

SHOWN = 3

FROZEN_SHARE = 0.15
"""Time of a crop whose features are kept, of that of one that is seen."""

BYTES_PER_PIXEL = 2048
"""Of a batch, held by a network that learns; a frozen encoder holds less."""

PROCESS_BYTES = 2**30
"""Of the libraries, the weights and the optimizer."""


@dataclass(frozen=True)
class Obstacle:
    """What keeps a training from starting, or from being good.

    Parameters
    ----------
    kind
        ``'stop'``: it cannot start; ``'note'``: it can.
    fix
        What to do, in a sentence.
    """

    text: str
    kind: Literal['stop', 'note']
    fix: str


@dataclass(frozen=True)
class Estimate:
    """What a training will take, roughly, also in words."""

    seconds: float
    memory_bytes: int
    words: str


def obstacles(project: Project, speed: Speed) -> tuple[Obstacle, ...]:
    """What the user should know before a training; stops come first."""
    found = [
        *_missing_files(project),
        *_parent(project),
        *_classes(project),
        *_held_out(project),
        *_contradictions(project.labelled()),
        *_few(project),
        *_too_few_for_full(project, speed),
    ]
    return tuple(sorted(found, key=lambda each: each.kind != 'stop'))


def estimate(
    project: Project,
    speed: Speed,
    *,
    seconds_per_image: float,
    overrides: Mapping[str, Any] | None = None,
) -> Estimate:
    """Time and memory that a training will take.

    Parameters
    ----------
    seconds_per_image
        Of one crop through a network that learns wholly, as measured or
        usual on the device.
    """
    config = config_of(project, speed, overrides)
    sides = Counter(project.split_of(item) for item in project.labelled())
    crops = config.draws or sides['train']
    stages = stages_of(config)
    frozen = [
        config.freeze_encoder is True or 'encoder' in stage.frozen
        for stage in stages
    ]
    seconds = sum(
        seconds_per_image
        * (
            stage.epochs * crops * (FROZEN_SHARE if is_frozen else 1)
            + sides['val'] * (1 + stage.epochs // config.validate_every) / 3
        )
        for stage, is_frozen in zip(stages, frozen, strict=True)
    )
    if config.cached_versions and any(frozen):
        seconds += seconds_per_image * crops * config.cached_versions / 3
    side = config.crop + 2 * max(stage.margin for stage in stages)
    memory = PROCESS_BYTES + config.batch * side**2 * BYTES_PER_PIXEL
    return Estimate(
        seconds,
        memory,
        f'About {_duration(seconds)} and {memory / 2**30:.1f} GB of memory '
        f'for {sides["train"]} labels; {sides["val"]} more are held out.',
    )


def _missing_files(project: Project) -> Iterator[Obstacle]:
    labelled = project.labelled()
    missing = dict.fromkeys(
        path
        for item in labelled
        for path in (item.image, item.mask)
        if path is not None and not path.exists()
    )
    if missing:
        yield Obstacle(
            f'{_files(list(missing))} not where the project looks for '
            f'{"it" if len(missing) == 1 else "them"}.',
            'stop',
            'Say in which folder the images are now, or remove the items.',
        )


def _parent(project: Project) -> Iterator[Obstacle]:
    if project.parent is None:
        return
    try:
        read_folder(project.parent)
    except BadInputError as error:
        yield Obstacle(
            f'The model to start from cannot be used. {error}',
            'stop',
            'Choose another model to start from.',
        )


def _classes(project: Project) -> Iterator[Obstacle]:
    counts = Counter(item.label for item in project.labelled())
    if not counts:
        yield Obstacle(
            'Nothing is labelled yet.',
            'stop',
            'Label a few images or fields of at least two classes.',
        )
    elif len(counts) == 1:
        (label,) = counts
        fix = 'Label some of another class'
        if label != project.settings.negative_class:
            fix += ', or some that hold nothing to be marked'
        yield Obstacle(
            f'All labels say "{label}": there is nothing to tell apart.',
            'stop',
            f'{fix}.',
        )


def _held_out(project: Project) -> Iterator[Obstacle]:
    sides: dict[str, Counter[str]] = {'train': Counter(), 'val': Counter()}
    for item in project.labelled():
        sides[project.split_of(item)][str(item.label)] += 1
    train, held = sides['train'], sides['val']
    labels = sorted(train | held)
    if len(labels) < 2:
        return
    unlearned = [label for label in labels if not train[label]]
    if unlearned:
        yield Obstacle(
            f'All items labelled {_quoted(unlearned)} are held out for '
            'testing, so it could not be learned.',
            'stop',
            'Label some in an image of another patient or slide.',
        )
    untested = [label for label in labels if not held[label]]
    if len(labels) - len(untested) < 2:
        yield Obstacle(
            f'No other patient or slide is labelled {_quoted(untested)}, so '
            'nothing can be held out to test the new model.',
            'stop',
            'Label some in an image of another patient or slide, or correct '
            'the groups in the table.',
        )
    elif untested:
        yield Obstacle(
            f'Nothing labelled {_quoted(untested)} is held out: the test '
            'will say nothing of it.',
            'note',
            'Label some in an image of another patient or slide.',
        )
    if held.total() > train.total():
        yield Obstacle(
            f'More labels are held out ({held.total()}) than are left to '
            f'learn from ({train.total()}).',
            'note',
            'Label more in images of other patients or slides.',
        )


def _contradictions(items: Sequence[Item]) -> Iterator[Obstacle]:
    """Fields of one place that say different things.

    A whole image and a field of it may differ: the image may hold a tumour
    where the field does not.
    """
    found: list[tuple[Item, Item]] = []
    by_image: dict[Path, list[Item]] = {}
    for item in items:
        if item.field is not None:
            by_image.setdefault(item.image, []).append(item)
    for fields in by_image.values():
        fields.sort(key=lambda item: item.field.y if item.field else 0)
        for number, item in enumerate(fields):
            for other in fields[number + 1 :]:
                assert item.field is not None
                assert other.field is not None
                if other.field.y >= item.field.bottom:
                    break
                if item.label != other.label and _same(
                    item.field, other.field
                ):
                    found.append((item, other))
    if found:
        places = '; '.join(
            f'"{one.label}" and "{other.label}" in {one.image.name}'
            for one, other in found[:SHOWN]
        )
        yield Obstacle(
            f'Fields that overlap say different things ({len(found)} times: '
            f'{places}{" ..." if len(found) > SHOWN else ""}).',
            'note',
            'Move or remove one of each two: the model cannot learn both.',
        )


def _same(one: Box, other: Box) -> bool:
    common = one.intersection(other)
    if common is None:
        return False
    smaller = min(one.height * one.width, other.height * other.width)
    return common.height * common.width >= OVERLAP * smaller


def _few(project: Project) -> Iterator[Obstacle]:
    counts = Counter(
        item.label
        for item in project.labelled()
        if project.split_of(item) == 'train'
    )
    few = [str(label) for label in counts if counts[label] < FEW_LABELS]
    if few and len(counts) > 1:
        yield Obstacle(
            f'There are fewer than {FEW_LABELS} labels of {_quoted(few)} to '
            'learn from.',
            'note',
            'A few more would make the model surer.',
        )


def _too_few_for_full(project: Project, speed: Speed) -> Iterator[Obstacle]:
    count = len(project.labelled())
    if speed == 'full' and 0 < count < 4 * FEW_LABELS:
        yield Obstacle(
            f'With {count} labels, full training mostly learns them by heart.',
            'note',
            'Quick training is likely as good, and done sooner.',
        )


def _files(paths: Sequence[Path]) -> str:
    first = f'"{paths[0]}"'
    if len(paths) == 1:
        return f'{first} is'
    return f'{len(paths)} files ({first} and others) are'


def _quoted(labels: Sequence[str]) -> str:
    return ' or '.join(f'"{label}"' for label in labels)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f'{max(5, 5 * round(seconds / 5)):.0f} seconds'
    if seconds < 100 * 60:
        return f'{seconds / 60:.0f} minutes'
    return f'{seconds / 3600:.1f} hours'
