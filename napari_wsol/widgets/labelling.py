"""The project that is being labelled, shared by the parts of the form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_wsol.errors import WsolError
from napari_wsol.projects.items import Item, absolute
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.wording import plain_class

if TYPE_CHECKING:
    from napari_wsol.projects.project import Project
    from napari_wsol.projects.settings import ProjectClass

__all__ = ['Labelling']

T = TypeVar('T')


class Labelling(QObject):
    """One project, the class in hand, and every change made to its labels.

    All parts of the form change labels through it, so that a disk that is
    full or a project that was opened to read only is said in one place.
    """

    project_changed = Signal()
    """Another project was opened, or none is open any more."""

    settings_changed = Signal()
    """Classes or other settings of the project changed."""

    items_changed = Signal(tuple)
    """Keys of the items that were added, changed or removed."""

    class_changed = Signal()
    """Another class is in hand."""

    said = Signal(str, str)
    """A sentence to the user, and its kind as for ``Message.say``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project: Project | None = None
        self._items: Mapping[str, Item] = {}
        self._current = ''

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self._project

    @property
    def items(self) -> Mapping[str, Item]:
        """The items of the project by key, in the order of coming."""
        return self._items

    @property
    def can_write(self) -> bool:
        """Whether labels can be given."""
        return self._project is not None and not self._project.read_only

    @property
    def classes(self) -> tuple[ProjectClass, ...]:
        """The classes in the order of their keys."""
        return () if self._project is None else self._project.settings.classes

    @property
    def negative_class(self) -> str | None:
        """The class that means that nothing is to be marked."""
        if self._project is None:
            return None
        return self._project.settings.negative_class

    @property
    def current(self) -> str:
        """The class in hand; empty where there is none."""
        return self._current

    def set_project(self, project: Project | None) -> None:
        """Close the open project and go on with another one, or none."""
        self.leave()
        self._project = project
        if project is not None:
            self._items = project.items
            project.changed.connect(self._take_change)
        self._keep_class_in_hand()
        self.project_changed.emit()

    def leave(self) -> None:
        """Close the open project."""
        if self._project is not None:
            self._project.changed.disconnect(self._take_change)
            self._project.close()
            self._project = None
        self._items = {}

    def choose(self, name: str) -> None:
        """Take a class in hand."""
        if name != self._current:
            self._current = name
            self.class_changed.emit()

    def colour_of(self, label: str | None) -> str:
        """The colour of a class as ``#rrggbb``; grey for none."""
        known = {each.name: each.colour for each in self.classes}
        return known.get(label or '', '#808080')

    def attempt(self, change: Callable[[Project], T]) -> T | None:
        """Make a change to the project; say it where that is not possible.

        Returns
        -------
        object or None
            What ``change`` gives; None where it could not be made.
        """
        if self._project is None:
            self.said.emit('Open or make a project first.', 'note')
            return None
        try:
            return change(self._project)
        except (WsolError, OSError) as error:
            self.said.emit(str(error), 'stop')
            return None

    def fields_of(self, image: Path) -> tuple[Item, ...]:
        """The fields of an image, in the order in which they were made."""
        image = absolute(image)
        return tuple(
            item
            for item in self._items.values()
            if item.field is not None and item.image == image
        )

    def item_at(self, image: Path, box: Box | None = None) -> Item | None:
        """The item that speaks of an image, or of a field of it."""
        place = absolute(image), box
        return next(
            (item for item in self._items.values() if item.place == place),
            None,
        )

    def mpp_of(self, image: Path) -> float | None:
        """What was entered as the pixel size of an image, in µm."""
        image = absolute(image)
        return next(
            (
                item.mpp
                for item in self._items.values()
                if item.image == image and item.mpp
            ),
            None,
        )

    def label(self, keys: Iterable[str], name: str | None) -> None:
        """Give items a class; None takes their label away."""
        keys = tuple(keys)
        if keys:
            self.attempt(lambda project: project.set_label(keys, name))

    def label_image(
        self, image: Path, name: str | None, mpp: float | None
    ) -> str | None:
        """Give a whole image a class; None takes its label away.

        Returns
        -------
        str or None
            Its key; None where it could not be labelled.
        """
        item = self.item_at(image)
        if name is None:
            if item is not None:
                self.label((item.key,), None)
            return None
        keys = self.attempt(
            lambda project: project.add_images([image], mpp=mpp, label=name)
        )
        return keys[0] if keys else None

    def add_field(
        self, image: Path, box: Box, name: str, mpp: float | None
    ) -> str | None:
        """Make a field with a class; its key, or None where it was not."""
        return self.attempt(
            lambda project: project.add_field(image, box, name, mpp=mpp)
        )

    def undo(self) -> None:
        """Take the last change back and say which it was."""
        words = self.attempt(lambda project: project.undo())
        self._tell('Taken back', words, 'There is nothing to take back.')

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        words = self.attempt(lambda project: project.redo())
        self._tell('Done again', words, 'There is nothing to do again.')

    def say_label(self, what: str, name: str | None) -> None:
        """Confirm a label in a few words."""
        label = 'no label any more' if name is None else plain_class(name)
        self.said.emit(f'{what}: {label}', 'fine')

    def _tell(self, done: str, words: str | None, nothing: str) -> None:
        if self._project is None or not self.can_write:
            return  # was said already
        if words:
            self.said.emit(f'{done}: {words}.'.replace('..', '.'), 'fine')
        else:
            self.said.emit(nothing, 'note')

    def _take_change(self, keys: tuple[str, ...]) -> None:
        if keys:
            self._items = self._project.items
            self.items_changed.emit(keys)
        else:
            self._keep_class_in_hand()
            self.settings_changed.emit()

    def _keep_class_in_hand(self) -> None:
        names = [each.name for each in self.classes]
        if self._current not in names:
            self._current = names[0] if names else ''
            self.class_changed.emit()
