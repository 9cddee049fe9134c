"""The thin bar of work under way, alone or with the button that asks."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton

__all__ = ['AskButton', 'ThinBar']

_PARTS = 1000


class ThinBar(QProgressBar):
    """How far work is, without words."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setFixedHeight(6)

    def show_work(self) -> None:
        """Move without saying how far it is."""
        self.setRange(0, 0)

    def show_share(self, done: float, total: float) -> None:
        """Say how far it is, as soon as there is something to do."""
        if total > 0:
            self.setRange(0, _PARTS)
            self.setValue(round(_PARTS * done / total))


class AskButton(QPushButton):
    """Asks the model something; while it looks, the button cancels.

    Parameters
    ----------
    text, tooltip
        What is asked.

    Attributes
    ----------
    bar
        To be put somewhere below; shown while the model looks.
    """

    asked = Signal()
    cancelled = Signal()

    def __init__(self, text: str, tooltip: str) -> None:
        super().__init__(text)
        self.setToolTip(tooltip)
        self.bar = ThinBar()
        self.bar.hide()
        self._text, self._running = text, False
        self.clicked.connect(self._press)

    @property
    def is_running(self) -> bool:
        """Whether the model is being asked."""
        return self._running

    def begin(self) -> None:
        """Show that the model is being asked."""
        self._running = True
        self.setText('Cancel')
        self.bar.show_work()
        self.bar.show()

    def end(self) -> None:
        """Be ready to ask again."""
        self._running = False
        self.setText(self._text)
        self.bar.hide()

    def _press(self) -> None:
        (self.cancelled if self._running else self.asked).emit()
