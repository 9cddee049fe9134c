"""Asking why a region was marked, with a stand-in for the engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image

from napari_wsol.engine.messages import (
    Explained,
    ExplainRequest,
    Failed,
    FileImage,
    RegionsRequest,
)
from napari_wsol.inference.explanation import (
    Curves,
    Explanation,
    NearField,
    PartSeen,
)
from napari_wsol.inference.settings import Progress
from napari_wsol.projects.project import Project
from napari_wsol.regions.saving import load_regions
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.maps import open_maps
from napari_wsol.widgets.overlays import METADATA, is_overlay
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.session import session_of
from napari_wsol.widgets.shown_results import ShownResult
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.why_section import WhySection

from . import conftest

pytestmark = pytest.mark.viewer

HALF = PixelSize(0.5, 0.5, 'a test')
CROP = Box(4, 8, 32, 48)
SHARES = (0.0, 0.5, 1.0)


@pytest.fixture
def viewer(qapp, client):
    """All of a viewer but its window; the plugin is at work in it."""
    viewer = ViewerModel()
    session_of(viewer, client)
    return viewer


@pytest.fixture
def files(tmp_path, tissue) -> list[Path]:
    """The image that is reviewed, and another one."""
    paths = [tmp_path / 'tissue.png', tmp_path / 'labelled.png']
    for path in paths:
        Image.fromarray(tissue).save(path)
    return paths


@pytest.fixture
def reviewing(viewer, client, files, tmp_path):
    """Two regions, of 4 and of 9 map pixels of 4 px."""
    (layer,) = viewer.open(str(files[0]), plugin='napari')
    layer.scale, layer.units = (0.5, 0.5), ('um', 'um')
    layer.translate = (3, 7)
    probability = np.zeros(conftest.MAP_SHAPE)
    probability[1:3, 1:3] = probability[5:8, 9:12] = 0.9
    store = tmp_path / 'result.zarr'
    conftest.write_store(store, probability)
    result = conftest.prediction(store)
    reviewing = Reviewing()
    reviewing.set_result(
        ShownResult(
            layer,
            result,
            open_maps(store),
            SimpleNamespace(threshold=0.5),
            Path('tiny'),
            HALF,
        )
    )
    find(reviewing, tmp_path)
    return reviewing


def find(reviewing, folder):
    """Find the regions, as it is done again at another threshold."""
    output = str(folder / 'regions.npz')
    request = RegionsRequest(0, reviewing.shown.result, 0.5, output)
    conftest.find_regions(request)
    reviewing.set_regions(*load_regions(Path(output)), None)


@pytest.fixture
def why(viewer, client, reviewing, qtbot):
    """The section with the first region in hand."""
    client.automatic = False
    thumbnails = Thumbnails()
    section = WhySection(
        viewer, session_of(viewer, client), reviewing, thumbnails
    )
    qtbot.addWidget(section)
    section.show()
    section.set_region(0)
    yield section
    section.let_go()
    thumbnails.close()


@pytest.fixture
def found(files) -> Explanation:
    """That the region does not matter."""
    maps = [
        (kind, np.full((2, 3), 0.5, np.float32))
        for kind in ('cam', 'grad-cam', 'grad-cam++', 'layer-cam')
    ]
    return Explanation(
        classes=('background', 'benign', 'malignant'),
        negative_class='background',
        target='malignant',
        crop=CROP,
        is_whole=True,
        whole=PartSeen((0.01, 0.02, 0.97), 0.1),
        alone=PartSeen((0.1, 0.81, 0.09), 0.5),
        without=PartSeen((0.01, 0.02, 0.97), 0.1),
        maps=tuple(maps),
        curves=Curves(SHARES, (0.97, 0.5, 0.4), (0.4, 0.9, 0.97), (0.4,) * 3),
        nearest=(
            NearField(str(files[1]), Box(0, 0, 20, 20), 'benign', 0.93),
            NearField(str(files[1]), None, 'malignant', 0.71),
        ),
        compared=2,
        labelled=2,
    )


@pytest.fixture
def answer(why, client, found, qtbot):
    """Ask by the button and wait for the answer."""

    def ask_and_wait():
        asked = len(client.requests)
        why.button.click()
        qtbot.waitUntil(lambda: len(client.requests) > asked)
        client.waiting.put(Explained(client.requests[-1].job, found))
        qtbot.waitUntil(lambda: why.explanation is not None)

    return ask_and_wait


def evidence(viewer):
    return [
        layer
        for layer in viewer.layers
        if layer.metadata.get(METADATA, {}).get('role') == 'evidence'
    ]


def test_the_region_in_hand_is_asked_about(why, client, answer, files, found):
    assert why.button.isEnabled()
    answer()
    (request,) = client.requests
    assert isinstance(request, ExplainRequest)
    assert request.image == FileImage(str(files[0]))
    assert request.region.bounds == (4, 4, 12, 12)
    assert (request.model, request.pixel_size) == ('tiny', HALF)
    assert request.project is None
    assert 'stays malignant, 97%: it does not matter' in why.said.text()
    assert 'alone is taken for benign, 81%' in why.said.text()
    assert why.plots.deletion.values == (
        list(SHARES),
        list(found.curves.deletion),
    )
    assert why.plots.insertion.values[1] == list(found.curves.insertion)
    assert 'malignant' in why.followed.text()
    assert not why.button.is_running
    assert why.said.isVisible()


def test_without_a_region_there_is_nothing_to_ask(why, client):
    why.set_region(None)
    assert not why.button.isEnabled()
    why.ask()
    assert client.requests == []
    assert 'Choose a region' in why.message.text()


def test_maps_lie_exactly_over_what_was_looked_at(why, viewer, answer):
    answer()
    source = why._reviewing.shown.source
    active = viewer.layers.selection.active
    assert evidence(viewer) == []
    why.maps['grad-cam'].click()
    (layer,) = evidence(viewer)
    assert is_overlay(layer)
    assert layer.name == 'Grad-CAM: tissue'
    assert layer.metadata[METADATA]['source_id'] == str(source.unique_id)
    assert viewer.layers.selection.active is active
    assert layer.units == source.units
    for corner, expected in (
        ((-0.5, -0.5), (CROP.y - 0.5, CROP.x - 0.5)),
        ((1.5, 2.5), (CROP.bottom - 0.5, CROP.right - 0.5)),
    ):
        np.testing.assert_allclose(
            layer.data_to_world(corner), source.data_to_world(expected)
        )
    why.maps['grad-cam'].click()
    assert evidence(viewer) == []


def test_buttons_know_which_maps_are_there(why, viewer, answer):
    answer()
    for button in why.maps.values():
        button.click()
    assert len(evidence(viewer)) == 4
    viewer.layers.remove(evidence(viewer)[0])
    assert sum(each.isChecked() for each in why.maps.values()) == 3
    why.set_region(1)
    assert evidence(viewer) == []
    assert not any(each.isChecked() for each in why.maps.values())
    assert not why.said.isVisible()


def test_the_same_region_keeps_its_answer(why, viewer, answer, tmp_path):
    answer()
    why.maps['cam'].click()
    why.set_region(0)
    assert why.explanation is not None
    assert len(evidence(viewer)) == 1
    find(why._reviewing, tmp_path)
    assert why.explanation is None
    assert evidence(viewer) == []
    assert not why.button.isEnabled()


def test_an_answer_that_comes_too_late_is_dropped(why, client, found, qtbot):
    why.button.click()
    qtbot.waitUntil(lambda: len(client.requests) == 1)
    late, job = why._generation, client.requests[0].job
    why.set_region(1)
    assert client.cancelled == [job]
    assert not why.button.is_running
    why._take(late, Explained(job, found))
    assert why.explanation is None


def test_the_question_can_be_taken_back_at_once(why, client, qtbot):
    why.button.click()
    qtbot.waitUntil(lambda: len(client.requests) == 1)
    client.waiting.put(Progress(3, 4, 'looks', 1.0, 1.0))
    qtbot.waitUntil(lambda: why.button.bar.value() == 750)
    assert why.button.text() == 'Cancel'
    why.button.click()
    assert why.message.text() == 'Stopped.'
    assert client.cancelled == [client.requests[0].job]
    assert not why.button.is_running
    assert why.button.isEnabled()


def test_what_failed_is_said_and_can_be_asked_again(
    why, client, answer, qtbot
):
    why.button.click()
    qtbot.waitUntil(lambda: len(client.requests) == 1)
    client.waiting.put(Failed(client.requests[0].job, 'Too little memory.'))
    qtbot.waitUntil(lambda: why.message.text() == 'Too little memory.')
    assert not why.button.is_running
    answer()
    assert why.message.text() == ''


def test_an_image_that_was_closed_has_nothing_shown_over_it(
    why, viewer, answer
):
    answer()
    viewer.layers.remove(why._reviewing.shown.source)
    why.maps['cam'].click()
    assert evidence(viewer) == []
    assert not why.maps['cam'].isChecked()


def test_the_nearest_fields_are_shown_and_flown_to(
    why, viewer, answer, files, qtbot, tmp_path
):
    with Project.create(tmp_path / 'project', classes=['benign']) as project:
        labelling = Labelling()
        labelling.set_project(project)
        why._session.share_labelling(labelling)
        answer()
        assert why._session.client.requests[-1].project == str(project.folder)
        labelling.leave()
    assert why.compared.text() == 'Most like it, of 2 labelled fields:'
    texts = [why.nearest.item(row).text() for row in range(2)]
    assert texts == ['benign\n0.93', 'malignant\n0.71']
    qtbot.waitUntil(lambda: not why.nearest.item(1).icon().isNull())
    (reviewed,) = viewer.layers
    reviewed.units = ('pixel', 'pixel')
    why.nearest.itemClicked.emit(why.nearest.item(0))
    shown = viewer.layers.selection.active
    assert Path(shown.source.path) == files[1]
    np.testing.assert_allclose(
        viewer.scene.camera.center[-2:], (9.5, 9.5), atol=1e-3
    )


def test_a_field_whose_image_is_gone_is_said(why, answer, files):
    answer()
    files[1].unlink()
    why.nearest.itemActivated.emit(why.nearest.item(1))
    assert 'no longer in' in why.message.text()


def test_without_a_project_it_is_said_how_to_see_likenesses(
    why, client, found, answer
):
    answer()
    assert 'Open a project' in why.compared.text()
