"""What the colours of a map mean, as a strip from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

__all__ = ['Legend']

_STEPS = 256


class Legend(QWidget):
    """A colour strip with its ends written beside it; hidden at first."""

    def __init__(self) -> None:
        super().__init__()
        self._strip = _Strip()
        self._low, self._high = QLabel(), QLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._low)
        layout.addWidget(self._strip, 1)
        layout.addWidget(self._high)
        self.hide()

    def explain(self, colormap: Any, low: str, high: str) -> None:
        """Show the colours of a map.

        Parameters
        ----------
        colormap
            napari's; its values 0 to 1 are shown.
        low, high
            What 0 and 1 mean.
        """
        colors = colormap.map(np.linspace(0, 1, _STEPS))
        self._strip.pixels = np.round(colors * 255).astype(np.uint8)
        self._strip.update()
        self._low.setText(low)
        self._high.setText(high)
        self.show()


class _Strip(QWidget):
    """Colours from left to right, ``pixels`` being ``(256, 4)`` uint8."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = np.zeros((_STEPS, 4), np.uint8)
        self.setFixedHeight(10)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )

    def paintEvent(self, event: Any) -> None:
        """Draw the colours over the background."""
        image = QImage(
            self.pixels.tobytes(),
            _STEPS,
            1,
            4 * _STEPS,
            QImage.Format.Format_RGBA8888,
        )
        painter = QPainter(self)
        painter.drawImage(self.rect(), image)
        painter.end()
