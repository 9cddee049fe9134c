"""The training half of the Fine-tune widget."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_wsol.engine.messages import DescribeDevices, Devices, Trained
from napari_wsol.errors import WsolError
from napari_wsol.models.folder import read_folder
from napari_wsol.projects import lineage, runs
from napari_wsol.widgets import jobs
from napari_wsol.widgets.candidate_section import CandidateSection
from napari_wsol.widgets.in_view import stated_pixel_size
from napari_wsol.widgets.learning_section import LearningSection
from napari_wsol.widgets.outcome_message import OutcomeMessage
from napari_wsol.widgets.promotion import Promotion
from napari_wsol.widgets.session import bare_viewer
from napari_wsol.widgets.setup_section import SetupSection
from napari_wsol.widgets.training_checks import (
    SECONDS_PER_IMAGE,
    Checked,
    TrainingChecks,
)
from napari_wsol.widgets.training_job import TrainingJob
from napari_wsol.widgets.unfinished_section import UnfinishedSection
from napari_wsol.widgets.versions_section import VersionsSection
from napari_wsol.widgets.wording import describe_duration

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wsol.projects.project import Project
    from napari_wsol.widgets.session import Session

__all__ = ['TrainingPanel']

NO_PROJECT = 'Open a project, or make one, to train a model.'
READ_ONLY = 'This project is open only to look at, so it cannot be trained.'


class TrainingPanel(QWidget):
    """Train in a project, judge the new model, keep it or not.

    Parameters
    ----------
    viewer
        The napari viewer.
    session
        Gives the engine and the folders.

    Attributes
    ----------
    model_changed
        Emitted when another model of the project is in use: one was kept,
        or an earlier one taken up again.
    """

    model_changed = Signal()

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = bare_viewer(viewer)
        self._session = session
        self._project: Project | None = None
        self._seconds_per_image = SECONDS_PER_IMAGE['cpu']
        self.unfinished = UnfinishedSection()
        self.setup = SetupSection(self._viewer, session.preferences.models)
        self.learning = LearningSection()
        self.candidate = CandidateSection()
        self.outcome = OutcomeMessage()
        self.versions = VersionsSection()
        self.training = TrainingJob(self._viewer, session, self.learning)
        self.promotion = Promotion(self._viewer, session, self.candidate)
        self._checks = TrainingChecks(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        for part in (
            self.outcome,
            self.unfinished,
            self.setup,
            self.learning,
            self.candidate,
            self.versions,
        ):
            layout.addWidget(part)
        self._connect()
        self.set_project(None)
        running = self.training.running
        looking = self.promotion.look.running

        def farewell() -> None:
            running.stop()
            looking.stop()

        session.attach(self, farewell)
        jobs.run(
            session.client,
            'looking for devices',
            DescribeDevices,
            self._take_devices,
        )

    @property
    def is_training(self) -> bool:
        """Whether a training is under way."""
        return self.training.is_running

    @property
    def is_looking(self) -> bool:
        """Whether the two models are being run over an image."""
        return self.promotion.look.running.job is not None

    def reset_choices(self, event: Any = None) -> None:
        """Follow the viewer's layers."""
        if isalive(self):
            self.setup.reset_choices()

    def set_project(self, project: Project | None) -> None:
        """Show another project; a training that runs is left unfinished."""
        self.training.abandon()
        self.promotion.withdraw()
        if self._project is not None:
            self._project.changed.disconnect(self._follow, missing_ok=True)
        self._project = project
        self.outcome.say('')
        self.setup.forget_choices()
        if project is not None:
            project.changed.connect(self._follow)
            self._offer_waiting()
        self._show_state()
        self._show_parent()

    def train(self) -> None:
        """Start a training with what the form says."""
        project = self._project
        if project is None or self.is_training:
            return
        try:
            run = runs.new_run(project, self.setup.speed)
        except WsolError as error:
            self.outcome.say(str(error), 'stop')
            return
        self._begin(run, resume=False)

    def resume(self, run: str) -> None:
        """Go on with a training that was cut short."""
        if self._project is not None and not self.is_training:
            self._begin(run, resume=True)

    def roll_back(self, number: int) -> None:
        """Use an earlier version again."""
        project = self._project
        version = next(
            each for each in lineage.versions(project) if each.number == number
        )
        try:
            lineage.roll_back(project, version)
        except WsolError as error:
            self.outcome.say(str(error), 'stop')
            return
        self.outcome.say(f'"{version.name}" is in use again.')
        self._show_state()
        self.model_changed.emit()

    def _connect(self) -> None:
        layers = self._viewer.layers
        for event in (
            layers.events.inserted,
            layers.events.removed,
            layers.selection.events.active,
        ):
            event.connect(self.reset_choices)
        self.setup.started.connect(self.train)
        self.setup.changed.connect(self._check)
        self.setup.parent_changed.connect(self._take_parent)
        self._checks.done.connect(self._take_checks)
        self.unfinished.resumed.connect(self.resume)
        self.unfinished.discarded.connect(self._drop_unfinished)
        self.training.trained.connect(self._take_trained)
        self.training.failed.connect(self._take_failure)
        self.training.cancelled.connect(self._take_cancelled)
        self.promotion.kept.connect(self._take_kept)
        self.promotion.discarded.connect(self._take_discarded)
        self.versions.chosen.connect(self.roll_back)

    def _begin(self, run: str, *, resume: bool) -> None:
        watched = self.setup.watched
        size = None
        if watched is not None:
            size = stated_pixel_size(watched, self._project)
        self.outcome.say('')
        self.promotion.look.clear()
        self.training.start(
            self._project.folder,
            run,
            run.rpartition('-')[2],
            self.setup.form.overrides,
            watched,
            None if size is None else size.mpp,
            resume=resume,
        )
        self._show_state()

    def _take_trained(self, event: Trained) -> None:
        run = self._project.folder / runs.RUNS / event.run
        self.promotion.offer(self._project, run, event.comparison)
        rate = self.training.images_per_second
        if rate and event.run.endswith('full'):
            self._seconds_per_image = 1 / rate
        self.outcome.say(
            f'Trained in {describe_duration(event.seconds)}. Nothing is '
            'changed until you keep it.'
        )
        self._show_state()
        self.promotion.compare()

    def _take_failure(self, message: str, details: str) -> None:
        if self._has_begun():
            message += (
                ' What was learned up to the last epoch is still there: go '
                'on with it below, or discard it.'
            )
        else:
            self._remove(self.training.run)
        self.outcome.say(message, 'stop', details)
        self._show_state()

    def _take_cancelled(self, was_asked: bool) -> None:
        if was_asked or not self._has_begun():
            self._remove(self.training.run)
            self.outcome.say('Cancelled. Nothing has changed.')
        else:
            self.outcome.say('The training was stopped.', 'note')
        self._show_state()

    def _take_kept(self, version: lineage.Version) -> None:
        self.outcome.say(
            f'"{version.name}" is kept and in use. The next training starts '
            'from it.',
            'good',
        )
        self._show_state()
        self.model_changed.emit()

    def _take_discarded(self, again: bool) -> None:
        self.outcome.say('Discarded. Nothing has changed.')
        self._show_state()
        if again:
            self.train()

    def _offer_waiting(self) -> None:
        """Take up the last new model that nobody has judged yet."""
        for run in runs.candidates(self._project)[-1:]:
            try:
                comparison = runs.read_comparison(run)
            except WsolError as error:
                self.outcome.say(str(error), 'stop')
            else:
                self.promotion.offer(self._project, run, comparison)

    def _show_state(self) -> None:
        """Show what there is to do now."""
        project = self._project
        can_train = project is not None and not project.read_only
        is_free = not (self.is_training or self.promotion.is_open)
        if project is None:
            self.outcome.say(NO_PROJECT)
        elif not can_train:
            self.outcome.say(READ_ONLY, 'note')
        self.setup.setVisible(can_train and is_free)
        self.candidate.setVisible(can_train and self.promotion.is_open)
        self.unfinished.show_runs(
            [(run.name, _told(run)) for run in self._unfinished()]
            if can_train and is_free
            else []
        )
        versions = () if project is None else lineage.versions(project)
        self.versions.show_versions(
            lineage.tree(versions),
            None if project is None else project.settings.current_version,
        )
        self.versions.setEnabled(can_train and is_free)
        self._offer_versions(versions)
        self._check()

    def _unfinished(self) -> list[Path]:
        """Runs to be gone on with; not the one in hand."""
        if self._project is None:
            return []
        running = self.training.run if self.is_training else None
        return [
            run
            for run in runs.unfinished_runs(self._project)
            if run.name != running
        ]

    def _has_begun(self) -> bool:
        """Whether the last training can be gone on with."""
        return self.training.run in [run.name for run in self._unfinished()]

    def _remove(self, run: str) -> None:
        try:
            runs.discard(self._project, self._project.folder / runs.RUNS / run)
        except WsolError as error:
            self.outcome.say(str(error), 'stop')

    def _drop_unfinished(self, run: str) -> None:
        self._remove(run)
        self._show_state()

    def _offer_versions(self, versions: tuple[lineage.Version, ...]) -> None:
        chooser = self.setup.parent_model
        chooser.blockSignals(True)
        chooser.offer(
            [
                (version.name, read_folder(version.path))
                for version in reversed(versions)
            ]
        )
        chooser.blockSignals(False)
        self._show_parent()

    def _show_parent(self) -> None:
        """Choose in the form what the project starts from."""
        if self._project is None:
            return
        chooser = self.setup.parent_model
        chooser.blockSignals(True)
        if self._project.parent is None:
            chooser.use_none()
        else:
            chooser.use(self._project.parent)
        chooser.blockSignals(False)

    def _take_parent(self) -> None:
        project, model = self._project, self.setup.parent_model.model
        if project is None or project.read_only:
            return
        path = None if model is None else model.path
        if path != project.parent:
            project.set_parent(path)

    def _follow(self, keys: tuple[str, ...]) -> None:
        """Check again when labels or settings have changed."""
        if isalive(self):
            if not keys:
                self._show_parent()
            self._check()

    def _check(self) -> None:
        if self._project is None or not self.setup.isVisibleTo(self):
            self._checks.drop()
            return
        self._checks.ask(
            self._project,
            self.setup.speed,
            self.setup.form.overrides,
            self._seconds_per_image,
        )

    def _take_checks(self, checked: Checked) -> None:
        before = self.setup.speed
        self.setup.advise_speed(checked.speed, checked.why)
        self.setup.form.set_defaults(checked.usual)
        self.setup.show_obstacles(checked.obstacles)
        self.setup.show_estimate(checked.estimate)
        if self.setup.speed != before:
            self._check()

    def _take_devices(self, event: Any) -> None:
        if isinstance(event, Devices) and isalive(self):
            best = next(
                (k for k, _ in event.available if k in SECONDS_PER_IMAGE),
                'cpu',
            )
            self._seconds_per_image = SECONDS_PER_IMAGE[best]
            self._check()


def _told(run: Path) -> str:
    """A run that was cut short, in a sentence."""
    speed = run.name.rpartition('-')[2]
    when = datetime.fromtimestamp((run / 'config.json').stat().st_mtime)
    return (
        f'A {speed} training begun on {when:%d %b at %H:%M} was cut short. '
        'Its labels and its finished epochs are there.'
    )
