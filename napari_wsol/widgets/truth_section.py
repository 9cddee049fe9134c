"""The part of the form that compares the mask with the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from qtpy.compat import isalive
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QLabel

from napari_wsol.widgets.against_truth import AgainstTruth
from napari_wsol.widgets.right_and_wrong import RightAndWrong
from napari_wsol.widgets.texts import (
    Message,
    Section,
    compact_combo,
    text_label,
)
from napari_wsol.widgets.truth_layers import may_be_truth
from napari_wsol.widgets.truth_wording import (
    NO_AREAS,
    explained,
    failure,
    figures_line,
    legend,
    what_is_left_out,
)

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_wsol.widgets.reviewing import Reviewing
    from napari_wsol.widgets.session import Session

__all__ = ['TruthSection']

SETTLE_MS = 250
"""How long a layer that is drawn in rests before the figures follow."""

_MOVES = ('scale', 'translate', 'rotate', 'shear', 'affine', 'units')


class TruthSection(Section):
    """Choose a layer with the truth; see how right the mask is, and where.

    Hidden while there is no such layer, or no result.

    Parameters
    ----------
    viewer
        Its Labels and Shapes layers can be chosen.
    session
        Tells where masks are cut.
    reviewing
        Holds the result and its regions.

    Attributes
    ----------
    overlaps_changed
        ``overlap`` gives something else.
    """

    overlaps_changed = Signal()

    def __init__(
        self, viewer: Viewer, session: Session, reviewing: Reviewing
    ) -> None:
        super().__init__('Ground truth')
        self._viewer = viewer
        self._session = session
        self._reviewing = reviewing
        self._chosen: WeakKeyDictionary[Layer, Layer] = WeakKeyDictionary()
        self._followed: Layer | None = None
        self._against = AgainstTruth(self)
        self._right_and_wrong = RightAndWrong(viewer)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._build()
        self._connect()
        self._show_result()

    @property
    def layer(self) -> Layer | None:
        """The layer that shows the truth; None where none was chosen."""
        return self._combo.currentData()

    def choose(self, layer: Layer | None) -> None:
        """Take a layer of the list for the truth, or none."""
        for index in range(self._combo.count()):
            if self._combo.itemData(index) is layer:
                self._combo.setCurrentIndex(index)

    def overlap(self, place: int) -> float | None:
        """Share of a region's pixels that are ROI by the truth.

        Parameters
        ----------
        place
            Of the region in the table.

        Returns
        -------
        float or None
            None where no truth says anything of the region, or it is not
            known yet; ``overlaps_changed`` tells when it is.
        """
        table = self._reviewing.table
        if table is None:
            return None
        return self._against.share(int(table.number[place]))

    def let_go(self) -> None:
        """Give back what is the section's own; called before it goes."""
        self._timer.stop()
        self._against.clear()
        self._unfollow()
        self._right_and_wrong.hide()
        for event in self._of_list():
            event.disconnect(self._show_layers)

    def _build(self) -> None:
        self._combo = compact_combo(
            'Ground truth',
            'A Labels or Shapes layer in which somebody marked what is really '
            'there. Labels: all that is not 0. Shapes: the insides of '
            'polygons, rectangles and ellipses.',
        )
        self._figures = text_label()
        self._wrong = QCheckBox('Show where it is wrong')
        self._wrong.setToolTip('In the place of the mask.')
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setWordWrap(True)
        self.message = Message()
        self._known = self._figures, self._wrong, self._legend
        for part in (self._combo, *self._known, self.message):
            self.add(part)

    def _connect(self) -> None:
        self._timer.timeout.connect(self._count)
        self._combo.currentIndexChanged.connect(self._choose)
        self._wrong.toggled.connect(self._paint)
        against, reviewing = self._against, self._reviewing
        against.counted.connect(self._take_counts)
        against.painted.connect(self._take_errors)
        against.shares_changed.connect(self.overlaps_changed)
        against.failed.connect(self._say_failure)
        reviewing.result_changed.connect(self._show_result)
        reviewing.regions_changed.connect(self._look_at_regions)
        self._session.results.threshold_changed.connect(self._follow_threshold)
        for event in self._of_list():
            event.connect(self._show_layers)

    def _of_list(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.renamed

    def _show_result(self) -> None:
        """Another result is in hand: its truth is another as well."""
        self._list_layers()
        self._take_layer()

    def _show_layers(self, event: Any = None) -> None:
        """Follow the viewer's layers; keep the choice where it is left."""
        if not isalive(self):
            return
        self._list_layers()
        if self._wrong.isChecked() and self._right_and_wrong.was_removed:
            self._wrong.setChecked(False)
        if self.layer is not self._followed:
            self._take_layer()

    def _list_layers(self) -> None:
        shown = self._reviewing.shown
        layers = [each for each in self._viewer.layers if may_be_truth(each)]
        wanted = None if shown is None else self._chosen.get(shown.source)
        self._combo.blockSignals(True)
        self._combo.clear()
        self._combo.addItem('None', None)
        for layer in reversed(layers):
            self._combo.addItem(layer.name, layer)
        self.choose(wanted)
        self._combo.blockSignals(False)
        self.setVisible(bool(layers) and shown is not None)

    def _choose(self) -> None:
        """The user chose a layer; it holds for this image only."""
        shown = self._reviewing.shown
        if shown is not None:
            self._chosen[shown.source] = self.layer
        self._take_layer()

    def _take_layer(self) -> None:
        self._unfollow()
        self._followed = self.layer
        for event in _changes(self.layer):
            event.connect(self._follow_layer)
        self._against.clear()
        self._right_and_wrong.hide()
        self._show_figures()
        self._count()

    def _unfollow(self) -> None:
        for event in _changes(self._followed):
            event.disconnect(self._follow_layer)
        self._followed = None

    def _follow_layer(self, event: Any = None) -> None:
        """The truth was moved or drawn in."""
        if isalive(self):
            self._timer.start()

    def _follow_threshold(self, source: Any) -> None:
        if not isalive(self):
            return
        shown = self._reviewing.shown
        if shown is not None and shown.source is source:
            self._show_figures()
            self._paint()

    def _count(self) -> None:
        """Count the map against the truth, if there is any."""
        shown, layer = self._reviewing.shown, self.layer
        self.message.say('')
        if shown is None or layer is None:
            return
        if not self._against.count(shown, layer):
            self._right_and_wrong.hide()
            self._show_figures()
            self.message.say(NO_AREAS.format(layer.name), 'note')

    def _take_counts(self) -> None:
        covered = self._against.judged.covered
        self.message.say(what_is_left_out(covered, self.layer.name), 'note')
        self._show_figures()
        self._paint()
        self._look_at_regions()

    def _show_figures(self) -> None:
        judged, shown = self._against.judged, self._reviewing.shown
        known = judged is not None and judged.covered > 0
        for part in self._known:
            part.setVisible(known)
        if known:
            figures = judged.judgement.figures(shown.threshold)
            self._figures.setText(figures_line(figures))
            self._figures.setToolTip(explained(judged.coarser))
            self._legend.setText(legend(figures))

    def _paint(self) -> None:
        """Show the errors at the threshold, or none any more."""
        if self._wrong.isChecked() and self._against.judged is not None:
            self._against.paint(self._reviewing.shown.threshold)
        else:
            self._against.paint_no_more()
            self._right_and_wrong.hide()

    def _take_errors(self, errors: np.ndarray) -> None:
        shown = self._reviewing.shown
        if shown.source in self._viewer.layers:
            frame = self._against.judged.frame
            self._right_and_wrong.show(shown, errors, frame)

    def _look_at_regions(self) -> None:
        """The regions are others, or the truth is."""
        shown = self._reviewing.shown
        if shown is not None:
            shape = shown.maps.probability[0].shape
            self._against.look_at(self._reviewing.outlines, shape)

    def _say_failure(self, error: Exception) -> None:
        self.message.say(failure(error), 'stop')


def _changes(layer: Layer | None) -> list[Any]:
    """Events after which a layer says something else."""
    if layer is None:
        return []
    names = ['data', *_MOVES]
    if isinstance(layer, Labels):
        names += ['paint', 'labels_update']
        # Taking back what was painted is told by this one only, which a
        # layer of several levels also sends whenever the view moves.
        names += [] if layer.multiscale else ['set_data']
    return [getattr(layer.events, name) for name in names]
