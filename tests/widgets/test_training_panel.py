"""Training, judging and keeping in a real viewer, with a stand-in engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image
from qtpy.QtCore import Qt
from safetensors.numpy import save

from napari_wsol.engine.messages import (
    Cancelled,
    EpochFigures,
    Failed,
    Paused,
    PredictRequest,
    PreviewDone,
    Trained,
    TrainingProgress,
    TrainingRemark,
    TrainRequest,
)
from napari_wsol.models.card import ModelCard
from napari_wsol.models.folder import write_folder
from napari_wsol.projects import lineage, runs
from napari_wsol.projects.project import Project
from napari_wsol.projects.verdict import (
    Comparison,
    Figures,
    comparison_to_json,
)
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.recent_projects import remember_project
from napari_wsol.widgets.session import session_of
from napari_wsol.widgets.training_panel import TrainingPanel

from .conftest import FakeClient

pytestmark = pytest.mark.viewer

OLD = Figures(20, 0.7, 0.4, 0.3, 0.6, f1_foreground=80.0, f1_background=81.0)
NEW = Figures(20, 0.9, 0.2, 0.2, 0.8, f1_foreground=86.0, f1_background=84.0)
HELD_OUT = (('benign', 8), ('malignant', 12))
BETTER = Comparison(OLD, NEW, None, HELD_OUT, gained=4)
WORSE = Comparison(NEW, OLD, None, HELD_OUT, lost=4)


class Trainer(FakeClient):
    """Trains as the test tells it; everything else is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self.steered: list[str] = []
        self.can_be_steered = True
        self.busy = 0

    @property
    def request(self) -> TrainRequest:
        """The last request to train."""
        return next(
            request
            for request in reversed(self.requests)
            if isinstance(request, TrainRequest)
        )

    def steer(self, job: int, what: str) -> bool:
        assert job == self.request.job
        self.steered.append(what)
        return self.can_be_steered

    def events(self, request: Any) -> Any:
        self.automatic = not isinstance(request, TrainRequest)
        self.busy += 1
        try:
            yield from super().events(request)
        finally:
            self.busy -= 1

    def tell(self, *events: Any) -> None:
        """Send events of the training."""
        for event in events:
            self.waiting.put(event)

    def end(self, comparison: Comparison, card: ModelCard, weights) -> None:
        """Leave a model in the run, as training does, and say so."""
        request = self.request
        run = Path(request.project) / 'runs' / request.run
        write_folder(run / 'model', card, weights)
        save_comparison(run, comparison)
        self.tell(Trained(request.job, request.run, comparison, 12.0))


def save_comparison(run: Path, comparison: Comparison) -> None:
    (run / runs.COMPARISON).write_text(comparison_to_json(comparison))


@pytest.fixture
def trainer():
    return Trainer()


@pytest.fixture
def viewer():
    """All of a viewer but its window."""
    return ViewerModel()


@pytest.fixture
def images(tmp_path, tissue):
    """Ten images of as many patients."""
    folder = tmp_path / 'images'
    folder.mkdir()
    paths = [folder / f'case{number:02}.png' for number in range(10)]
    for path in paths:
        Image.fromarray(tissue).save(path)
    return paths


@pytest.fixture
def project(tmp_path, images):
    """Ten labelled images, to be taught from the encoder."""
    project = Project.create(
        tmp_path / 'project', name='colon', classes=['benign', 'malignant']
    )
    keys = project.add_images(images, mpp=0.5)
    project.set_label(keys[::2], 'benign')
    project.set_label(keys[1::2], 'malignant')
    yield project
    project.close()


@pytest.fixture
def panel(viewer, trainer, project, qtbot):
    """The panel, with the project checked."""
    panel = TrainingPanel(viewer, session_of(viewer, trainer))
    qtbot.addWidget(panel)
    panel.set_project(project)
    qtbot.waitUntil(lambda: bool(panel.setup._estimate.text()))
    yield panel
    panel.set_project(None)
    qtbot.waitUntil(lambda: not trainer.busy)


@pytest.fixture
def layer(viewer, panel, images):
    """The first image, opened as users do."""
    (layer,) = viewer.open(images[0], plugin='napari')
    return layer


@pytest.fixture
def start(panel, trainer, qtbot):
    """Press Train and wait until the engine has the request."""

    def press() -> TrainRequest:
        count = len(trainer.requests)
        panel.setup._start.click()
        qtbot.waitUntil(lambda: len(trainer.requests) > count)
        return trainer.request

    return press


