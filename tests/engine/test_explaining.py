"""Why a region was marked, asked of a real engine."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from PIL import Image

from napari_wsol.engine.messages import (
    Cancelled,
    Explained,
    ExplainRequest,
    Failed,
    FileImage,
    Progress,
)
from napari_wsol.models.card import Architecture
from napari_wsol.models.loading import build, save_model
from napari_wsol.projects.project import Project
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize

HALF = PixelSize(0.5, 0.5, 'a test')
REGION = shapely.box(60, 40, 140, 100)
FIELD = Box(40, 60, 60, 80)


@pytest.fixture
def model(card, tmp_path):
    """One that has learned nothing."""
    tiny = Architecture(
        encoder='test_efficientnet',
        channels=8,
        modalities=1,
        pixel_head='softmax',
    )
    small = card.model_copy(update={'architecture': tiny})
    return save_model(tmp_path / 'model', small, build(small)).path


@pytest.fixture
def pixels():
    generator = np.random.default_rng(0)
    coarse = generator.integers(90, 230, (10, 16, 3), np.uint8)
    return coarse.repeat(16, 0).repeat(16, 1)


@pytest.fixture
def file(pixels, tmp_path):
    path = tmp_path / 'image.png'
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def project(file, tmp_path):
    with Project.create(tmp_path / 'project', classes=['benign']) as project:
        project.add_field(file, FIELD, 'benign', mpp=0.5)
        yield project


def ask(engine, image, model, region=REGION, project=None):
    request = ExplainRequest(
        engine.next_job(), image, HALF, str(model), region, project
    )
    return [event for event in engine.events(request) if event]


@pytest.mark.slow
def test_a_file_and_an_image_in_the_viewer_have_the_same_reasons(
    engine, model, pixels, file, project
):
    folder = str(project.folder)
    *before, end = ask(engine, FileImage(str(file)), model, project=folder)
    assert any(isinstance(event, Progress) for event in before)
    assert isinstance(end, Explained)
    (near,) = end.explanation.nearest
    assert (near.image, near.box, near.label) == (str(file), FIELD, 'benign')
    assert near.similarity == pytest.approx(1)
    source = engine.blocks.image_source([pixels], name='layer')
    *_, other = ask(engine, source, model)
    assert other.explanation.nearest == ()
    assert other.explanation.curves == end.explanation.curves
    assert other.explanation.whole == end.explanation.whole
    for (kind, one), (same, another) in zip(
        end.explanation.maps, other.explanation.maps, strict=True
    ):
        assert kind == same
        np.testing.assert_array_equal(one, another)


@pytest.mark.slow
def test_the_question_can_be_taken_back(engine, model, file):
    job = engine.next_job()
    request = ExplainRequest(
        job, FileImage(str(file)), HALF, str(model), REGION
    )
    end = None
    for event in engine.events(request):
        if isinstance(event, Progress):
            engine.cancel(job)
        end = event
    assert isinstance(end, Cancelled)


def test_a_region_outside_is_said_in_one_line(engine, model, file):
    outside = shapely.box(900, 0, 950, 40)
    *_, end = ask(engine, FileImage(str(file)), model, outside)
    assert isinstance(end, Failed)
    assert 'outside the image "image.png"' in end.message
    assert end.details == ''
