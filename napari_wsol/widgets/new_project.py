"""The form in which a new project is made."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_wsol.errors import WsolError
from napari_wsol.models.folder import ModelFolder
from napari_wsol.models.library import list_models
from napari_wsol.projects.project import Project
from napari_wsol.projects.settings import FIELD_PX, field_side_um
from napari_wsol.widgets.texts import Message, compact_combo, text_label
from napari_wsol.widgets.wording import plain_class

__all__ = ['NewProjectDialog']

_NONE = 'None: every class has something to mark'
_ENCODER = 'No model: begin from a general encoder'


class NewProjectDialog(QDialog):
    """Ask for name, folder, classes and the model to begin from.

    Parameters
    ----------
    parent
        Gives its looks.
    models_dir
        The user's models folder.
    """

    def __init__(self, parent: QWidget | None, models_dir: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle('New project')
        self.setMinimumWidth(540)
        self.project: Project | None = None
        self.name = QLineEdit()
        self.name.setPlaceholderText('for example: Colon biopsies')
        self.place = QLineEdit(str(Path.home()))
        self.place.setToolTip(
            "A folder of the project's name is made in there."
        )
        browse = QPushButton('Browse...')
        browse.clicked.connect(self._browse)
        where = QHBoxLayout()
        where.addWidget(self.place, 1)
        where.addWidget(browse)
        self.parent_model = compact_combo(
            'Model to begin from',
            'The training goes on from what this model knows.',
        )
        for model in list_models(models_dir):
            self.parent_model.addItem(model.card.title, model)
        self.parent_model.addItem(_ENCODER, None)
        self.classes = QLineEdit()
        self.classes.setPlaceholderText('for example: benign, malignant')
        self.negative = compact_combo(
            'Class with nothing to mark',
            'Images of this class hold no region of interest at all.',
        )
        self.side = QDoubleSpinBox()
        self.side.setRange(1, 5000)
        self.side.setDecimals(0)
        self.side.setSuffix(' µm')
        self.side.setToolTip(
            'How high and wide a stamped field is; the model proposes '
            f'{FIELD_PX} of its own pixels.'
        )
        form = QFormLayout()
        form.addRow('Name', self.name)
        form.addRow('In the folder', where)
        form.addRow('Begin from', self.parent_model)
        form.addRow('Classes', self.classes)
        form.addRow('Nothing to mark in', self.negative)
        form.addRow('Side of a field', self.side)
        self._message = Message()
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText(
            'Make the project'
        )
        buttons.accepted.connect(self.make)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(
            text_label(
                'Separate classes by commas; their order gives the keys 1 to '
                '9. Classes can be added and renamed later.'
            )
        )
        layout.addWidget(self._message)
        layout.addWidget(buttons)
        self.parent_model.currentIndexChanged.connect(self._take_model)
        self.classes.textChanged.connect(self._offer_negatives)
        self._offer_negatives()
        self._take_model()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that were typed."""
        parts = (part.strip() for part in self.classes.text().split(','))
        return tuple(dict.fromkeys(part for part in parts if part))

    @property
    def model(self) -> ModelFolder | None:
        """The model to begin from."""
        return self.parent_model.currentData()

    def make(self) -> None:
        """Make the project and close the form, or say what lacks."""
        name = self.name.text().strip()
        if not name:
            self._message.say('Give the project a name.', 'stop')
            self.name.setFocus()
            return
        if len(self.class_names) < 1:
            self._message.say('Name at least one class.', 'stop')
            self.classes.setFocus()
            return
        model = self.model
        try:
            self.project = Project.create(
                Path(self.place.text()).expanduser() / _folder_name(name),
                name=name,
                classes=self.class_names,
                negative_class=self.negative.currentData(),
                parent=None if model is None else model.path,
                field_side_um=self.side.value(),
            )
        except (WsolError, OSError) as error:
            self._message.say(str(error), 'stop')
            return
        self.accept()

    def _take_model(self) -> None:
        """Propose the model's classes, what is to be marked first, and side.

        The side is that which the model sees in ``FIELD_PX`` of its pixels.
        """
        model = self.model
        self.side.setValue(field_side_um(model and model.card.mpp))
        if model is not None:
            negative = model.card.negative_class
            names = sorted(
                model.card.classes, key=lambda name: name == negative
            )
            self.classes.setText(', '.join(names))
            self.negative.setCurrentIndex(
                max(0, self.negative.findData(negative))
            )

    def _offer_negatives(self) -> None:
        chosen = self.negative.currentData()
        self.negative.clear()
        self.negative.addItem(_NONE, None)
        for name in self.class_names:
            self.negative.addItem(plain_class(name), name)
        self.negative.setCurrentIndex(max(0, self.negative.findData(chosen)))

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, 'Where to make the project', self.place.text()
        )
        if folder:
            self.place.setText(folder)


def _folder_name(name: str) -> str:
    """A project's name without what a folder's name cannot hold."""
    kept = ''.join(c if c.isalnum() or c in ' -_.' else '-' for c in name)
    return kept.strip(' .') or 'project'
