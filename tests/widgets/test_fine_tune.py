"""The Fine-tune widget in a real viewer: labelling."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from PIL import Image as Picture
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_wsol.engine.messages import (
    Judged,
    Judgement,
    JudgeRequest,
    Suggested,
    Suggestion,
    SuggestRequest,
)
from napari_wsol.errors import ProjectInUseError
from napari_wsol.projects.project import Project
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.field_boxes import outline
from napari_wsol.widgets.fine_tune import FineTuneWidget
from napari_wsol.widgets.new_project import NewProjectDialog

pytestmark = pytest.mark.viewer

SIDE = 64
CLASSES = ('benign', 'malignant', 'stroma')


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three images of 64 px, of two patients."""
    generator = np.random.default_rng(0)
    paths = []
    for name in ('GT1-1.png', 'GT1-2.png', 'GT2-1.png'):
        pixels = generator.integers(120, 220, (SIDE, SIDE, 3), np.uint8)
        paths.append(tmp_path / 'images' / name)
        paths[-1].parent.mkdir(exist_ok=True)
        Picture.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def project(tmp_path: Path, own_model: Path) -> Project:
    """A project of three classes, the last with nothing to mark."""
    return Project.create(
        tmp_path / 'project',
        name='Colon',
        classes=CLASSES,
        negative_class='stroma',
        parent=own_model,
        field_side_um=16,
    )


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without its window, which takes long to build."""
    return ViewerModel()


@pytest.fixture
def widget(viewer, client, project, pictures, qtbot):
    """The widget with the project open and the first two images shown."""
    client.automatic = False
    widget = FineTuneWidget(viewer, client)
    qtbot.addWidget(widget)
    widget.project.use(project)
    for path in pictures[:2]:
        viewer.open(str(path), plugin='napari')
    return widget


@pytest.fixture
def window(make_napari_viewer, client, project, pictures):
    """A real viewer with the widget in its dock and one image."""

    def build(**options):
        viewer = make_napari_viewer(**options)
        widget = FineTuneWidget(viewer, client)
        viewer.window.add_dock_widget(widget, name='Fine-tune')
        widget.project.use(project)
        viewer.open(str(pictures[0]), plugin='napari')
        widget.image.chooser.enter('1')
        return viewer, widget

    return build


@pytest.fixture
def stamping(widget):
    """The widget with the stamp in hand, at 1 µm per pixel."""
    widget.image.chooser.enter('1')
    widget.tools.use('stamp')
    return widget


def said(widget) -> str:
    return widget.labels._message.text()


def labels(project) -> list[str | None]:
    return [item.label for item in project.items.values()]


def boxes(project) -> list[Box | None]:
    return [item.field for item in project.items.values()]


def test_a_digit_labels_the_whole_image_at_once_on_disk(
    viewer, widget, project, pictures
):
    widget.press_digit(2)
    viewer.layers.selection.active = viewer.layers[0]
    widget.press_digit(1)
    with (project.folder / 'labels.csv').open() as file:
        rows = [
            (Path(r['image']).name, r['label']) for r in csv.DictReader(file)
        ]
    assert rows == [('GT1-2.png', 'malignant'), ('GT1-1.png', 'benign')]
    assert said(widget) == 'GT1-1.png: benign'
    assert widget.labels._whole.currentText() == 'benign'
    widget.labelling.undo()
    assert labels(project) == ['malignant']
    assert widget.labels._whole.currentText() == 'not labelled'
    widget.labelling.redo()
    assert labels(project) == ['malignant', 'benign']


def test_one_sees_the_image_that_one_labels(viewer, widget):
    first, second = viewer.layers
    assert (first.visible, second.visible) == (False, True)
    viewer.layers.selection.active = first
    assert (first.visible, second.visible) == (True, False)


def test_nothing_and_zero_stand_for_no_region(widget, project):
    widget.press_digit(0)
    assert labels(project) == ['stroma']
    project.set_negative_class(None)
    widget.press_digit(0)
    assert labels(project) == ['stroma']
    assert 'No class means' in said(widget)


def test_clicks_stamp_and_keys_choose_the_class(window, project, qtbot):
    viewer, widget = window(show=True)
    widget.labels._buttons['stamp'].click()
    canvas = viewer.window._qt_viewer.canvas.native
    widget.window().activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is not None)
    qtbot.waitUntil(lambda: min(viewer.canvas.size) > 100)
    viewer.reset_view()
    canvas.setFocus()
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    qtbot.keyClick(canvas, Qt.Key.Key_2)
    qtbot.mouseMove(canvas, middle)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    (item,) = project.items.values()
    assert item.label == 'malignant'
    assert item.mpp == 1
    assert (item.field.height, item.field.width) == (16, 16)
    assert abs(item.field.y - 24) <= 2
    assert abs(item.field.x - 24) <= 2
    assert viewer.cursor.style == 'square'
    qtbot.keyClick(canvas, Qt.Key.Key_N)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert labels(project) == ['stroma']
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert labels(project) == ['malignant']
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert labels(project) == []
    # a rectangle is dragged
    widget.labels._buttons['draw'].click()
    ends = middle - QPoint(60, 60), middle + QPoint(60, 60)
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(canvas, left, pos=ends[0])
    for step in range(5):
        qtbot.mouseMove(canvas, ends[0] + (ends[1] - ends[0]) * step / 4)
        qtbot.wait(20)
    qtbot.mouseRelease(canvas, left, pos=ends[1])
    qtbot.waitUntil(lambda: labels(project) == ['stroma'])
    side = 120 / viewer.scene.camera.zoom
    assert boxes(project)[0].width == pytest.approx(side, abs=2)
    # whoever paints keeps napari's keys
    painted = viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8))
    qtbot.keyClick(canvas, Qt.Key.Key_2)
    assert painted.mode == 'paint'
    assert widget.labelling.current == 'stroma'


def test_dragging_moves_the_image_and_stamps_nothing(
    viewer, stamping, project
):
    class Event:
        button, modifiers, type = 1, (), 'mouse_press'
        pos, position = (10, 10), (30, 30)

    clicks = stamping.tools._click(viewer, Event)
    next(clicks)
    Event.type, Event.pos = 'mouse_move', (40, 10)
    next(clicks)
    Event.type = 'mouse_release'
    with pytest.raises(StopIteration):
        next(clicks)
    assert not project.items


def test_fields_have_the_colours_of_their_classes(stamping, project):
    stamping.tools.stamp((15, 15))
    stamping.labelling.choose('malignant')
    stamping.tools.stamp((45, 45))
    assert labels(project) == ['benign', 'malignant']
    layer = stamping.tools.fields.layer
    colours = [known.colour for known in project.settings.classes]
    for edge, colour in zip(layer.edge_color, colours[:2], strict=True):
        expected = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        np.testing.assert_allclose(edge[:3], expected, atol=0.01)
    assert boxes(project) == [Box(8, 8, 16, 16), Box(38, 38, 16, 16)]


def test_a_drawn_rectangle_becomes_a_field(stamping, project, qtbot):
    stamping.tools.use('draw')
    layer = stamping.tools.fields.layer
    assert layer.mode == 'add_rectangle'
    layer.add_rectangles([outline(Box(4, 6, 20, 30)) + 0.3])
    qtbot.waitUntil(lambda: boxes(project) == [Box(4, 6, 20, 30)])
    np.testing.assert_allclose(layer.data[0], outline(Box(4, 6, 20, 30)))
    assert stamping.tools.selected_keys == tuple(project.items)
    stamping.press_digit(2)
    assert labels(project) == ['malignant']


def test_a_rectangle_off_the_image_is_refused(stamping, project, qtbot):
    stamping.tools.use('draw')
    layer = stamping.tools.fields.layer
    layer.add_rectangles([outline(Box(100, 100, 20, 20))])
    qtbot.waitUntil(lambda: len(layer.data) == 0)
    assert 'has to lie on the image' in said(stamping)
    assert not project.items


def test_moved_copied_and_removed_fields_go_to_the_project(
    stamping, project, qtbot
):
    stamping.tools.stamp((15, 15))
    stamping.tools.stamp((45, 45))
    layer = stamping.tools.fields.layer
    first, second = project.items
    layer.data = [layer.data[0] + (4, 2), layer.data[1]]
    qtbot.waitUntil(lambda: project.items[first].field == Box(12, 10, 16, 16))
    layer.selected_data = {1}
    layer.remove_selected()
    qtbot.waitUntil(lambda: second not in project.items)
    stamping.labelling.undo()
    assert set(project.items) == {first, second}
    assert len(layer.data) == 2


def test_removing_the_layer_removes_no_label(viewer, stamping, project):
    stamping.tools.stamp((15, 15))
    viewer.layers.remove(stamping.tools.fields.layer)
    assert labels(project) == ['benign']
    stamping.tools.use('select')
    assert len(stamping.tools.fields.layer.data) == 1


def test_fields_are_shown_with_their_image_only(viewer, stamping, project):
    stamping.tools.stamp((15, 15))
    layer = stamping.tools.fields.layer
    viewer.layers.selection.active = viewer.layers[0]
    assert not layer.visible
    viewer.layers.selection.active = layer
    assert layer.visible
    assert stamping.image.path.name == 'GT1-2.png'


def test_an_image_without_a_file_cannot_be_labelled(
    viewer, widget, tissue, project
):
    viewer.add_image(tissue, name='made here')
    widget.press_digit(1)
    assert '"made here" exists only in the viewer' in said(widget)
    assert not project.items
    assert not widget.labels._buttons['stamp'].isEnabled()


def test_the_stamp_asks_for_the_pixel_size(widget):
    widget.labels._buttons['stamp'].click()
    assert widget.tools.tool == 'image'
    assert widget.labels._buttons['image'].isChecked()
    assert 'needs the pixel size' in said(widget)


def test_an_entered_pixel_size_is_kept_and_can_be_shared(
    widget, project, pictures, qtbot
):
    project.add_images(pictures)
    widget.image.chooser.enter('0.5')
    assert not widget.pixel_sizes.isHidden()
    widget.pixel_sizes.click()
    qtbot.waitUntil(
        lambda: [i.mpp for i in project.items.values()] == [0.5] * 3
    )
    assert widget.pixel_sizes.isHidden()
    widget.fly(pictures[0], None)
    assert widget.image.chooser.pixel_size.mpp == 0.5


def test_images_that_are_open_are_added_at_once(widget, project, pictures):
    widget.exchange.add_open_images()
    assert {item.image for item in project.items.values()} == set(pictures[:2])
    assert '2 images added' in said(widget)


def test_a_new_project_proposes_what_is_to_be_marked_first(own_model, qtbot):
    dialog = NewProjectDialog(None, own_model.parent)
    qtbot.addWidget(dialog)
    models = [
        dialog.parent_model.itemData(index)
        for index in range(dialog.parent_model.count() - 1)
    ]
    for index, model in enumerate(models):
        dialog.parent_model.setCurrentIndex(index)
        negative = model.card.negative_class
        assert set(dialog.class_names) == set(model.card.classes)
        assert negative in (None, dialog.class_names[-1])
        assert dialog.negative.currentData() == negative
        assert dialog.side.value() == 24 * (model.card.mpp or 1)
    assert any(model.card.negative_class for model in models)


def test_a_click_in_the_table_opens_the_file_and_flies_there(
    viewer, widget, project, pictures
):
    box = Box(8, 16, 16, 32)
    key = project.add_field(pictures[2], box, 'benign', mpp=1)
    widget.items.table.clicked.emit(widget.items.filter.index(0, 0))
    layer = viewer.layers.selection.active
    assert isinstance(layer, Image)
    assert Path(layer.source.path) == pictures[2]
    np.testing.assert_allclose(
        viewer.scene.camera.center[-2:], (15.5, 31.5), atol=1e-3
    )
    assert widget.tools.fields._shown[0].key == key


def test_a_file_that_is_gone_is_named(widget, project, pictures):
    project.add_images(pictures[2:])
    pictures[2].unlink()
    widget.items.table.clicked.emit(widget.items.filter.index(0, 0))
    assert '"GT2-1.png" is no longer in' in said(widget)


def test_suggestions_are_flown_to_and_answered_with_digits(
    viewer, widget, project, client, pictures, qtbot
):
    widget.suggest._button.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    (request,) = client.requests
    assert isinstance(request, SuggestRequest)
    assert request.images == ((str(pictures[1]), None),)
    assert Path(request.model).name == 'tiny'
    field, whole = Box(8, 8, 16, 16), Box(0, 0, SIDE, SIDE)
    found = tuple(
        Suggestion(str(path), box, 1.0, 1.0, 'unsure', 'benign', 0.5)
        for path, box in ((pictures[1], field), (pictures[2], whole))
    )
    client.waiting.put(Suggested(request.job, found))
    qtbot.waitUntil(lambda: widget.suggest.suggestions == found)
    widget.press_digit(3)  # none was flown to: it is the whole image's
    assert labels(project) == ['stroma']
    widget.suggest._list.setCurrentRow(0)
    assert viewer.layers[-1].name == 'Suggested field'
    widget.press_digit(1)
    assert boxes(project)[1:] == [field]
    assert widget.suggest.current == found[1]
    assert widget.image.path == pictures[2]
    widget.press_digit(2)
    assert labels(project) == ['stroma', 'benign', 'malignant']
    assert boxes(project)[2] is None
    assert widget.suggest.suggestions == ()
    assert 'All suggestions' in widget.suggest.message.text()


def test_what_was_passed_over_is_not_suggested_again(
    widget, client, pictures, qtbot
):
    panel = widget.suggest
    found = tuple(
        Suggestion(str(pictures[1]), box, 1.0, 1.0, 'unsure', 'benign', 0.5)
        for box in (Box(8, 8, 16, 16), Box(32, 8, 16, 16), Box(8, 32, 16, 16))
    )
    panel._count.setValue(2)
    for shown, asked in ((found[:2], 2), (found[1:], 3)):
        panel._button.click()
        qtbot.waitUntil(lambda: bool(client.requests))
        request = client.requests.pop()
        assert request.count == asked
        client.waiting.put(Suggested(request.job, found[:asked]))
        qtbot.waitUntil(lambda shown=shown: panel.suggestions == shown)
        panel._list.setCurrentRow(0)
        if asked == 2:
            panel._pass.click()
            assert panel.current == found[1]


def test_disagreements_with_the_model_are_listed(
    widget, project, client, pictures, qtbot
):
    keys = project.add_images(pictures, label='benign')
    widget.items.predict.click()
    qtbot.waitUntil(lambda: bool(client.requests))
    (request,) = client.requests
    assert isinstance(request, JudgeRequest)
    assert request.keys == keys
    answers = (('benign', 0.9), ('malignant', 0.6), ('malignant', 0.8))
    client.waiting.put(
        Judged(
            request.job,
            tuple(
                Judgement(key, name, sure, 0.1)
                for key, (name, sure) in zip(keys, answers, strict=True)
            ),
        )
    )
    qtbot.waitUntil(lambda: '2 items' in widget.items.message.text())
    widget.items.show_only('differs')
    table = widget.items.filter
    told = [
        [table.index(row, column).data() for column in (1, 2, 3)]
        for row in range(table.rowCount())
    ]
    assert told == [
        ['benign', 'malignant', '80%'],
        ['benign', 'malignant', '60%'],
    ]
    project.set_label(keys[2:], 'malignant')
    assert table.rowCount() == 1
    widget.training.model_changed.emit()
    assert 'predict again' in widget.items.message.text()


def test_a_project_without_a_model_says_so(widget, project):
    project.set_parent(None)
    widget.suggest._button.click()
    assert 'no model yet' in widget.suggest.message.text()


def test_labels_come_in_and_go_out_as_a_table(
    widget, project, pictures, tmp_path
):
    source = tmp_path / 'given.csv'
    source.write_text(
        f'image,label\n{pictures[0]},benign\n{pictures[2]},new kind\n'
    )
    widget.exchange.import_table(source)
    assert labels(project) == ['benign', 'new kind']
    assert said(widget) == '2 labelled items added.'
    assert len(widget.labels.palette_of_classes._rows) == 4
    widget.exchange.export_table(tmp_path / 'out.csv')
    assert 'new kind' in (tmp_path / 'out.csv').read_text()
    widget.exchange.import_table(tmp_path / 'nowhere.csv')
    assert 'There is no data set' in said(widget)


def test_classes_are_added_and_renamed(widget, project):
    widget.press_digit(1)
    palette = widget.labels.palette_of_classes
    palette.add_class('polyp')
    assert widget.labelling.current == 'polyp'
    assert palette.press_key(4) == 'polyp'
    palette.rename_class('benign', 'normal')
    assert labels(project) == ['normal']
    palette.add_class('polyp')
    assert 'classes repeat' in said(widget)


def test_a_project_that_is_open_elsewhere_can_be_looked_at(
    viewer, widget, project
):
    widget.labelling.set_project(None)
    with Project.open(project.folder) as other:
        other.add_class('other')
        assert not widget.project.open(project.folder)
        assert 'is open elsewhere' in widget.project._message.text()
        widget.project._look.click()
        assert not widget.labelling.can_write
        assert 'only to look' in widget.project._message.text()
        widget.press_digit(1)
        assert not widget.labelling.items
        assert said(widget)


def test_a_damaged_project_is_said_and_mended(widget, project):
    widget.press_digit(1)
    widget.labelling.set_project(None)
    table = project.folder / 'labels.csv'
    table.write_text('image,lab')
    assert not widget.project.open(project.folder)
    assert 'labels.csv' in widget.project._message.text()
    assert not widget.project._restore.isHidden()
    widget.project.bring_back(widget.project._fix)
    assert widget.labelling.can_write


def test_closing_the_dock_lets_go_of_project_and_layers(
    window, project, qtbot
):
    viewer, widget = window()
    widget.tools.use('stamp')
    widget.tools.stamp((15, 15))
    assert widget.widget().minimumSizeHint().width() <= 324
    with pytest.raises(ProjectInUseError):
        Project.open(project.folder)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: not (project.folder / 'project.lock').exists())
    assert len(viewer.layers) == 1
    viewer.layers.clear()  # napari still calls what it was connected to
    with Project.open(project.folder) as again:
        assert labels(again) == ['benign']
