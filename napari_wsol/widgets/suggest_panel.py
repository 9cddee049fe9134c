"""The part of the form that says what to label next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
)

from napari_wsol.engine.messages import Suggestion
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.texts import Message, Section, compact_combo
from napari_wsol.widgets.thin_bar import AskButton
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.wording import plain_class

if TYPE_CHECKING:
    from napari_wsol.inference.settings import Progress

__all__ = ['SuggestPanel']

_SHOWN_ROWS = 4
_THUMBNAIL = QSize(52, 52)


class SuggestPanel(Section):
    """Ask for suggestions, fly to each, answer it with a digit or pass.

    Parameters
    ----------
    labelling
        Holds the project.
    thumbnails
        Makes the small pictures.
    """

    ask = Signal(str, int)
    """Suggestions are asked for: from where, and how many."""

    cancel = Signal()

    flown = Signal(object, object)
    """A suggestion was chosen: its path and its box."""

    def __init__(self, labelling: Labelling, thumbnails: Thumbnails) -> None:
        super().__init__('What to label next')
        self._labelling = labelling
        self._thumbnails = thumbnails
        self._where = compact_combo(
            'Where to look for suggestions', 'Where to look.'
        )
        self._where.setMinimumWidth(100)
        self._where.addItem('This image', 'image')
        self._where.addItem('All images', 'project')
        self._count = QSpinBox()
        self._count.setRange(1, 200)
        self._count.setValue(20)
        self._count.setFixedWidth(84)
        self._count.setAccessibleName('How many suggestions')
        self._count.setToolTip('How many fields to suggest.')
        self._button = AskButton(
            'Suggest',
            'Find the fields that would teach the model most: where it is '
            'unsure, where what it leaves unmarked still looks like '
            'something, and what is unlike anything labelled.',
        )
        self._button.asked.connect(self._ask)
        self._button.cancelled.connect(self.cancel)
        self.message = Message()
        self._list = QListWidget()
        self._list.setAccessibleName('Suggestions')
        self._list.setIconSize(_THUMBNAIL)
        self._list.setWordWrap(True)
        self._list.setMinimumHeight(_SHOWN_ROWS * (_THUMBNAIL.height() + 6))
        self._list.hide()
        self._list.currentRowChanged.connect(self._fly)
        self._list.itemClicked.connect(lambda item: self._fly())
        self._pass = QPushButton('Pass')
        self._pass.setToolTip(
            'Take the chosen one off the list unanswered: it shows both, or '
            'cannot be told. It is not suggested again until the project is '
            'opened again.'
        )
        self._pass.clicked.connect(self.pass_over)
        self._pass.hide()
        self._passed: set[tuple[str, Box]] = set()
        self._wanted = 0
        row = QHBoxLayout()
        row.addWidget(self._where, 1)
        row.addWidget(self._count)
        row.addWidget(self._button)
        self.body.addLayout(row)
        self.add(self._button.bar)
        self.add(self.message)
        self.add(self._list)
        self.add(self._pass)
        thumbnails.changed.connect(self._show_thumbnails)
        labelling.project_changed.connect(self._start_again)
        labelling.items_changed.connect(self._drop_answered)
        self._start_again()

    @property
    def is_running(self) -> bool:
        """Whether suggestions are being looked for."""
        return self._button.is_running

    @property
    def current(self) -> Suggestion | None:
        """The suggestion that was flown to and awaits its answer."""
        item = self._list.currentItem()
        return None if item is None else item.data(Qt.ItemDataRole.UserRole)

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """Those that were not answered yet."""
        return tuple(
            self._list.item(row).data(Qt.ItemDataRole.UserRole)
            for row in range(self._list.count())
        )

    def begin(self) -> None:
        """Show that suggestions are being looked for."""
        self._button.begin()
        self.message.say('Looking for what would teach the model most...')

    def show_progress(self, progress: Progress) -> None:
        """Show how far the search is."""
        self._button.bar.show_share(progress.done, progress.total)

    def end(self, text: str = '', kind: str = 'fine') -> None:
        """Be ready to ask again, and say how the search ended."""
        self._button.end()
        self.message.say(text, kind)

    def show_suggestions(self, found: tuple[Suggestion, ...]) -> None:
        """List suggestions, best first, in place of the old."""
        found = tuple(
            each for each in found if _place(each) not in self._passed
        )[: self._wanted or None]
        self._list.blockSignals(True)
        self._list.clear()
        for suggestion in found:
            item = QListWidgetItem(_words(suggestion))
            item.setData(Qt.ItemDataRole.UserRole, suggestion)
            item.setToolTip(f'{suggestion.image}\n{suggestion.reason}')
            self._list.addItem(item)
        self._list.setCurrentRow(-1)
        self._list.blockSignals(False)
        self._show_list()
        self._show_thumbnails()
        if found:
            self.end('Click on one, then press the digit of its class.')
        else:
            self.end(
                'There is nothing to suggest here: everything with tissue is '
                'labelled already'
                + (', or was passed over.' if self._passed else '.')
            )

    def let_go(self) -> None:
        """Await no answer any more: something else was chosen."""
        self._list.blockSignals(True)
        self._list.setCurrentRow(-1)
        self._list.clearSelection()
        self._list.blockSignals(False)

    def answer(self, name: str, whole_image: bool) -> None:
        """Label the suggestion that was flown to, and fly to the next.

        Parameters
        ----------
        name
            Its class.
        whole_image
            Whether it is all of its image.
        """
        suggestion = self.current
        if suggestion is None:
            return
        row = self._list.currentRow()
        path, labelling = Path(suggestion.image), self._labelling
        done = (
            labelling.label_image(path, name, suggestion.mpp)
            if whole_image
            else labelling.add_field(
                path, suggestion.box, name, suggestion.mpp
            )
        )
        if not done:
            return
        self._go_on(suggestion, row)

    def pass_over(self) -> None:
        """Take the suggestion that was flown to off the list, unanswered."""
        suggestion = self.current
        if suggestion is not None:
            self._passed.add(_place(suggestion))
            self._go_on(suggestion, self._list.currentRow())

    def _go_on(self, suggestion: Suggestion, row: int) -> None:
        """Fly to the next one."""
        self._take_off(lambda each: each is suggestion)
        self._list.setCurrentRow(min(row, self._list.count() - 1))
        if not self._list.count():
            self.message.say('All suggestions are answered.')

    def _drop_answered(self) -> None:
        """Take off the list what was labelled some other way."""
        if not self._list.count():
            return
        labelled = {
            item.place
            for item in self._labelling.items.values()
            if item.label is not None
        }
        self._take_off(lambda each: (Path(each.image), each.box) in labelled)

    def _take_off(self, gone: Callable[[Suggestion], bool]) -> None:
        """Shorten the list; await an answer only for what is still on it."""
        awaited = self.current
        self._list.blockSignals(True)
        for row in reversed(range(self._list.count())):
            if gone(self._list.item(row).data(Qt.ItemDataRole.UserRole)):
                self._list.takeItem(row)
        if self.current is not awaited:
            self._list.setCurrentRow(-1)
        self._show_list()
        self._list.blockSignals(False)

    def _show_list(self) -> None:
        for widget in (self._list, self._pass):
            widget.setVisible(self._list.count() > 0)

    def _start_again(self) -> None:
        self.setVisible(self._labelling.project is not None)
        self._passed.clear()
        self._list.clear()
        self._show_list()
        self.end()

    def _show_thumbnails(self) -> None:
        for row in range(self._list.count()):
            item = self._list.item(row)
            if not item.icon().isNull():
                continue
            suggestion = item.data(Qt.ItemDataRole.UserRole)
            picture = self._thumbnails.get(
                Path(suggestion.image), suggestion.box
            )
            if picture is not None:
                item.setIcon(QIcon(picture))

    def _fly(self, row: Any = None) -> None:
        suggestion = self.current
        if suggestion is not None:
            self.flown.emit(Path(suggestion.image), suggestion.box)

    def _ask(self) -> None:
        self._wanted = self._count.value()
        self.ask.emit(
            self._where.currentData(), self._wanted + len(self._passed)
        )


def _place(suggestion: Suggestion) -> tuple[str, Box]:
    return suggestion.image, suggestion.box


def _words(suggestion: Suggestion) -> str:
    """What a suggestion is, and why."""
    name = Path(suggestion.image).stem
    guess = (
        f'{plain_class(suggestion.predicted)}? {suggestion.probability:.0%}'
    )
    return f'{suggestion.reason}\n{guess}\n{name}'
