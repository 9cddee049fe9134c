"""What a user does, as steps from one state of a project to the next.

Nothing here writes or changes anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_wsol.errors import BadInputError
from napari_wsol.projects.groups import guess_group
from napari_wsol.projects.history import Step
from napari_wsol.projects.items import Item, Key, absolute, now
from napari_wsol.projects.settings import (
    ProjectSettings,
    Side,
    checked,
    differences,
    updated,
    with_class,
)
from napari_wsol.projects.state import State
from napari_wsol.slides.geometry import Box
from napari_wsol.training.table import IMAGE_SUFFIXES


def step(
    state: State,
    words: str,
    after: Mapping[str, Item | None],
    settings: ProjectSettings | None = None,
) -> Step:
    """The step to other items and settings; empty where nothing differs."""
    changes = {
        key: item
        for key, item in after.items()
        if state.items.get(key) != item
    }
    before = {key: state.items.get(key) for key in changes}
    old, new = differences(state.settings, settings or state.settings)
    return Step(words, before, changes, old, new)


def take_up(
    state: State,
    words: str,
    items: Sequence[Item],
    noun: str = '',
    *,
    last: int = 0,
    new_classes: bool = False,
) -> tuple[Step, tuple[str, ...]]:
    """Add items, or their labels where their places are known.

    Parameters
    ----------
    items
        Without keys.
    noun
        Of what is counted in the words, if anything.
    last
        Number of the last key that was ever given.
    new_classes
        Add classes that the project lacks; else they are refused.

    Returns
    -------
    tuple
        The step, and the key of each item.
    """
    settings = state.settings
    for label in dict.fromkeys(item.label for item in items):
        if new_classes and label not in (None, *settings.class_names):
            settings = with_class(settings, str(label))
        elif not new_classes:
            require_class(state, label)
    known, when = state.by_place, now()
    after: dict[str, Item] = {}
    keys: list[str] = []
    for item in items:
        key = known.get(item.place)
        if key is None:
            last += 1
            key = known[item.place] = str(Key(last))
            after[key] = replace(
                item,
                key=key,
                group=item.group or guess_group(item.image),
                when=when if item.label else '',
            )
        elif item.label is not None:
            old = after.get(key) or state.items[key]
            after[key] = _relabelled(old, item, when)
        keys.append(key)
    if noun:
        words = f'{words} {_counted(keys, noun)}'
    return step(state, words, after, settings), tuple(keys)


def set_label(state: State, keys: Iterable[str], label: str | None) -> Step:
    """Label items, or take their labels away."""
    require_class(state, label)
    words = f'Label "{label}" on' if label else 'Take the label off'
    after = {
        key: replace(item, label=label, when=now() if label else '')
        for key, item in state.named(keys).items()
        if item.label != label
    }
    return step(state, f'{words} {_counted(after)}', after)


def set_group(
    state: State, keys: Iterable[str], group: str
) -> tuple[Step, dict[str, Side]]:
    """Give items another group, or guess it where the text is empty.

    Returns
    -------
    tuple
        The step, and the side that each group should be on if it has none
        yet: that of its items before, ``train`` where they were on both.
    """
    group = group.strip()
    after: dict[str, Item] = {}
    sides: dict[str, Side] = {}
    for key, item in state.named(keys).items():
        after[key] = replace(item, group=group or guess_group(item.image))
        side = state.settings.splits.get(item.group)
        if side and sides.get(after[key].group) != 'train':
            sides[after[key].group] = side
    words = f'Group "{group}" of' if group else 'Guessed group of'
    return step(state, f'{words} {_counted(after)}', after), sides


def set_mpp(state: State, keys: Iterable[str], mpp: float) -> Step:
    """Note the pixel size of images, in µm."""
    after = {
        key: replace(item, mpp=mpp) for key, item in state.named(keys).items()
    }
    return step(state, f'Pixel size of {_counted(after)}', after)


def move_fields(state: State, boxes: Mapping[str, Box]) -> Step:
    """Put fields elsewhere in their images, all or none of them."""
    after: dict[str, Item] = {}
    taken: set[object] = set()
    for key, box in boxes.items():
        item = replace(state.items[key], field=rounded(box))
        if state.items[key].field is None:
            raise BadInputError('A whole image cannot be moved.')
        there = state.by_place.get(item.place)
        if item.place in taken or (there or key) not in boxes:
            raise BadInputError(
                'There is already a field at this place of '
                f'"{item.image.name}". Remove one of the two.'
            )
        taken.add(item.place)
        after[key] = item
    return step(state, f'Move {_counted(after, "field")}', after)


def remove(state: State, keys: Iterable[str]) -> Step:
    """Take items out."""
    after = dict.fromkeys(state.named(keys))
    return step(state, f'Remove {_counted(after)}', after)


def add_class(state: State, name: str, colour: str | None) -> Step:
    """Add a class at the end."""
    settings = with_class(state.settings, name, colour)
    return step(state, f'Add class "{name.strip()}"', {}, settings)


def rename_class(state: State, old: str, new: str) -> Step:
    """Rename a class and the labels of its items."""
    require_class(state, old)
    settings, new = state.settings, new.strip()
    classes = [known.model_dump() for known in settings.classes]
    classes[settings.class_names.index(old)]['name'] = new
    negative = settings.negative_class
    fields = {
        'classes': classes,
        'negative_class': new if negative == old else negative,
    }
    renamed = checked(lambda: updated(settings, fields))
    after = {
        key: replace(item, label=new)
        for key, item in state.items.items()
        if item.label == old
    }
    return step(state, f'Rename class "{old}" to "{new}"', after, renamed)


def set_negative_class(state: State, name: str | None) -> Step:
    """Say which class has no region of interest."""
    require_class(state, name)
    words = (
        f'"{name}" holds nothing to be marked'
        if name
        else 'Every class holds something'
    )
    settings = updated(state.settings, {'negative_class': name})
    return step(state, words, {}, settings)


def relocate(state: State, old: Path, new: Path) -> Step:
    """Take files below a new folder for those missing below the old one."""

    def moved(path: Path | None) -> Path | None:
        if path is None or path.exists() or not path.is_relative_to(old):
            return path
        found = new / path.relative_to(old)
        return found if found.exists() else path

    after = {
        key: replace(
            item,
            image=moved(item.image) or item.image,
            mask=moved(item.mask),
        )
        for key, item in state.items.items()
    }
    return step(state, f'Look for images in "{new.name}"', after)


def require_class(state: State, label: str | None) -> None:
    """Raise ``BadInputError`` where there is no such class."""
    names = state.settings.class_names
    if label is not None and label not in names:
        raise BadInputError(
            f'There is no class "{label}" in the project; it has: '
            f'{", ".join(names) or "none"}. Add the class first.'
        )


def images_in(path: Path | str) -> list[Path]:
    """The image, or all images in a folder and its sub-folders.

    Raises
    ------
    BadInputError
        Where there is none.
    """
    path = absolute(path)
    require_image(path)
    if not path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return [path]
    found = sorted(
        image
        for image in path.rglob('*')
        if image.suffix.lower() in IMAGE_SUFFIXES
        and not any(p.suffix.lower() == '.zarr' for p in image.parents)
    )
    if not found:
        raise BadInputError(f'There are no images in "{path}".')
    return found


def require_image(path: Path) -> None:
    """Raise ``BadInputError`` where there is no image at a path."""
    if not path.exists():
        raise BadInputError(f'There is no image "{path}".')


def rounded(box: Box) -> Box:
    """The box to a thousandth of a pixel, as it comes back from the disk."""
    values = (box.y, box.x, box.height, box.width)
    if not all(map(math.isfinite, values)):
        raise BadInputError('A field needs a place and a size.')
    return Box(*(round(float(value), 3) for value in values))


def _relabelled(old: Item, told: Item, when: str) -> Item:
    """An item with what is newly said of its place."""
    return replace(
        old,
        label=told.label,
        group=told.group or old.group,
        mpp=told.mpp or old.mpp,
        mask=told.mask or old.mask,
        when=old.when if told.label == old.label else when,
    )


def _counted(things: Iterable[object], noun: str = 'item') -> str:
    count = len(list(things))
    return f'{count} {noun}{"" if count == 1 else "s"}'