@pytest.fixture
def finish(panel, trainer, start, card, qtbot):
    """Train to the end, and wait for the candidate and both masks."""

    def run(comparison: Comparison = BETTER) -> None:
        start()
        parent = panel._project.parent
        hash_ = None
        if parent is not None:
            hash_ = lineage.read_folder(parent).card.sha256
        trainer.end(
            comparison,
            card.model_copy(update={'parent': hash_}),
            save({'run': np.array([len(trainer.requests)])}),
        )
        qtbot.waitUntil(lambda: panel.promotion.is_open)
        qtbot.waitUntil(lambda: not panel.is_looking)

    return run


def words(panel) -> str:
    return panel.learning._words.text()


def test_without_a_project_it_says_what_to_do(panel):
    panel.set_project(None)
    assert 'Open a project' in panel.outcome.text
    assert panel.setup.isHidden()


def test_the_form_tells_cost_and_advice(panel):
    assert 'Quick suits 10 labels' in panel.setup._why.text()
    assert panel.setup.speed == 'quick'
    assert 'memory' in panel.setup._estimate.text()
    assert panel.setup._start.isEnabled()


def test_what_stands_in_the_way_is_said_before_it_starts(
    panel, project, qtbot
):
    project.set_label(project.items, 'benign')
    qtbot.waitUntil(lambda: not panel.setup._start.isEnabled())
    texts = [
        panel.setup._obstacles.itemAt(i).widget().text()
        for i in range(panel.setup._obstacles.count())
    ]
    assert any('nothing to tell apart' in text for text in texts)
    assert any('Label some of another class' in text for text in texts)
    project.undo()
    qtbot.waitUntil(panel.setup._start.isEnabled)


def test_the_request_says_what_the_form_says(panel, layer, start, trainer):
    panel.setup.choose_speed('full')
    panel.setup.form.enter('epochs', '3')
    request = start()
    assert request.speed == 'full'
    assert request.run == '0001-full'
    assert dict(request.settings) == {'epochs': 3}
    assert not request.resume
    assert request.preview.box == (0, 0, 40, 60)
    assert Path(request.preview.image).name == 'case00.png'
    assert request.preview.mpp == 0.5
    assert panel.is_training
    assert panel.setup.isHidden()


def test_the_image_in_hand_is_watched_unless_another_was_chosen(
    viewer, panel, layer, tissue
):
    other = viewer.add_image(tissue, name='other')
    setup = panel.setup
    assert setup.watched is other
    viewer.layers.selection.active = layer
    assert setup.watched is layer
    index = setup._preview.findText('other', Qt.MatchFlag.MatchStartsWith)
    setup._preview.setCurrentIndex(index)
    setup._preview.activated.emit(index)
    viewer.layers.selection.active = None
    viewer.layers.selection.active = layer
    assert setup.watched is other
    viewer.layers.remove(other)
    assert setup.watched is layer


def test_a_training_can_be_watched(
    viewer, panel, layer, start, trainer, qtbot, tmp_path
):
    start()
    mask = tmp_path / 'mask.npy'
    np.save(mask, np.eye(10, 15, dtype=np.float16))
    trainer.tell(
        TrainingRemark('8 training and 2 validation images.'),
        TrainingProgress('student-1', 2, 3, 1, 4, 5, 10, 8.0, 65.0),
        EpochFigures('student-1', 1, 4, (('pixels', 0.7),)),
        EpochFigures('student-1', 2, 4, (('validation_error', 20.0),)),
        PreviewDone(str(mask), Box(0, 0, 40, 60), 2),
    )
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    assert 'Part 2 of 3' in words(panel)
    assert 'epoch 1 of 4 · 8 images/s · 65 s left' in words(panel)
    assert '8 training' in panel.learning._remark.text()
    assert panel.learning.curves.names == ('validation_error', 'pixels')
    preview = viewer.layers[1]
    np.testing.assert_allclose(preview.scale, (4, 4))
    np.testing.assert_allclose(preview.translate, (1.5, 1.5))
    assert viewer.layers.selection.active is layer
    np.save(mask, np.ones((10, 15), np.float16))
    trainer.tell(PreviewDone(str(mask), Box(0, 0, 40, 60), 3))
    qtbot.waitUntil(lambda: preview.data.min() == 1)
    trainer.tell(PreviewDone('gone.npy', Box(0, 0, 40, 60), 3))
    panel.training.cancel()
    qtbot.waitUntil(lambda: not panel.is_training)
    assert list(viewer.layers) == [layer]


