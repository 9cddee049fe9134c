from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_wsol.engine.jobs import WarmModels
from napari_wsol.engine.messages import (
    Begun,
    BudgetFound,
    BudgetRequest,
    ChunkDone,
    DescribeDevices,
    Devices,
    EarlierRequest,
    Failed,
    FileImage,
    Finished,
    Paused,
    PredictRequest,
    Progress,
    RegionsFound,
    RegionsRequest,
)
from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.models.loading import build, save_model
from napari_wsol.projects.project import Project
from napari_wsol.regions.saving import load_regions
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize

HALF = PixelSize(0.5, 0.5, 'a test')
SETTINGS = PredictionSettings(tissue_only=False, device='cpu', batch=1)


@pytest.fixture
def light_model(card, tmp_path):
    """A model of the real architecture that has learned nothing."""
    small = card.model_copy(update={'tile': 128, 'halo': 32})
    return save_model(tmp_path / 'model', small, build(small)).path


@pytest.fixture
def pixels():
    generator = np.random.default_rng(0)
    coarse = generator.integers(90, 230, (16, 24, 3), np.uint8)
    return coarse.repeat(16, 0).repeat(16, 1)


def request_of(kind, engine, image, model, results, **more):
    return kind(
        engine.next_job(),
        image,
        HALF,
        str(model),
        str(results),
        SETTINGS,
        **more,
    )


def run(engine, *words, **more):
    request = request_of(PredictRequest, engine, *words, **more)
    return [event for event in engine.events(request) if event]


def probability(end):
    return zarr.open_group(end.result.store, mode='r')['probability/0'][:]


@pytest.mark.slow
def test_a_file_and_an_image_in_the_viewer_give_the_same_maps(
    engine, light_model, pixels, tmp_path
):
    file = tmp_path / 'image.png'
    Image.fromarray(pixels).save(file)
    events = run(engine, FileImage(str(file)), light_model, tmp_path / 'a')
    begun = next(event for event in events if isinstance(event, Begun))
    assert begun.prediction.store == events[-1].result.store
    assert any(isinstance(event, Progress) for event in events)
    assert any(isinstance(event, ChunkDone) for event in events)
    assert isinstance(events[-1], Finished)
    assert events[-1].result.image == 'image.png'
    source = engine.blocks.image_source([pixels], name='layer')
    *_, end = run(engine, source, light_model, tmp_path / 'b')
    assert end.result.image == 'layer'
    np.testing.assert_array_equal(probability(events[-1]), probability(end))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='POSIX signals')
def test_after_a_crash_the_same_run_goes_on_where_it_stopped(
    engine, light_model, pixels, tmp_path
):
    source = engine.blocks.image_source([pixels], name='layer')
    store = tmp_path / 'store'
    request = request_of(PredictRequest, engine, source, light_model, store)
    for event in engine.events(request):
        if isinstance(event, ChunkDone):
            os.kill(engine.pid, signal.SIGKILL)
            break
    again = engine.blocks.image_source([pixels.copy()], name='layer')
    *_, end = run(engine, again, light_model, store)
    assert isinstance(end, Finished)
    assert any('earlier run' in note for note in end.result.notes)
    whole = run(engine, again, light_model, tmp_path / 'whole')
    assert isinstance(whole[-1], Finished)
    np.testing.assert_array_equal(probability(end), probability(whole[-1]))


@pytest.mark.slow
def test_a_result_is_made_once(engine, light_model, pixels, tmp_path):
    file = tmp_path / 'image.png'
    Image.fromarray(pixels).save(file)
    words = engine, FileImage(str(file)), light_model, tmp_path / 'results'

    def earlier():
        *_, end = engine.events(request_of(EarlierRequest, *words))
        return end

    assert (earlier().finished, earlier().when) == (False, None)
    *_, first = run(*words)
    assert earlier().finished
    assert earlier().when == pytest.approx(time.time(), abs=60)
    events = run(*words)
    assert events[-1].result.store == first.result.store
    assert not any(isinstance(event, ChunkDone) for event in events)
    assert (
        events[-1].result.class_probabilities
        == first.result.class_probabilities
    )
    Image.fromarray(pixels[::-1]).save(file)
    assert not earlier().finished


@pytest.mark.slow
def test_what_is_in_view_is_done_first(engine, light_model, pixels, tmp_path):
    source = engine.blocks.image_source([pixels], name='layer')
    height, width = pixels.shape[:2]
    corner = Box(height - 20, width - 20, 10, 10)
    events = run(engine, source, light_model, tmp_path / 'a', view=corner)
    shown = [event.box for event in events if isinstance(event, ChunkDone)]
    assert shown[0].intersection(corner)
    assert len(set(shown)) > 1


