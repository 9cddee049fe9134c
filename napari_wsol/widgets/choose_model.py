"""The part of the form where the model is chosen and introduced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari.qt.threading import create_worker
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from napari_wsol.errors import WsolError
from napari_wsol.models.card import ModelCard
from napari_wsol.models.folder import ModelFolder
from napari_wsol.models.library import (
    broken_models,
    find_model,
    list_models,
)
from napari_wsol.widgets.disclosure import Disclosure
from napari_wsol.widgets.texts import (
    Message,
    Section,
    compact_combo,
    text_label,
)
from napari_wsol.widgets.wording import describe_card

__all__ = ['ModelChooser']


class ModelChooser(Section):
    """Choose a model and read its card in plain words.

    Parameters
    ----------
    models_dir
        The user's models folder.
    title
        The heading.
    without
        Name of an entry that stands for no model; empty for no such entry.
    without_means
        What it means to choose it.
    """

    changed = Signal()

    def __init__(
        self,
        models_dir: Path,
        *,
        title: str = 'Model',
        without: str = '',
        without_means: str = '',
    ) -> None:
        super().__init__(title)
        self._models_dir = models_dir
        self._without_means = without_means
        self._offered = 0
        self._combo = compact_combo('Model', 'What to look for.')
        more = QToolButton()
        more.setText('More...')
        more.setAccessibleName('More models')
        more.setToolTip('Use a model from a folder or from the internet.')
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        menu.addAction('From a folder...', self._browse)
        menu.addAction('From the Hugging Face Hub...', self._show_hub)
        more.setMenu(menu)
        row = QHBoxLayout()
        row.addWidget(self._combo, 1)
        row.addWidget(more)
        self._hub = _HubRow(self._fetch)
        self._message = Message()
        self._summary = text_label()
        self._details_text = text_label()
        self._details = Disclosure('About this model', self._details_text)
        self.body.addLayout(row)
        for widget in (
            self._hub,
            self._message,
            self._summary,
            self._details,
        ):
            self.add(widget)
        if without:
            self._combo.addItem(without, None)
        for model in list_models(models_dir):
            self._add(model)
        self._message.say(
            ' '.join(broken.reason for broken in broken_models(models_dir)),
            'note',
        )
        self._combo.currentIndexChanged.connect(self._show_card)
        self._show_card()

    @property
    def model(self) -> ModelFolder | None:
        """The chosen model."""
        return self._combo.currentData()

    @property
    def card(self) -> ModelCard | None:
        """The chosen model's card."""
        return None if self.model is None else self.model.card

    def use(self, name: str | Path) -> bool:
        """Choose a model that is on this computer.

        Parameters
        ----------
        name
            As ``models.library.find_model`` takes it. Where there is no such
            model the form says why.

        Returns
        -------
        bool
            Whether it was found.
        """
        try:
            model = find_model(name, self._models_dir)
        except WsolError as error:
            self._message.say(str(error), 'stop')
            return False
        self._select(model)
        return True

    def use_none(self) -> None:
        """Choose the entry that stands for no model, where there is one."""
        self._message.say('')
        index = self._combo.findData(None)
        if index >= 0:
            self._combo.setCurrentIndex(index)

    def offer(self, models: Sequence[tuple[str, ModelFolder]]) -> None:
        """List more models, first of all, in place of those offered before.

        Parameters
        ----------
        models
            Each with the name to list it under.
        """
        chosen = self.model
        self._combo.blockSignals(True)
        for _ in range(self._offered):
            self._combo.removeItem(0)
        for index, (title, model) in enumerate(models):
            self._combo.insertItem(index, title, model)
        self._offered = len(models)
        self._combo.blockSignals(False)
        if chosen is None:
            self.use_none()
        else:
            self._select(chosen)
        self._show_card()

    def _add(self, model: ModelFolder) -> None:
        self._combo.addItem(model.card.title, model)

    def _select(self, model: ModelFolder) -> None:
        self._message.say('')
        for index in range(self._combo.count()):
            listed = self._combo.itemData(index)
            if listed is not None and listed.path == model.path:
                self._combo.setCurrentIndex(index)
                return
        self._add(model)
        self._combo.setCurrentIndex(self._combo.count() - 1)

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, 'Choose a model folder', str(self._models_dir)
        )
        if folder:
            self.use(Path(folder))

    def _show_hub(self) -> None:
        self._hub.show()
        self._hub.entry.setFocus()

    def _fetch(self, name: str) -> None:
        self._message.say(f'Getting {name}...')
        self._hub.setEnabled(False)
        worker = create_worker(
            _find_with_download, name, self._models_dir, _start_thread=False
        )
        worker.returned.connect(self._fetched)
        worker.start()

    def _fetched(self, found: ModelFolder | str) -> None:
        self._hub.setEnabled(True)
        if isinstance(found, str):
            self._message.say(found, 'stop')
            return
        self._hub.hide()
        self._select(found)

    def _show_card(self) -> None:
        card = self.card
        self._details.setVisible(card is not None)
        if card is None:
            self._summary.setText(
                self._without_means
                or 'There is no model here yet. Choose "More..." to use one '
                'from a folder.'
            )
        else:
            self._summary.setText(f'{card.finds}\n{card.tissue}')
            self._details_text.setText(
                '\n\n'.join(
                    f'{heading}: {text}'
                    for heading, text in describe_card(card)
                )
            )
        self.changed.emit()


class _HubRow(QWidget):
    """Where the name of a model on the hub is typed."""

    def __init__(self, fetch) -> None:
        super().__init__()
        self.entry = QLineEdit()
        self.entry.setPlaceholderText('organisation/name@revision')
        self.entry.setAccessibleName('Model on the Hugging Face Hub')
        self.entry.setToolTip(
            'The model is downloaded once and then kept on this computer. '
            'The revision (a commit or a tag) fixes which version it is.'
        )
        button = QPushButton('Get')
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.entry, 1)
        layout.addWidget(button)
        self.entry.returnPressed.connect(button.click)
        button.clicked.connect(lambda: fetch(self.entry.text().strip()))
        self.hide()


def _find_with_download(name: str, models_dir: Path) -> ModelFolder | str:
    """The model, or why it cannot be had."""
    try:
        return find_model(name, models_dir, allow_download=True)
    except WsolError as error:
        return str(error)
