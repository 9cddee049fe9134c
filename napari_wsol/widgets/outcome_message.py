"""How a piece of work ended, with details to copy where it went wrong."""

from __future__ import annotations

from qtpy.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from napari_wsol.widgets.texts import Message

__all__ = ['OutcomeMessage']


class OutcomeMessage(QWidget):
    """A sentence, and a button that copies the details for a bug report."""

    def __init__(self) -> None:
        super().__init__()
        self._message = Message()
        self._details_text = ''
        self._details = QPushButton('Copy details for a bug report')
        self._details.clicked.connect(
            lambda: QApplication.clipboard().setText(self._details_text)
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._message)
        layout.addWidget(self._details)
        self.say('')

    @property
    def text(self) -> str:
        """What it says."""
        return self._message.text()

    def say(self, text: str, kind: str = 'fine', details: str = '') -> None:
        """Say how it ended; nothing hides all.

        Parameters
        ----------
        text, kind
            As for ``Message.say``.
        details
            For a bug report.
        """
        self._message.say(text, kind)
        self._details_text = details
        self._details.setVisible(bool(details))
        self.setVisible(bool(text))
