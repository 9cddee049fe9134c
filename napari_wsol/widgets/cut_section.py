"""The part of the form that says where the mask is cut, and what it holds."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel
from superqt import QLabeledDoubleSlider

from napari_wsol.regions.region import RegionTable
from napari_wsol.widgets.maps import MarkedArea
from napari_wsol.widgets.probability_histogram import ProbabilityHistogram
from napari_wsol.widgets.texts import Message, Section, text_label
from napari_wsol.widgets.thin_bar import ThinBar

__all__ = ['CutSection']

SETTLE_MS = 60
"""How long the slider rests before the regions follow."""


class CutSection(Section):
    """Threshold, histogram under it, and how many regions there are."""

    cut = Signal(float)
    """Mark from another threshold on."""

    def __init__(self) -> None:
        super().__init__('Threshold')
        self._slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0.01, 0.99)
        self._slider.setSingleStep(0.01)
        self._slider.setDecimals(2)
        self._slider.setAccessibleName('Threshold')
        self.histogram = ProbabilityHistogram()
        self._count = text_label()
        self.bar = ThinBar()
        self.bar.hide()
        self.message = Message()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(lambda: self.cut.emit(self.threshold))
        self._slider.valueChanged.connect(self._move)
        self.histogram.moved.connect(self._slider.setValue)
        row = QHBoxLayout()
        row.addWidget(QLabel('Mark from'))
        row.addWidget(self._slider, 1)
        self.add(self.histogram)
        self.body.addLayout(row)
        self.add(self._count)
        self.add(self.bar)
        self.add(self.message)

    @property
    def threshold(self) -> float:
        """Where the slider stands."""
        return float(self._slider.value())

    def show_map(self, area: MarkedArea, threshold: float) -> None:
        """Show another result."""
        self.histogram.show_area(area)
        self.set_threshold(threshold)
        self._count.setText('')

    def set_threshold(self, threshold: float) -> None:
        """Follow a mask that was cut elsewhere."""
        self._slider.blockSignals(True)
        self._slider.setValue(threshold)
        self._slider.blockSignals(False)
        self.histogram.set_threshold(threshold)

    def show_regions(self, table: RegionTable) -> None:
        """Say how many regions there are, and how large they are."""
        self.bar.hide()
        self._count.setText(_counted(table))

    def show_work(self, done: float = 0, total: float = 0) -> None:
        """Show that regions are being looked for."""
        self.bar.show()
        if total > 0:
            self.bar.show_share(done, total)
        else:
            self.bar.show_work()

    def _move(self, threshold: float) -> None:
        self.histogram.set_threshold(threshold)
        self._timer.start()


def _counted(table: RegionTable) -> str:
    if not len(table):
        return 'Nothing reaches this threshold.'
    noun = 'region' if len(table) == 1 else 'regions'
    area = float(table.area.sum())
    told = f'{area / 1e6:.3g} mm²'
    if table.unit == 'px':
        told = f'{area / 1e6:.3g} megapixels'
    return f'{len(table):,} {noun}, {told}'
