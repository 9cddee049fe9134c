"""A project: labelled images and fields, kept on disk with every change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from psygnal import Signal

from napari_wsol.errors import BadInputError
from napari_wsol.projects import actions, exchange
from napari_wsol.projects.files import KeptFile
from napari_wsol.projects.history import Act, Step
from napari_wsol.projects.items import Item, absolute, last_number, told_path
from napari_wsol.projects.settings import (
    ProjectSettings,
    Side,
    checked,
    settings_text,
    updated,
    with_class,
)
from napari_wsol.projects.store import IMAGES, Store
from napari_wsol.projects.tables import table_text
from napari_wsol.slides.geometry import Box
from napari_wsol.training.table import PROJECT_FILE, PROJECT_LABELS


class Project:
    """The items of a project and what can be done with them.

    Made by ``create`` or ``open``. Each change is on the disk before the
    call returns, or raises and has not happened. Not for several threads.

    Attributes
    ----------
    folder
        Where everything of the project lies.
    remarks
        What the user should hear about its files after opening, in
        sentences.
    changed
        Emitted after a change with the keys of the items concerned, which
        may be gone; with ``()`` where the settings changed.
    """

    changed = Signal(tuple)

    def __init__(self, store: Store) -> None:
        self.folder = store.folder
        self._store = store
        self._state = store.read()
        self._last = last_number((*self._state.items, *store.history.keys))

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        name: str = '',
        classes: Iterable[str | tuple[str, str]] = (),
        negative_class: str | None = None,
        parent: Path | str | None = None,
        **settings: Any,
    ) -> Project:
        """Make a project in a new or an empty folder, and open it.

        Parameters
        ----------
        name
            What people call it; the folder's name where there is none.
        classes
            Names in the order of the keys 1-9, or ``(name, '#rrggbb')``.
        negative_class
            The class without any region of interest; added where missing.
        parent
            Model folder to start from; None: the encoder.
        **settings
            Any other field of ``ProjectSettings``.

        Raises
        ------
        BadInputError
            Where the folder holds something, or settings do not fit.
        """
        folder = absolute(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInputError(
                f'"{folder}" is not empty. Choose a new folder for the '
                'project, or open the one that is there.'
            )
        resolved = ProjectSettings(name=name.strip() or folder.name)
        told = list(classes)
        if negative_class is not None and negative_class not in [
            known if isinstance(known, str) else known[0] for known in told
        ]:
            told.append(negative_class)
        for known in told:
            new = (known, None) if isinstance(known, str) else known
            resolved = with_class(resolved, *new)
        fields = {
            'negative_class': negative_class,
            'parent': _told_model(parent, folder),
            **settings,
        }
        resolved = checked(lambda: updated(resolved, fields))
        empty = table_text((), folder, lambda item: '')
        try:
            folder.mkdir(parents=True, exist_ok=True)
            KeptFile(folder / PROJECT_LABELS).write(empty)
            KeptFile(folder / IMAGES).write(empty)
            KeptFile(folder / PROJECT_FILE).write(settings_text(resolved))
        except OSError as error:
            raise BadInputError(
                f'No project can be made in "{folder}": '
                f'{error.strerror or error}. Choose another folder.'
            ) from error
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path | str, *, read_only: bool = False) -> Project:
        """Open a project.

        Parameters
        ----------
        read_only
            Only look; possible while another viewer changes it.

        Raises
        ------
        BadInputError
            Where there is no project, or a newer version made it.
        DamagedFileError
            Where a file is not whole; ``store.restore`` mends it.
        ProjectInUseError
            Where another viewer has it open to change it.
        """
        folder = absolute(folder)
        if not folder.is_dir():
            raise BadInputError(f'There is no project in "{folder}".')
        if not any(
            (folder / f'{PROJECT_FILE}{end}').exists() for end in ('', '.bak')
        ):
            raise BadInputError(
                f'"{folder}" is no project: it lacks {PROJECT_FILE}. Choose '
                "a project's folder, or make a new project."
            )
        store = Store(folder, read_only=read_only)
        try:
            return cls(store)
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others change the project; from now on it can only be read."""
        self._store.close()
        self._store.read_only = True

    @property
    def settings(self) -> ProjectSettings:
        """Classes, split and parent as they are now."""
        return self._state.settings

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self._store.read_only

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should hear about the files."""
        return tuple(self._store.remarks)

    @property
    def items(self) -> Mapping[str, Item]:
        """All items by key, in the order in which they came."""
        return MappingProxyType(self._state.items)

    @property
    def parent(self) -> Path | None:
        """The model folder that a training starts from."""
        told = self.settings.parent
        return absolute(self.folder / told) if told else None

    def labelled(self) -> tuple[Item, ...]:
        """The items that carry a label."""
        return self._state.labelled

    def split_of(self, item: Item) -> Side:
        """Whether an item teaches or is held out, as its whole group."""
        return self._state.side_of(item)

    def add_images(
        self,
        paths: Iterable[Path | str],
        *,
        mpp: float | None = None,
        label: str | None = None,
    ) -> tuple[str, ...]:
        """Take up whole images, or all images in folders.

        Parameters
        ----------
        label
            Of each of them, also of those that were here already; None
            leaves those as they are and the others without a label.

        Returns
        -------
        tuple of str
            The keys, also of images that were here already.

        Raises
        ------
        BadInputError
            Where one of them does not exist, a folder holds none, or there
            is no such class.
        """
        images = [image for path in paths for image in actions.images_in(path)]
        new = [
            Item('', image, label=label, mpp=mpp)
            for image in dict.fromkeys(images)
        ]
        words = f'Label "{label}" on' if label else 'Add'
        return self._take_up(words, new, 'image')

    def add_field(
        self,
        image: Path | str,
        box: Box,
        label: str | None,
        *,
        mpp: float | None,
        group: str = '',
    ) -> str:
        """Take up a field of an image; returns its key.

        A field that is here already gets the label.

        Raises
        ------
        BadInputError
            Where there is no such class or image.
        """
        item = Item(
            *('', absolute(image), actions.rounded(box), label),
            group=group.strip(),
            mpp=mpp,
        )
        actions.require_image(item.image)
        words = f'Label a field "{label}"' if label else 'Add a field'
        return self._take_up(words, [item])[0]

    def add_fields(
        self,
        image: Path | str,
        fields: Iterable[tuple[Box, str]],
        *,
        mpp: float | None,
    ) -> tuple[str, ...]:
        """Label fields of an image in one step; as ``add_field``."""
        path = absolute(image)
        actions.require_image(path)
        items = [
            Item('', path, actions.rounded(box), label, mpp=mpp)
            for box, label in fields
        ]
        return self._take_up('Label', items, 'field')

    def set_label(self, keys: Iterable[str], label: str | None) -> None:
        """Label items, or take their labels away.

        Raises
        ------
        BadInputError
            Where there is no such class.
        """
        self._do(actions.set_label(self._state, keys, label))

    def set_group(self, keys: Iterable[str], group: str) -> None:
        """Say of which patient or slide items are; ``''`` guesses again.

        A new group is on the side on which its items were: it teaches where
        one of them did.
        """
        step, sides = actions.set_group(self._state, keys, group)
        self._fix_sides(sides)
        self._do(step)

    def set_mpp(self, keys: Iterable[str], mpp: float) -> None:
        """Note the pixel size of images whose files state none, in µm."""
        self._do(actions.set_mpp(self._state, keys, mpp))

    def move_fields(self, boxes: Mapping[str, Box]) -> None:
        """Move or resize fields in one step, by their keys.

        Raises
        ------
        BadInputError
            Where another item has the very place of one; none is moved then.
        """
        self._do(actions.move_fields(self._state, boxes))

    def remove(self, keys: Iterable[str]) -> None:
        """Take items out of the project; image files stay."""
        self._do(actions.remove(self._state, keys))

    def undo(self) -> str | None:
        """Take back the last step; its words, None where there is none."""
        return self._go('undo', self._store.history.to_undo)

    def redo(self) -> str | None:
        """Do the last undone step again; its words, or None."""
        return self._go('redo', self._store.history.to_redo)

    def add_class(self, name: str, colour: str | None = None) -> None:
        """Add a class at the end; it gets a colour of its own.

        Raises
        ------
        BadInputError
            Where there is such a class, or it is no name or colour.
        """
        self._do(actions.add_class(self._state, name, colour))

    def rename_class(self, old: str, new: str) -> None:
        """Rename a class, its items with it.

        Raises
        ------
        BadInputError
            Where there is no such class, or one of the new name.
        """
        self._do(actions.rename_class(self._state, old, new))

    def set_negative_class(self, name: str | None) -> None:
        """Say which class has no region of interest, if any.

        Raises
        ------
        BadInputError
            Where there is no such class.
        """
        self._do(actions.set_negative_class(self._state, name))

    def set_parent(self, path: Path | str | None) -> None:
        """Say which model a training starts from; None: the encoder.

        No step to undo.
        """
        self.change_settings(parent=_told_model(path, self.folder))

    def change_settings(self, **fields: Any) -> None:
        """Change fields of the settings that are no step to undo.

        Raises
        ------
        BadInputError
            Where they do not fit.
        """
        settings = checked(lambda: updated(self.settings, fields))
        state = replace(self._state, settings=settings)
        self._store.write(state)
        self._state = state
        self.changed.emit(())

    def missing(self) -> tuple[Path, ...]:
        """Images and masks that are not where the project thinks."""
        paths = {
            path: None
            for item in self._state.items.values()
            for path in (item.image, item.mask)
            if path is not None
        }
        return tuple(path for path in paths if not path.exists())

    def relocate(self, old_root: Path | str, new_root: Path | str) -> int:
        """Look for missing files below another folder.

        Returns
        -------
        int
            How many items have their files again; the others stay as they
            are.
        """
        old, new = absolute(old_root), absolute(new_root)
        step = actions.relocate(self._state, old, new)
        self._do(step)
        return len(step.after)

    def import_table(self, source: Path | str) -> tuple[str, ...]:
        """Take up a CSV, class folder or project; returns the keys.

        See ``exchange.table_items``.
        """
        items, sides = exchange.table_items(absolute(source))
        if sides:
            self._fix_sides(sides, splits_stated=True)
        return self._take_up('Import', items, 'item', new_classes=True)

    def import_geojson(
        self,
        path: Path | str,
        image: Path | str,
        *,
        mpp: float | None = None,
    ) -> tuple[str, ...]:
        """Take up the rectangles that QuPath drew on an image."""
        items = exchange.geojson_items(absolute(path), absolute(image), mpp)
        return self._take_up('Import', items, 'field', new_classes=True)

    def export_table(self, path: Path | str) -> None:
        """Write the labelled items as a CSV that ``train`` reads."""
        exchange.write_table(
            absolute(path), self.labelled(), self._state.side_of
        )

    def export_geojson(self, folder: Path | str) -> tuple[Path, ...]:
        """Write the fields of each image as a file that QuPath reads."""
        return exchange.write_geojson(
            absolute(folder), self._state.items.values(), self.settings
        )

    def _take_up(
        self,
        words: str,
        items: Sequence[Item],
        noun: str = '',
        *,
        new_classes: bool = False,
    ) -> tuple[str, ...]:
        """Add items; see ``actions.take_up``."""
        step, keys = actions.take_up(
            *(self._state, words, items, noun),
            last=self._last,
            new_classes=new_classes,
        )
        self._do(step)
        self._last = max(self._last, last_number(keys))
        return keys

    def _fix_sides(self, sides: Mapping[str, Side], **fields: Any) -> None:
        """Put groups that have no side yet on one."""
        splits = {**sides, **self.settings.splits}
        if splits != self.settings.splits:
            self.change_settings(splits=splits, **fields)

    def _do(self, step: Step) -> None:
        if step.after or step.settings_after:
            self._go('do', step)

    def _go(self, act: Act, step: Step | None) -> str | None:
        if step is None:
            return None
        state = self._store.after(self._state, act, step)
        self._store.carry_out(act, step, state)
        self._state = state
        if step.settings_after:
            self.changed.emit(())
        if step.after:
            self.changed.emit(tuple(step.after))
        return step.words


def _told_model(path: Path | str | None, folder: Path) -> str | None:
    return told_path(absolute(path), folder) if path is not None else None
