"""The Review widget: hunt the false positives of a result."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtGui import QHideEvent, QShowEvent

from napari_wsol.projects.settings import field_side_um
from napari_wsol.regions.decisions import REASONS
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.budget_section import BudgetSection
from napari_wsol.widgets.cut_section import CutSection
from napari_wsol.widgets.decision_bar import DecisionBar
from napari_wsol.widgets.dock_form import DockForm
from napari_wsol.widgets.export_section import ExportSection
from napari_wsol.widgets.feedback_section import FeedbackSection
from napari_wsol.widgets.field_boxes import stamped_box
from napari_wsol.widgets.finding_regions import FindingRegions
from napari_wsol.widgets.flying import fly_to_layer, show_only
from napari_wsol.widgets.images import image_levels, image_path, image_shape
from napari_wsol.widgets.in_view import box_in_view
from napari_wsol.widgets.overlays import image_of
from napari_wsol.widgets.region_outline import RegionOutline
from napari_wsol.widgets.region_views import RegionViews
from napari_wsol.widgets.regions_model import RegionsModel, surroundings
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.session import bare_viewer, session_of
from napari_wsol.widgets.texts import Message
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.truth_section import TruthSection
from napari_wsol.widgets.viewer_keys import ViewerKeys
from napari_wsol.widgets.why_section import WhySection

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from napari_wsol.widgets.session import Session

__all__ = ['ReviewWidget']

CLOSEST = 240
"""Side of what is shown around a region, in level-0 pixels, at least."""

_NOTHING = (
    'Run a model with the Localize form first; what it marks is reviewed here.'
)


class ReviewWidget(DockForm):
    """Look at every marked region, most suspicious first, and decide.

    Parameters
    ----------
    viewer
        The napari viewer.
    client
        Used instead of a new engine, for tests.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, client: Any = None
    ) -> None:
        super().__init__()
        self._viewer = bare_viewer(viewer)
        self._session = session_of(self._viewer, client)
        self._thumbnails = Thumbnails()
        self._outline = RegionOutline(self._viewer)
        self.reviewing = Reviewing(self)
        self.finding = FindingRegions(self._session, self)
        self.head = Message()
        self.cut = CutSection()
        self.model = RegionsModel(
            self.reviewing, self._thumbnails, self._picture_name
        )
        self.regions = RegionViews(self.model)
        self.decisions = DecisionBar(self.reviewing)
        self.why = WhySection(
            self._viewer, self._session, self.reviewing, self._thumbnails
        )
        self.truth = TruthSection(self._viewer, self._session, self.reviewing)
        self.feedback = FeedbackSection(self._session, self.reviewing)
        self.budget = BudgetSection(self._session, self.reviewing)
        self.export = ExportSection(self.reviewing)
        self.sections = (
            self.cut,
            self.regions,
            self.decisions,
            self.why,
            self.feedback,
            self.budget,
            self.export,
        )
        self.build((self.head, *self.sections, self.truth), 330)
        self.keys = ViewerKeys(
            self._viewer,
            self,
            {
                'A': self.accept,
                'R': partial(self.reject, 'other'),
                **{
                    str(number): partial(self.reject, reason)
                    for number, reason in enumerate(REASONS, 1)
                },
                'M': self.miss_under_mouse,
                'U': self.reviewing.undo,
                'Ctrl+Z': self.reviewing.undo,
                'N': self.regions.next_row,
                'Space': self.regions.next_row,
                'P': partial(self.regions.next_row, -1),
            },
        )
        self._connect()
        self._session.attach(self, _Farewell(self._session, self))
        self._follow_layer()

    def accept(self) -> None:
        """The regions that are selected are what the model takes them for."""
        self._decide('accepted')

    def reject(self, reason: str) -> None:
        """The regions that are selected are false positives."""
        self._decide('rejected', reason)

    def miss_under_mouse(self) -> None:
        """There is a region under the mouse that the model left out."""
        shown = self.reviewing.shown
        if shown is not None:
            position = np.asarray(self._viewer.cursor.position)[-2:]
            self._miss(shown.source.world_to_data(position))

    def miss_in_view(self) -> None:
        """There is one in the middle of the view."""
        shown = self.reviewing.shown
        if shown is None:
            return
        box = box_in_view(self._viewer, shown.source, np.inf)
        if box is not None:
            self._miss((box.y + box.height / 2, box.x + box.width / 2))

    def fly(self, place: int) -> None:
        """Show a region in the middle of the canvas, with its outline."""
        reviewing = self.reviewing
        shown = reviewing.shown
        if shown is None or shown.source not in self._viewer.layers:
            return
        if not shown.source.visible:
            show_only(self._viewer, shown.source)
        self.why.set_region(place)
        box = surroundings(reviewing.table.box(place), CLOSEST)
        fly_to_layer(self._viewer, shown.source, box, wider=1.0)
        self._show_outline(place)
        why = reviewing.suspicion.why(place)
        self.decisions.say_why(
            f'Region {reviewing.table.number[place]}: {why}.'
            if why
            else f'Region {reviewing.table.number[place]}: nothing speaks '
            'against it.'
        )

    def showEvent(self, event: QShowEvent) -> None:
        """Take keys while the form is to be seen."""
        super().showEvent(event)
        self._listen()

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the keys to others while another form is to be seen."""
        super().hideEvent(event)
        self.keys.listen(False)

    def let_go(self) -> None:
        """Give back keys, and the layer that is the form's only."""
        self.keys.leave()
        self.finding.stop()
        self.budget.stop()
        self.why.let_go()
        self.truth.let_go()
        self._outline.hide()
        layers = self._viewer.layers
        layers.selection.events.active.disconnect(self._follow_layer)
        layers.events.removed.disconnect(self._follow_layer)

    def _connect(self) -> None:
        results = self._session.results
        results.changed.connect(self._take_result)
        results.threshold_changed.connect(self._follow_threshold)
        self._session.labelling_changed.connect(self._follow_labelling)
        layers = self._viewer.layers
        layers.selection.events.active.connect(self._follow_layer)
        layers.events.removed.connect(self._follow_layer)
        self.cut.cut.connect(self._cut)
        self.finding.progressed.connect(self.cut.show_work)
        self.finding.found.connect(self._take_regions)
        self.finding.failed.connect(self._say_failure)
        self.regions.chosen.connect(self.fly)
        self.decisions.accepted.connect(self.accept)
        self.decisions.rejected.connect(self.reject)
        self.decisions.missed.connect(self.miss_in_view)
        self.decisions.passed.connect(self.regions.next_row)
        self.feedback.new_wanted.connect(lambda: self.regions.show_only('new'))
        self.reviewing.decisions_changed.connect(self._show_missed)
        self._follow_labelling()

    def _listen(self) -> None:
        self.keys.listen(self.isVisible() and self.reviewing.shown is not None)

    def _follow_layer(self, event: Any = None) -> None:
        """Review the result of the image that is active, if it has one."""
        if not isalive(self):
            return
        results, shown = self._session.results, self.reviewing.shown
        active = self._viewer.layers.selection.active
        found = results.of(image_of(self._viewer, active))
        if found is None and shown is not None:
            found = results.of(shown.source)
            if shown.source not in self._viewer.layers:
                found = None
        if found is None:
            images = reversed(self._viewer.layers)
            found = next(filter(None, map(results.of, images)), None)
        if found is not shown or found is None:
            self._show(found)

    def _take_result(self, source: Image) -> None:
        """A model marked an image: review that."""
        if isalive(self):
            self._show(self._session.results.of(source))

    def _show(self, shown: Any) -> None:
        self._outline.hide()
        self.reviewing.set_result(shown)
        for part in self.sections:
            part.setVisible(shown is not None)
        self._listen()
        if shown is None:
            self.head.say(_NOTHING, 'note')
            self.finding.stop()
            return
        result = shown.result
        self.head.say(f'"{shown.source.name}", marked by {result.model}')
        if image_path(shown.source) is None:
            self._thumbnails.lend(
                self._picture_name(),
                ArraySlide(shown.source.name, image_levels(shown.source)),
            )
        self.cut.show_map(shown.maps.area, shown.threshold)
        self._find()

    def _find(self) -> None:
        """Look for the regions at the threshold that the mask has."""
        shown = self.reviewing.shown
        self.cut.message.say('')
        self.cut.show_work()
        self.finding.start(shown)

    def _take_regions(self, table: Any, outlines: Any) -> None:
        self.cut.show_regions(table)
        self.reviewing.set_regions(table, outlines, self._session.labelling)
        self._show_missed()

    def _say_failure(self, text: str) -> None:
        self.cut.bar.hide()
        self.cut.message.say(text, 'stop')

    def _cut(self, threshold: float) -> None:
        """Move the mask's threshold; Localize hears of it."""
        shown = self.reviewing.shown
        if shown is not None:
            self._session.results.cut(shown.source, threshold)

    def _follow_threshold(self, source: Image) -> None:
        if not isalive(self):
            return
        shown = self.reviewing.shown
        if shown is not None and source is shown.source:
            self.cut.set_threshold(shown.threshold)
            self._find()

    def _follow_labelling(self) -> None:
        """Follow the labels of the project that is open now."""
        if not isalive(self):
            return
        labelling = self._session.labelling
        if labelling is not None:
            labelling.items_changed.connect(self._rank)
            labelling.project_changed.connect(self._rank)
        self._rank()

    def _rank(self, keys: Any = None) -> None:
        """What is labelled fully negative changes what is suspicious."""
        reviewing = self.reviewing
        if reviewing.table is None:
            return
        if reviewing.rank(self._session.labelling):
            place = self.regions.current
            self.model.refresh()
            self.decisions.show_counts()
            if place is not None:
                self.regions.select(place)

    def _decide(self, kind: str, reason: str = '') -> None:
        """Decide on what is selected, and go on to what is still open."""
        places = self.regions.selected
        if not places:
            self.regions.next_row()
            return
        row = self.model.row_of(places[-1])
        if self.reviewing.decide(places, kind, reason):
            QTimer.singleShot(0, partial(self._go_on, row))

    def _go_on(self, row: int) -> None:
        """Go to the next region that is open, from a row on."""
        if not isalive(self):
            return
        for place in self.model.places[row + 1 :]:
            if self.reviewing.verdict(place) == 'open':
                self.regions.go_to(int(place))
                return
        if self.reviewing.counts()['open'] == 0:
            self.decisions.message.say('Every region is decided.', 'good')

    def _miss(self, point: Any) -> None:
        shown = self.reviewing.shown
        side = field_side_um(shown.result.model_mpp)
        sides = self.reviewing.sides(side)
        y, x = (float(each) for each in point)
        box: Box | None = stamped_box((y, x), sides, image_shape(shown.source))
        if box is None:
            self.decisions.message.say(
                'Point at the missed region on the image, then press M.',
                'note',
            )
            return
        self.reviewing.miss(box)

    def _show_missed(self) -> None:
        if self.reviewing.shown is not None:
            self._show_outline(self.regions.current)

    def _show_outline(self, place: int | None) -> None:
        reviewing = self.reviewing
        polygon = None
        if place is not None and reviewing.table is not None:
            polygon = reviewing.polygon(place)
        missed = [
            each.polygon
            for each in reviewing.decisions
            if each.kind == 'missed'
        ]
        self._outline.show(reviewing.shown.source, polygon, missed)

    def _picture_name(self) -> Path | None:
        """What the image is called by ``Thumbnails``."""
        shown = self.reviewing.shown
        if shown is None:
            return None
        name = f'layer {shown.source.unique_id}'
        return image_path(shown.source) or Path(name)


class _Farewell:
    """Ends what outlives the widget; does not hold it."""

    def __init__(self, session: Session, widget: ReviewWidget) -> None:
        self._thumbnails = widget._thumbnails
        self._running = (
            widget.finding.running,
            widget.budget.running,
            widget.why.running,
        )

    def __call__(self) -> None:
        for running in self._running:
            running.stop()
        self._thumbnails.close()