def test_it_can_be_paused_and_stopped_early(panel, start, trainer, qtbot):
    start()
    learning = panel.learning
    learning._pause.click()
    assert 'Pausing' in words(panel)
    trainer.tell(Paused(True))
    qtbot.waitUntil(lambda: 'Paused' in words(panel))
    learning._pause.click()
    trainer.tell(Paused(False))
    qtbot.waitUntil(learning._pause.isEnabled)
    assert learning._pause.text() == 'Pause'
    learning._finish.click()
    assert 'after this epoch' in words(panel)
    assert trainer.steered == ['pause', 'go on', 'finish']


def test_buttons_say_so_while_the_engine_starts(panel, start, trainer):
    trainer.can_be_steered = False
    start()
    panel.learning._pause.click()
    assert 'not ready yet' in words(panel)
    assert panel.learning._pause.isEnabled()


def test_cancel_answers_at_once_and_leaves_no_trace(
    panel, start, project, qtbot
):
    request = start()
    run = project.folder / 'runs' / request.run
    assert run.exists()
    panel.learning._cancel.click()
    assert words(panel) == 'Stopping...'
    qtbot.waitUntil(lambda: not panel.is_training)
    assert not list((project.folder / 'runs').iterdir())
    assert 'Cancelled' in panel.outcome.text
    assert not panel.setup.isHidden()


def test_a_new_model_is_told_beside_the_old(viewer, panel, layer, finish):
    finish(BETTER)
    assert 'The new model is better' in panel.candidate._verdict.text()
    rows = {row[0]: row[1:] for row in panel.candidate._table.rows}
    assert rows['Classes right'] == ('70 %', '90 %', 'Better.')
    assert rows['F1 of what is marked'] == ('80.0', '86.0', 'Better.')
    assert rows['Uncertainty, the rest'] == ('0.60', '0.80', 'Better.')
    assert panel.setup.isHidden()
    assert [each.name for each in viewer.layers] == [
        'case00',
        'After: case00',
    ]


def test_both_masks_are_shown_where_there_is_an_old_model(
    viewer, panel, layer, project, own_model, finish, trainer
):
    project.set_parent(own_model)
    finish()
    after, before = (
        request
        for request in trainer.requests
        if isinstance(request, PredictRequest)
    )
    assert before.model == str(own_model)
    assert after.model == str(project.folder / 'runs/0001-quick/model')
    assert before.pixel_size.mpp == 0.5
    masks = panel.promotion.look.masks
    assert set(masks.layers) == {'before', 'after'}
    panel.candidate.set_view('swipe')
    assert panel.candidate._slider.isVisibleTo(panel)
    panel.candidate._slider.setValue(200)
    assert masks.position == pytest.approx(0.2)
    masks.swiped.emit(0.4)
    assert panel.candidate._slider.value() == 400
    panel.candidate.set_view('before')
    assert masks.layers['before'].visible
    assert not masks.layers['after'].visible


def test_keep_asks_a_name_and_takes_the_model_into_use(
    viewer, panel, layer, project, finish, qtbot
):
    finish()
    panel.candidate._keep.click()
    naming = panel.candidate._naming
    assert naming._entry.text() == 'colon 1'
    naming._entry.setText('glands')
    with qtbot.waitSignal(panel.model_changed):
        naming._button.click()
    (version,) = lineage.versions(project)
    assert version.name == 'glands'
    assert project.settings.current_version == version.number
    assert project.parent == version.path
    assert panel.setup.parent_model.model.path == version.path
    assert panel.candidate.isHidden()
    assert panel.versions.rows == [('glands', '90 %', '86', '8')]
    assert 'Mask: case00' in viewer.layers
    assert not runs.candidates(project)
    panel.train()
    assert list(viewer.layers) == [layer]


def test_discard_leaves_no_trace(viewer, panel, layer, project, finish):
    finish()
    panel.candidate._discard.click()
    assert not list((project.folder / 'runs').iterdir())
    assert list(viewer.layers) == [layer]
    assert panel.candidate.isHidden()
    assert not panel.setup.isHidden()
    assert panel.versions.isHidden()