@pytest.mark.slow
def test_a_run_rests_while_it_is_paused(engine, light_model, pixels, tmp_path):
    source = engine.blocks.image_source([pixels], name='layer')
    store = tmp_path / 'store'
    request = request_of(PredictRequest, engine, source, light_model, store)
    events = engine.events(request)
    for event in events:
        if isinstance(event, Begun):
            engine.steer(request.job, 'pause')
        if isinstance(event, Paused):
            break
    assert event.paused
    began = time.monotonic()
    for event in events:
        assert not isinstance(event, Finished)
        if time.monotonic() - began > 0.5:
            break
    engine.look(request.job, Box(0, 0, 10, 10))
    engine.steer(request.job, 'go on')
    *_, end = events
    assert isinstance(end, Finished)


def test_bad_input_is_said_in_one_line(engine, light_model, tmp_path):
    missing = FileImage(str(tmp_path / 'missing.svs'))
    *_, end = run(engine, missing, light_model, tmp_path / 'a')
    assert isinstance(end, Failed)
    assert 'missing.svs' in end.message
    assert end.details == ''


def test_the_devices_are_told_with_the_cpu_last(engine):
    (answer,) = (e for e in engine.events(DescribeDevices(99)) if e)
    assert isinstance(answer, Devices)
    assert answer.available[-1][0] == 'cpu'


def test_models_stay_loaded_until_others_are_used(light_model, tmp_path):
    models = WarmModels(kept=1)
    first = models.get(str(light_model))
    assert models.get(str(light_model)) is first
    card = light_model / 'config.json'
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {'threshold': 0.25}))
    changed = models.get(str(light_model))
    assert changed.card == replace_threshold(first.card, 0.25)
    card.write_text(json.dumps(content))
    assert models.get(str(light_model)) is not first


def replace_threshold(card, threshold):
    return card.model_copy(update={'threshold': threshold})


def test_a_model_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInputError, match='does not exist'):
        WarmModels().get(str(tmp_path / 'nothing'))


@pytest.mark.slow
def test_regions_of_a_result_are_found_and_measured(
    engine, light_model, pixels, tmp_path
):
    file = tmp_path / 'image.png'
    Image.fromarray(pixels).save(file)
    image = FileImage(str(file))
    *_, end = run(engine, image, light_model, tmp_path / 'a')
    values = probability(end)
    threshold = float(np.quantile(values, 0.7))
    request = RegionsRequest(
        engine.next_job(),
        end.result,
        threshold,
        str(tmp_path / 'regions.npz'),
        image,
        HALF,
        str(light_model),
    )
    *_, found = (event for event in engine.events(request) if event)
    assert isinstance(found, RegionsFound)
    table, _ = load_regions(tmp_path / 'regions.npz')
    assert len(table) == found.count > 0
    assert table.pixels.sum() == np.count_nonzero(values >= threshold)
    assert np.isfinite(table.haematoxylin).all()
    assert ((table.class_alone >= 0) & (table.class_alone <= 1)).all()


@pytest.mark.slow
def test_a_budget_is_kept_with_the_negatives_of_a_project(
    engine, light_model, pixels, tmp_path
):
    file = tmp_path / 'image.png'
    Image.fromarray(pixels).save(file)
    *_, end = run(engine, FileImage(str(file)), light_model, tmp_path / 'a')
    folder = tmp_path / 'project'
    with Project.create(folder, negative_class='background') as project:
        boxes = [Box(32 * y, 32 * x, 64, 64) for y in range(4) for x in (0, 4)]
        fields = [(box, 'background') for box in boxes]
        project.add_fields(file, fields, mpp=0.5)
    wanted = BudgetRequest(
        engine.next_job(),
        str(folder),
        str(light_model),
        0.4,
        False,
        end.result,
        0.5,
    )
    *_, found = (event for event in engine.events(wanted) if event)
    assert isinstance(found, BudgetFound)
    assert found.budget.n_items == 8
    assert found.budget.bound <= 0.4
    assert found.budget.cost.n_images == 1
    grouped = replace(wanted, job=engine.next_job(), by_group=True)
    *_, refused = (event for event in engine.events(grouped) if event)
    assert isinstance(refused, Failed)
    assert 'patients or slides' in refused.message
    assert refused.details == ''
