"""The head of the form: which project is open, and opening another one."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
)

from napari_wsol.errors import (
    DamagedFileError,
    ProjectInUseError,
    WsolError,
)
from napari_wsol.projects.project import Project
from napari_wsol.projects.store import restore
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.new_project import NewProjectDialog
from napari_wsol.widgets.preferences import Preferences
from napari_wsol.widgets.recent_projects import (
    recent_projects,
    remember_project,
)
from napari_wsol.widgets.texts import Message, Section

__all__ = ['ProjectBar']

_WELCOME = (
    'A project keeps your labels and the models that learn from them in one '
    'folder, saved with every click. Make a new one, or open one.'
)


class ProjectBar(Section):
    """Make, open and name the project.

    Parameters
    ----------
    labelling
        Gets the project.
    preferences
        Where models and the list of recent projects are.
    """

    opened = Signal()

    def __init__(self, labelling: Labelling, preferences: Preferences) -> None:
        super().__init__('Project')
        self._labelling = labelling
        self._preferences = preferences
        self._name = QLabel()
        font = self._name.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self._name.setFont(font)
        self._name.setWordWrap(True)
        new = QPushButton('New...')
        new.setToolTip('Make a project in a new folder.')
        new.clicked.connect(self._ask_for_new)
        open_ = QPushButton('Open...')
        open_.setToolTip("Open a project's folder.")
        open_.clicked.connect(self._ask_for_folder)
        self._recent = QPushButton('Recent')
        menu = QMenu(self._recent)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: self._fill_recent(menu))
        self._recent.setMenu(menu)
        self._message = Message()
        self._look = QPushButton('Open it only to look')
        self._restore = QPushButton('Bring the last good copy back')
        self._fix: WsolError | None = None
        self._wanted = Path()
        self._look.clicked.connect(
            lambda: self.open(self._wanted, read_only=True)
        )
        self._restore.clicked.connect(self._bring_back)
        row = QHBoxLayout()
        for widget in (new, open_, self._recent):
            row.addWidget(widget)
        row.addStretch()
        self.add(self._name)
        self.body.addLayout(row)
        for widget in (self._message, self._look, self._restore):
            self.add(widget)
        labelling.project_changed.connect(self._show_project)
        labelling.settings_changed.connect(self._show_name)
        self._show_project()

    def open(self, folder: Path, read_only: bool = False) -> bool:
        """Open a project, or say why that is not possible.

        Returns
        -------
        bool
            Whether it is open now.
        """
        current = self._labelling.project
        if current is not None and current.folder == folder.resolve():
            self._labelling.set_project(None)
        try:
            project = Project.open(folder, read_only=read_only)
        except (WsolError, OSError) as error:
            self._refuse(folder, error)
            return False
        self.use(project)
        return True

    def use(self, project: Project) -> None:
        """Go on with a project that is open."""
        self._labelling.set_project(project)
        remember_project(self._preferences.cache, project.folder)
        self.opened.emit()

    def _refuse(self, folder: Path, error: Exception) -> None:
        """Say what is wrong with a project, and offer what can be done."""
        self._fix, self._wanted = error, folder
        self._message.say(str(error), 'stop')
        self._look.setVisible(isinstance(error, ProjectInUseError))
        self._restore.setVisible(
            isinstance(error, DamagedFileError) and error.backup is not None
        )

    def _bring_back(self) -> None:
        """Restore a damaged file from its copy; ask first."""
        error = self._fix
        if not isinstance(error, DamagedFileError):
            return
        answer = QMessageBox.question(
            self,
            'Bring the last good copy back',
            f'"{error.path.name}" will be set aside, and its last good copy '
            'be used in its place. What was changed after that copy may '
            'lack.',
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.bring_back(error)

    def bring_back(self, error: DamagedFileError) -> None:
        """Use the last good copy of a damaged file, then open the project."""
        try:
            restore(error)
        except (WsolError, OSError) as problem:
            self._message.say(str(problem), 'stop')
            return
        self.open(self._wanted)

    def _show_project(self) -> None:
        """Name the project and say what should be known of it."""
        self._look.hide()
        self._restore.hide()
        self._show_name()
        project = self._labelling.project
        if project is None:
            self._message.say(_WELCOME)
            return
        remarks = list(project.remarks)
        if project.read_only:
            remarks.insert(
                0, 'Open only to look at: labels cannot be changed here.'
            )
        self._message.say(' '.join(remarks), 'note')

    def _show_name(self) -> None:
        project = self._labelling.project
        self._name.setVisible(project is not None)
        if project is not None:
            self._name.setText(project.settings.name)
            self._name.setToolTip(str(project.folder))

    def _fill_recent(self, menu: QMenu) -> None:
        menu.clear()
        for folder in recent_projects(self._preferences.cache):
            action = menu.addAction(
                folder.name, lambda folder=folder: self.open(folder)
            )
            action.setToolTip(str(folder))
        if menu.isEmpty():
            menu.addAction('None yet').setEnabled(False)

    def _ask_for_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Choose a project's folder"
        )
        if folder:
            self.open(Path(folder))

    def _ask_for_new(self) -> None:
        dialog = NewProjectDialog(self, self._preferences.models)
        if dialog.exec():
            self.use(dialog.project)
