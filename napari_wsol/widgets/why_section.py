"""The part of the form that says why a region was marked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_wsol.engine.messages import (
    Cancelled,
    Explained,
    Explanation,
    Failed,
    Progress,
)
from napari_wsol.errors import BadInputError
from napari_wsol.inference.explanation import NearField
from napari_wsol.widgets import jobs
from napari_wsol.widgets.evidence_layers import EvidenceLayers
from napari_wsol.widgets.flying import fly_to
from napari_wsol.widgets.nearest_list import NearestList
from napari_wsol.widgets.removal_plots import RemovalPlots
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.texts import Message, Section, text_label
from napari_wsol.widgets.thin_bar import AskButton
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.why_wording import (
    KINDS,
    describe_curves,
    describe_nearest,
    describe_parts,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.widgets.session import Session

__all__ = ['WhySection']

_NO_REGION = 'Choose a region to ask about.'


class WhySection(Section):
    """Ask about the region in hand; an answer to another one is dropped.

    Parameters
    ----------
    viewer
        Where maps are shown and fields flown to.
    session
        Its engine answers; its project has the labelled fields.
    reviewing
        Holds the regions.
    thumbnails
        Makes the small pictures.

    Attributes
    ----------
    running
        The question in hand; outlives the widget.
    explanation
        The answer that is shown.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        reviewing: Reviewing,
        thumbnails: Thumbnails,
    ) -> None:
        super().__init__('Why was it marked?')
        self._viewer = viewer
        self._session = session
        self._reviewing = reviewing
        self._region: tuple[Any, int] | None = None
        self._generation = 0
        self.running = jobs.Running()
        self.explanation: Explanation | None = None
        self.layers = EvidenceLayers(viewer)
        self.button = AskButton(
            'Why did it fire?',
            'Ask the classifier about this region alone and about its '
            'surroundings without it, and see which labelled fields look '
            'like it.',
        )
        self.message = Message()
        self.said = text_label()
        self.plots = RemovalPlots()
        self.followed = text_label()
        self.maps = {kind: _map_button(kind) for kind in KINDS}
        self.compared = text_label()
        self.nearest = NearestList(thumbnails)
        self._answer = QWidget()
        self._build()
        self.button.asked.connect(self.ask)
        self.button.cancelled.connect(self.cancel)
        for kind, button in self.maps.items():
            button.toggled.connect(partial(self._toggle, kind))
        self.nearest.chosen.connect(self._fly)
        reviewing.regions_changed.connect(self._drop_old_region)
        viewer.layers.events.removed.connect(self._check_maps)
        self._clear()

    def set_region(self, place: int | None) -> None:
        """Take the region at a place of the table in hand, or none.

        What was said of another one, and its maps, go away.
        """
        table = self._reviewing.table
        region = None if place is None or table is None else (table, place)
        if not _same(region, self._region):
            self.stop()
            self._region = region
            self._clear()

    def ask(self) -> None:
        """Ask why the region in hand was marked."""
        shown = self._reviewing.shown
        if self._region is None or shown is None:
            self.message.say(_NO_REGION, 'note')
            return
        self.stop()
        self._clear()
        self.button.begin()
        self.running.job = jobs.explain(
            self._session.client,
            jobs.ImageAtHand.of(shown.source),
            shown.pixel_size,
            shown.model,
            self._reviewing.polygon(self._region[1]),
            self._project(),
            partial(self._take, self._generation),
        )

    def cancel(self) -> None:
        """Take the question back."""
        self.stop()
        self.message.say('Stopped.')

    def stop(self) -> None:
        """Await no answer any more."""
        self._generation += 1
        self.running.stop()
        self.running.job = None
        self.button.end()

    def let_go(self) -> None:
        """Take away what is in the viewer, before the form goes away."""
        self.stop()
        self._viewer.layers.events.removed.disconnect(self._check_maps)
        self.layers.clear()

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(4)
        for number, button in enumerate(self.maps.values()):
            grid.addWidget(button, number // 2, number % 2)
        layout = QVBoxLayout(self._answer)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (self.said, self.plots, self.followed):
            layout.addWidget(widget)
        layout.addLayout(grid)
        layout.addWidget(self.compared)
        layout.addWidget(self.nearest)
        for widget in (
            self.button,
            self.button.bar,
            self.message,
            self._answer,
        ):
            self.add(widget)

    def _take(self, generation: int, event: Any) -> None:
        """Show what the engine says, unless something else is in hand."""
        if not isalive(self) or generation != self._generation:
            return
        match event:
            case Progress():
                self.button.bar.show_share(event.done, event.total)
            case Explained():
                self._end()
                self._show(event.explanation)
            case Failed():
                self._end(event.message, 'stop')
            case Cancelled():
                self._end('Stopped.')

    def _end(self, text: str = '', kind: str = 'fine') -> None:
        self.running.job = None
        self.button.end()
        self.message.say(text, kind)

    def _show(self, found: Explanation) -> None:
        self.explanation = found
        self.said.setText(describe_parts(found))
        self.plots.show_curves(found.curves)
        self.followed.setText(describe_curves(found.curves, found.target))
        has_project = self._project() is not None
        self.compared.setText(describe_nearest(found, has_project))
        self.nearest.show_fields(found.nearest)
        self.nearest.setVisible(bool(found.nearest))
        self._answer.show()

    def _clear(self) -> None:
        """Say nothing; show no maps any more."""
        self.explanation = None
        self.layers.clear()
        self._check_maps()
        self.message.say('')
        self._answer.hide()
        self.button.setEnabled(self._region is not None)

    def _toggle(self, kind: str, wanted: bool) -> None:
        """Show or hide a map over the region's surroundings."""
        shown = self._reviewing.shown
        if not wanted:
            self.layers.hide(kind)
        elif self.explanation is not None and shown is not None:
            self.layers.show(shown.source, self.explanation, kind)
        self._check_maps()

    def _check_maps(self, event: Any = None) -> None:
        """Let the buttons say which maps are shown."""
        if not isalive(self):
            return
        kinds = self.layers.kinds
        for kind, button in self.maps.items():
            button.blockSignals(True)
            button.setChecked(kind in kinds)
            button.blockSignals(False)

    def _drop_old_region(self) -> None:
        """Forget a region of a table that is no longer reviewed."""
        held = self._region
        if held is not None and held[0] is not self._reviewing.table:
            self.set_region(None)

    def _fly(self, field: NearField) -> None:
        try:
            fly_to(self._viewer, Path(field.image), field.box)
        except BadInputError as error:
            self.message.say(str(error), 'note')

    def _project(self) -> Path | None:
        """The folder of the project that is labelled in, if one is open."""
        labelling = self._session.labelling
        if labelling is None or labelling.project is None:
            return None
        return labelling.project.folder


def _same(one: tuple[Any, int] | None, other: tuple[Any, int] | None) -> bool:
    """Whether both are the same place of the same table."""
    if one is None or other is None:
        return one is other
    return one[0] is other[0] and one[1] == other[1]


def _map_button(kind: str) -> QPushButton:
    button = QPushButton(KINDS[kind])
    button.setCheckable(True)
    button.setToolTip(
        f'Show {KINDS[kind]} of the classifier over the surroundings of the '
        'region: where it sees the class, for comparison with the marks.'
    )
    return button
