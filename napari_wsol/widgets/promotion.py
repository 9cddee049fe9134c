"""A new model, from the end of its training to Keep or Discard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_wsol.errors import WsolError
from napari_wsol.projects import lineage, runs
from napari_wsol.projects.verdict import Comparison
from napari_wsol.widgets.candidate_look import CandidateLook
from napari_wsol.widgets.in_view import (
    active_image,
    box_in_view,
    stated_pixel_size,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.projects.project import Project
    from napari_wsol.widgets.candidate_section import CandidateSection
    from napari_wsol.widgets.session import Session

__all__ = ['Promotion']

LOOK_SIDE = 2048
"""Longest side of what both models look at, in level-0 pixels."""


@dataclass(frozen=True)
class Candidate:
    """A new model that waits to be kept or discarded."""

    project: Project
    run: Path
    comparison: Comparison


class Promotion(QObject):
    """Has a new model looked at, and kept or discarded; one at a time.

    Parameters
    ----------
    viewer, session
        Where the masks are shown, and what computes them.
    section
        Shows figures and verdict, and asks.

    Attributes
    ----------
    kept
        Emitted with the new ``Version``.
    discarded
        Emitted with whether another model shall be trained at once.
    look
        Runs both models over the image in view.
    """

    kept = Signal(object)
    discarded = Signal(bool)

    def __init__(
        self, viewer: Viewer, session: Session, section: CandidateSection
    ) -> None:
        super().__init__(section)
        self._viewer = viewer
        self._session = session
        self._section = section
        self._candidate: Candidate | None = None
        self.look = CandidateLook(viewer, session, self)
        section.look.connect(self.compare)
        section.kept.connect(self.keep)
        section.discarded.connect(self.discard)
        section.again.connect(lambda: self.discard(again=True))
        section.viewed.connect(self._show_view)
        section.swiped.connect(self._swipe)
        self.look.told.connect(section.show_looking)
        self.look.shown.connect(self._show_masks)
        self.look.swiped.connect(section.set_position)

    @property
    def is_open(self) -> bool:
        """Whether a model waits."""
        return self._candidate is not None

    def offer(
        self, project: Project, run: Path, comparison: Comparison
    ) -> None:
        """Take up a new model.

        Parameters
        ----------
        run
            The folder that it lies in.
        comparison
            With the model that it was taught from.
        """
        self.look.clear()
        self._candidate = Candidate(project, run, comparison)
        count = len(lineage.versions(project)) + 1
        self._section.show_candidate(
            comparison, f'{project.settings.name} {count}'
        )

    def withdraw(self) -> None:
        """Ask no more about the model; it stays where it is."""
        self._candidate = None
        self.look.clear()
        self._section.hide()

    def compare(self) -> None:
        """Run the old and the new model over the image in view."""
        candidate = self._candidate
        if candidate is None:
            return
        layer = active_image(self._viewer)
        box = None
        if layer is not None:
            box = box_in_view(self._viewer, layer, LOOK_SIDE)
        if box is None:
            self._section.show_looking(
                'Open an image, or move it into view, to see what both '
                'models mark in it.'
            )
            return
        models = {'after': candidate.run / runs.MODEL}
        if candidate.project.parent is not None:
            models['before'] = candidate.project.parent
        self._section.set_views(())
        self.look.start(
            layer,
            box,
            stated_pixel_size(layer, candidate.project),
            models,
            self._session.preferences.device,
        )

    def keep(self, name: str) -> None:
        """Keep the new model under a name, and use it from now on."""
        candidate = self._candidate
        if candidate is None:
            return
        try:
            version = lineage.keep(
                candidate.project, candidate.run, name, candidate.comparison
            )
        except WsolError as error:
            self._section.say_problem(str(error))
            return
        self.look.clear(keep_after=True)
        self._candidate = None
        self._section.hide()
        self.kept.emit(version)

    def discard(self, *, again: bool = False) -> None:
        """Throw the new model away.

        Parameters
        ----------
        again
            Whether to train another at once.
        """
        candidate = self._candidate
        if candidate is None:
            return
        try:
            runs.discard(candidate.project, candidate.run)
        except WsolError as error:
            self._section.say_problem(str(error))
            return
        self.withdraw()
        self.discarded.emit(again)

    def _show_masks(self) -> None:
        masks = self.look.masks
        self._section.set_views(masks.views, masks.view)
        self._section.set_position(masks.position)

    def _show_view(self, view: str) -> None:
        if self.look.masks is not None:
            self.look.masks.show(view)

    def _swipe(self, position: float) -> None:
        if self.look.masks is not None:
            self.look.masks.swipe(position)