def test_a_worse_model_is_not_kept_without_a_question(panel, project, finish):
    finish(WORSE)
    panel.candidate._keep.click()
    question = panel.candidate._naming._question.text()
    assert 'does worse' in question
    assert 'Classes right 90 % to 70 %' in question
    assert panel.candidate._naming._button.text() == 'Keep all the same'
    assert not lineage.versions(project)
    panel.candidate._naming._back.click()
    assert panel.candidate._naming.isHidden()


def test_training_again_replaces_the_candidate(
    panel, project, finish, trainer, qtbot
):
    finish()
    panel.candidate._again.click()
    qtbot.waitUntil(lambda: trainer.request.run != '0001-quick' or True)
    qtbot.waitUntil(lambda: panel.is_training)
    assert len(list((project.folder / 'runs').glob('*-quick'))) == 1


def test_localize_offers_what_was_kept(panel, project, finish, client, qtbot):
    localize = LocalizeWidget(ViewerModel(), client)
    qtbot.addWidget(localize)
    remember_project(localize._session.preferences.cache, project.folder)
    chosen = localize.model.model
    finish()
    panel.promotion.keep('first')
    localize.show()
    assert localize.model._combo.itemText(0) == f'{project.folder.name}: first'
    assert localize.model.model == chosen
    (version,) = lineage.versions(project)
    assert localize.model._combo.itemData(0).path == version.path


def test_one_click_goes_back_to_an_earlier_model(
    panel, project, finish, qtbot
):
    for name in ('first', 'second'):
        finish()
        panel.promotion.keep(name)
    first, second = lineage.versions(project)
    assert project.settings.current_version == second.number
    assert panel.versions.button(second.number) is None
    with qtbot.waitSignal(panel.model_changed):
        panel.versions.button(first.number).click()
    assert project.settings.current_version == first.number
    assert project.parent == first.path
    assert 'in use again' in panel.outcome.text


def test_the_parent_is_the_project_s(panel, project, own_model, qtbot):
    panel.setup.parent_model.use(own_model)
    assert project.parent == own_model
    project.set_parent(None)
    assert panel.setup.parent_model.model is None


def begun(project, run='0007-full', comparison=None):
    """A run as a killed training leaves it."""
    folder = project.folder / 'runs' / run
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text('{}')
    return folder


def test_a_training_that_was_killed_is_offered(panel, project, trainer, qtbot):
    folder = begun(project)
    panel.set_project(project)
    assert [row.objectName() for row in panel.unfinished.rows] == [folder.name]
    count = len(trainer.requests)
    panel.unfinished.resumed.emit(folder.name)
    qtbot.waitUntil(lambda: len(trainer.requests) > count)
    assert trainer.request.resume
    assert trainer.request.run == folder.name
    trainer.tell(Failed(trainer.request.job, 'The engine ended.', 'trace'))
    qtbot.waitUntil(lambda: not panel.is_training)
    assert 'The engine ended. What was learned' in panel.outcome.text
    assert not panel.unfinished.isHidden()
    assert panel.outcome._details.isVisibleTo(panel)
    panel.unfinished.discarded.emit(folder.name)
    assert not folder.exists()
    assert panel.unfinished.isHidden()


def test_a_model_that_nobody_judged_is_offered_again(
    panel, project, card, weights
):
    run = begun(project)
    write_folder(run / 'model', card, weights)
    save_comparison(run, BETTER)
    panel.set_project(project)
    assert not panel.candidate.isHidden()
    panel.candidate._discard.click()
    assert not run.exists()


def test_another_project_leaves_the_training_to_be_gone_on_with(
    panel, project, start, trainer, qtbot
):
    request = start()
    (project.folder / 'runs' / request.run / 'config.json').write_text('{}')
    panel.set_project(None)
    assert trainer.cancelled == [request.job]
    assert not panel.is_training
    qtbot.wait(100)
    assert (project.folder / 'runs' / request.run).exists()
    panel.set_project(project)
    assert not panel.unfinished.isHidden()


def test_a_training_cancelled_elsewhere_can_be_gone_on_with(
    panel, project, start, trainer, qtbot
):
    request = start()
    (project.folder / 'runs' / request.run / 'config.json').write_text('{}')
    trainer.tell(Cancelled(request.job))
    qtbot.waitUntil(lambda: not panel.is_training)
    assert not panel.unfinished.isHidden()


def test_a_project_to_look_at_cannot_be_trained(panel, project):
    project.close()
    panel.set_project(project)
    assert panel.setup.isHidden()
    assert 'only to look at' in panel.outcome.text
