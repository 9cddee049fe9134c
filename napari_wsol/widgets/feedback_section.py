"""The part of the form that lets the model learn from the review."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_wsol.regions.decisions import Decision
from napari_wsol.regions.feedback import fields_of, labelled_fields
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.images import image_path, image_shape
from napari_wsol.widgets.in_view import stated_pixel_size
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.texts import Message, Section, text_label

if TYPE_CHECKING:
    from napari_wsol.widgets.labelling import Labelling
    from napari_wsol.widgets.session import Session

__all__ = ['FeedbackSection']

SETTLE_MS = 300
"""How long nothing is decided before the fields are counted."""

_SLICE = 0.02
"""Seconds for which the viewer waits for fields at a time."""

_NO_PROJECT = (
    'Open a project in the Fine-tune form, and what you reject and miss here '
    'can teach its model.'
)


class FeedbackSection(Section):
    """Rejected regions become fully negative fields, missed ones positive.

    Parameters
    ----------
    session
        Knows which project is open.
    reviewing
        Holds the decisions.
    """

    new_wanted = Signal()
    """The regions that a retrained model found are asked for."""

    def __init__(self, session: Session, reviewing: Reviewing) -> None:
        super().__init__('Learn from it')
        self._session = session
        self._reviewing = reviewing
        self._words = text_label()
        self._add = QPushButton('Add to the project')
        self._add.setToolTip(
            'Rejected regions become fields without any region of interest, '
            'missed and accepted ones fields of their class.'
        )
        self._train = QPushButton('Add and retrain')
        self._train.setToolTip(
            'The same, and a quick training in the Fine-tune form.'
        )
        self._new = QPushButton('Show what is new')
        self._new.hide()
        self.message = Message()
        self._changes = text_label()
        row = QHBoxLayout()
        row.addWidget(self._add)
        row.addWidget(self._train)
        self.add(self._words)
        self.body.addLayout(row)
        self.add(self.message)
        self.add(self._changes)
        self.add(self._new)
        self._left: Iterator[Decision] = iter(())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._count)
        self._add.clicked.connect(self.add_fields)
        self._train.clicked.connect(self.retrain)
        self._new.clicked.connect(self.new_wanted)
        session.labelling_changed.connect(self._show_state)
        reviewing.decisions_changed.connect(self._show_state)
        reviewing.regions_changed.connect(self._show_state)
        self._show_state()

    @property
    def labelling(self) -> Labelling | None:
        """The project that can be written to, if any."""
        labelling = self._session.labelling
        return labelling if labelling and labelling.can_write else None

    def fields(self) -> list[tuple[Box, str]]:
        """The fields that the decisions give and the project lacks."""
        labelling, shown = self.labelling, self._reviewing.shown
        if labelling is None or shown is None:
            return []
        path = image_path(shown.source)
        negative = labelling.negative_class
        if path is None or negative is None:
            return []
        known = {
            (each.field, each.label) for each in labelling.fields_of(path)
        }
        return [
            field
            for field in labelled_fields(
                self._reviewing.decisions,
                *self._room(labelling),
                negative,
                self._class_of_image(labelling),
            )
            if field not in known
            and field[1] in labelling.project.settings.class_names
        ]

    def add_fields(self) -> bool:
        """Put the fields into the project; whether there were any."""
        labelling, shown = self.labelling, self._reviewing.shown
        if shown is None or labelling is None:
            self.message.say(_NO_PROJECT, 'note')
            return False
        found = self.fields()
        if not found:
            self.message.say(self._why_none(labelling), 'note')
            return False
        size = stated_pixel_size(shown.source, labelling.project)
        size = size or shown.pixel_size
        keys = labelling.attempt(
            lambda project: project.add_fields(
                image_path(shown.source),
                found,
                mpp=None if size is None else size.mpp,
            )
        )
        if keys is None:
            self.message.say('The fields could not be added.', 'stop')
            return False
        self.message.say(f'{_fields(len(keys))} added to the project.', 'good')
        self._show_state()
        return True

    def retrain(self) -> None:
        """Add the fields, and train quickly with all that is labelled."""
        added = self.add_fields()
        if self.labelling is not None and (added or not self.fields()):
            self._session.train_wanted.emit()
            self.message.say(
                'Training in the Fine-tune form. When it is done, keep the '
                'new model there and run Localize with it: what became of '
                'your decisions is said here.'
            )

    def show_changes(self) -> None:
        """Say what a retrained model made of what was decided."""
        changes = self._reviewing.changes
        self._changes.setText('' if changes is None else changes.sentence)
        self._changes.setVisible(changes is not None)
        self._new.setVisible(changes is not None and len(changes.new) > 0)

    def _show_state(self) -> None:
        if not isalive(self):
            return
        labelling = self.labelling
        for button in (self._add, self._train):
            button.setEnabled(labelling is not None)
        self.show_changes()
        if labelling is None or self._reviewing.shown is None:
            self._timer.stop()
            self._words.setText(_NO_PROJECT)
            return
        self._left = iter(self._reviewing.decisions)
        self._timer.start(SETTLE_MS)

    def _count(self) -> None:
        """Say how many fields there are, found a few at a time."""
        labelling = self.labelling
        if labelling is None or self._reviewing.shown is None:
            return
        until = time.perf_counter() + _SLICE
        room = self._room(labelling)
        for decision in self._left:
            fields_of(decision, *room)
            if time.perf_counter() > until:
                self._timer.start(0)
                return
        found = self.fields()
        negative = sum(label == labelling.negative_class for _, label in found)
        self._words.setText(
            f'{_fields(negative)} without anything to be marked and '
            f'{len(found) - negative} with it can be added to '
            f'"{labelling.project.settings.name}".'
            if found
            else self._why_none(labelling)
        )

    def _room(self, labelling: Labelling) -> tuple[tuple[float, float], Box]:
        """Height and width of a field, and where fields end."""
        side = labelling.project.settings.field_side_um
        shown = self._reviewing.shown
        return (
            self._reviewing.sides(side),
            Box(0, 0, *image_shape(shown.source)),
        )

    def _why_none(self, labelling: Labelling) -> str:
        shown = self._reviewing.shown
        if shown is not None and image_path(shown.source) is None:
            return (
                f'"{shown.source.name}" exists only in the viewer, so nothing '
                'can be learned from it. Save it, open the file and review '
                'that.'
            )
        if labelling.negative_class is None:
            return (
                'The project has no class that means "nothing to be marked '
                'here". Choose one in the Fine-tune form.'
            )
        return 'There is nothing that the project does not know already.'

    def _class_of_image(self, labelling: Labelling) -> str | None:
        """What a region is where nobody named its class."""
        shown = self._reviewing.shown
        item = labelling.item_at(image_path(shown.source))
        negative = labelling.negative_class
        if item is not None and item.label not in (None, negative):
            return item.label
        result = shown.result
        if result.class_probabilities is None:
            return None
        likeliest = max(
            zip(result.class_probabilities, result.classes, strict=True)
        )[1]
        return likeliest if likeliest in result.roi_classes else None


def _fields(count: int) -> str:
    return f'{count} field' if count == 1 else f'{count} fields'
