"""Class probabilities as bars."""

from __future__ import annotations

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from napari_wsol.widgets.palette import class_color
from napari_wsol.widgets.wording import plain_class

__all__ = ['ProbabilityBars']


class ProbabilityBars(QWidget):
    """One bar per class; classes with regions have their mask's colour."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)

    def show_classes(
        self,
        classes: tuple[str, ...],
        probabilities: tuple[float, ...] | None,
        labels: tuple[str, ...],
    ) -> None:
        """Show new figures in place of the old.

        Parameters
        ----------
        classes, probabilities
            Of the image; None hides the bars.
        labels
            What the mask's values mean, from 1 on.
        """
        while self._grid.count():
            self._grid.takeAt(0).widget().deleteLater()
        self.setVisible(probabilities is not None)
        for row, (name, probability) in enumerate(
            zip(classes, probabilities or (), strict=False)
        ):
            color = None
            if name in labels:
                rgb = class_color(labels.index(name))
                color = QColor.fromRgbF(*rgb)
            figure = QLabel(f'{probability:.0%}')
            figure.setAlignment(
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
            self._grid.addWidget(QLabel(plain_class(name)), row, 0)
            self._grid.addWidget(_Bar(probability, color), row, 1)
            self._grid.addWidget(figure, row, 2)


class _Bar(QWidget):
    """A bar of 0 to 1 in a colour, grey for none."""

    def __init__(self, fraction: float, color: QColor | None) -> None:
        super().__init__()
        self._fraction = min(1.0, max(0.0, fraction))
        self._color = color
        self.setFixedHeight(10)
        self.setMinimumWidth(60)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )

    def paintEvent(self, event) -> None:
        """Draw the track and the bar over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        track = QColor(ink)
        track.setAlphaF(0.15)
        area = QRectF(self.rect())
        painter.setBrush(track)
        painter.drawRoundedRect(area, 3, 3)
        bar = self._color
        if bar is None:
            bar = QColor(ink)
            bar.setAlphaF(0.55)
        area.setWidth(area.width() * self._fraction)
        painter.setBrush(bar)
        painter.drawRoundedRect(area, 3, 3)
        painter.end()
