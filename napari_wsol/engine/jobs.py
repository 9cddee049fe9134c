"""What the engine can do for the viewer.

The heavy libraries are imported inside: the table of jobs itself is light.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wsol.engine.messages import (
    BudgetFound,
    BudgetRequest,
    DescribeDevices,
    Devices,
    Earlier,
    EarlierRequest,
    Explained,
    ExplainRequest,
    FileImage,
    Finished,
    Judged,
    JudgeRequest,
    PredictRequest,
    RegionsFound,
    RegionsRequest,
    Suggested,
    SuggestRequest,
    Trained,
    TrainRequest,
)
from napari_wsol.engine.server import JobContext, JobEvents, JobRegistry
from napari_wsol.errors import BadInputError
from napari_wsol.inference.shelf import Shelf
from napari_wsol.models.warm import WarmModels

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_wsol.engine.messages import ImageSource, RunRequest
    from napari_wsol.inference.job import Job
    from napari_wsol.slides.pixel_size import PixelSize
    from napari_wsol.slides.slide import Slide

MOST_HASHED = 64_000_000
HASHED_ROWS = 1024


_models = WarmModels()


def predict(request: PredictRequest, context: JobContext) -> JobEvents:
    """Run a model over an image, or find what an earlier run left."""
    from napari_wsol.inference.predicting import run

    if context.view.box is None:
        context.view.box = request.view
    shelf = Shelf(Path(request.results))
    try:
        with (
            _planned(request, context) as job,
            shelf.place(job.fingerprint) as place,
        ):
            prediction = yield from run(
                replace(job, target=place),
                cancelled=context.cancelled,
                threads=context.threads,
                view=context.view,
            )
        shelf.keep(prediction)
        _tidy(request.results)
    finally:
        _give_back_memory()
    return Finished(request.job, prediction)


def find_earlier(request: EarlierRequest, context: JobContext) -> JobEvents:
    """Say whether the result of a run is kept, and get ready to run it."""
    from napari_wsol.inference.predicting import prepare

    yield from ()
    with _planned(request, context) as job:
        kept = Shelf(Path(request.results)).kept(job.fingerprint)
        if not kept[0]:
            prepare(job)
    return Earlier(request.job, *kept)


def train(request: TrainRequest, context: JobContext) -> JobEvents:
    """Train in a project, from its parent, and compare the two."""
    from napari_wsol.projects.checks import obstacles
    from napari_wsol.projects.project import Project
    from napari_wsol.projects.recipe import config_of
    from napari_wsol.training.teaching import has_begun, teach

    project = Project.open(request.project, read_only=True)
    config = None
    if not (request.resume and has_begun(project, request.run)):
        in_the_way = [
            f'{each.text} {each.fix}'
            for each in obstacles(project, request.speed)
            if each.kind == 'stop'
        ]
        if in_the_way:
            raise BadInputError(' '.join(in_the_way))
        config = config_of(project, request.speed, dict(request.settings))
    try:
        taught = yield from teach(
            project,
            request.run,
            config,
            steering=context.steering,
            preview=request.preview,
        )
    finally:
        _give_back_memory()
    return Trained(request.job, request.run, taught.comparison, taught.seconds)


def suggest(request: SuggestRequest, context: JobContext) -> JobEvents:
    """Say which fields of images to label next."""
    from napari_wsol.projects.project import Project
    from napari_wsol.training.suggesting import suggest as suggest_fields

    project = Project.open(request.project, read_only=True)
    try:
        suggestions = yield from suggest_fields(
            [(Path(image).absolute(), mpp) for image, mpp in request.images],
            project.labelled(),
            _models.get(request.model),
            request.count,
            side_um=project.settings.field_side_um,
            negative_class=project.settings.negative_class,
        )
    finally:
        _give_back_memory()
    return Suggested(request.job, suggestions)


def judge(request: JudgeRequest, context: JobContext) -> JobEvents:
    """Say what a model takes items of a project for."""
    from napari_wsol.projects.project import Project
    from napari_wsol.training.judging import judge as judge_items

    items = Project.open(request.project, read_only=True).items
    try:
        judgements = yield from judge_items(
            [items[key] for key in request.keys if key in items],
            _models.get(request.model),
        )
    finally:
        _give_back_memory()
    return Judged(request.job, judgements)


def find_regions(request: RegionsRequest, context: JobContext) -> JobEvents:
    """Find, outline and measure the regions of a result."""
    from napari_wsol.inference.summary import class_probabilities
    from napari_wsol.regions.finding import find_regions as find
    from napari_wsol.regions.saving import save_regions

    model = request.model

    def classify(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        assert model is not None
        return class_probabilities(cells, _models.get(model))

    with (
        nullcontext()
        if request.image is None
        else _opened(request.image, request.pixel_size, context)
    ) as slide:
        table, outlines = yield from find(
            request.prediction,
            request.threshold,
            slide,
            None if model is None else classify,
        )
    save_regions(Path(request.output), table, outlines)
    return RegionsFound(request.job, len(table))


def explain(request: ExplainRequest, context: JobContext) -> JobEvents:
    """Say why a region was marked."""
    from napari_wsol.inference.explaining import explain as explain_region
    from napari_wsol.projects.project import Project

    items = (
        Project.open(request.project, read_only=True).labelled()
        if request.project is not None
        else ()
    )
    try:
        with _opened(request.image, request.pixel_size, context) as slide:
            explanation = yield from explain_region(
                slide, _models.get(request.model), request.region, items
            )
    finally:
        _give_back_memory()
    return Explained(request.job, explanation)


def keep_budget(request: BudgetRequest, context: JobContext) -> JobEvents:
    """Choose the threshold that fully negative items allow."""
    from napari_wsol.projects.project import Project
    from napari_wsol.regions.budget import choose_budget
    from napari_wsol.regions.scores import count_scores
    from napari_wsol.regions.stored import stored_result
    from napari_wsol.training.negatives import count_negatives

    project = Project.open(request.project, read_only=True)
    negative = project.settings.negative_class
    items = [each for each in project.labelled() if each.label == negative]
    try:
        counted = yield from count_negatives(items, _models.get(request.model))
    finally:
        _give_back_memory()
    result = stored_result(request.prediction)
    groups = [item.group or str(item.image) for item, _ in counted]
    budget = choose_budget(
        [counts for _, counts in counted],
        request.alpha,
        groups if request.by_group else None,
        images=[count_scores(result.maps.probability)],
        threshold=request.threshold,
    )
    return BudgetFound(request.job, budget)


def describe_devices(
    request: DescribeDevices, context: JobContext
) -> JobEvents:
    """Say what models can run on here."""
    from napari_wsol.inference.devices import available_devices

    yield from ()
    return Devices(request.job, tuple(available_devices()))


def warm_up(threads: int) -> None:
    """Import what the first prediction needs."""
    import torch

    torch.set_num_threads(threads)
    import napari_wsol.inference.predicting
    import napari_wsol.models.loading
    import napari_wsol.slides.opening  # noqa: F401


@contextmanager
def _planned(request: RunRequest, context: JobContext) -> Iterator[Job]:
    """The run that a request speaks of; its image is open meanwhile."""
    from napari_wsol.inference.job import make_job

    with _opened(request.image, request.pixel_size, context) as slide:
        model = _models.get(request.model)
        yield make_job(slide, model, Path(), request.settings, _content(slide))


def _opened(
    image: ImageSource, pixel_size: PixelSize | None, context: JobContext
) -> closing[Slide]:
    """A slide, which is closed at the end."""
    from napari_wsol.slides.arrays import BlockSlide
    from napari_wsol.slides.opening import open_slide

    if isinstance(image, FileImage):
        return closing(open_slide(Path(image.path), pixel_size))
    return closing(
        BlockSlide(
            image.name,
            image.level_shapes,
            pixel_size,
            functools.partial(context.blocks.read, image.key),
        )
    )


@functools.cache
def _tidy(results: str) -> None:
    """Make room on the shelf, once for each engine."""
    Shelf(Path(results)).tidy()


def _give_back_memory() -> None:
    """Leave to other programs what was kept for speed during the job."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if platform.libc_ver()[0] == 'glibc':
        ctypes.CDLL(None).malloc_trim(0)


def _content(slide: Slide) -> str | None:
    """Names the pixels of an image in the viewer, so that a run can resume.

    All pixels of the coarsest level are hashed. None for a file, whose time
    of change tells more, and where that level is too large to be hashed in a
    moment.
    """
    level = len(slide.level_shapes) - 1
    height, width = slide.level_shapes[level]
    if slide.path is not None or height * width > MOST_HASHED:
        return None
    digest = hashlib.blake2b(repr(slide.level_shapes).encode())
    for y in range(0, height, HASHED_ROWS):
        rows = min(HASHED_ROWS, height - y)
        digest.update(slide.read_level(level, y, 0, rows, width).data)
    return digest.hexdigest()


JOBS = JobRegistry(
    {
        PredictRequest: predict,
        EarlierRequest: find_earlier,
        TrainRequest: train,
        SuggestRequest: suggest,
        JudgeRequest: judge,
        RegionsRequest: find_regions,
        BudgetRequest: keep_budget,
        ExplainRequest: explain,
        DescribeDevices: describe_devices,
    },
    warm_up,
)
