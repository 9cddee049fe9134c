"""Jobs of the engine, relayed to Qt by napari's workers."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import shapely
from napari.qt.threading import GeneratorWorker, create_worker

from napari_wsol.engine.messages import (
    Begun,
    EarlierRequest,
    ExplainRequest,
    Failed,
    Finished,
    ImageSource,
    PredictRequest,
    RegionsFound,
    RegionsRequest,
    Request,
    RunRequest,
    ViewerImage,
)
from napari_wsol.errors import WsolError
from napari_wsol.inference.fields import FieldTable, read_fields
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.saving import load_regions
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.refusal import require_brightfield
from napari_wsol.widgets.images import image_levels, image_path
from napari_wsol.widgets.maps import ResultMaps, open_maps, open_stored

__all__ = [
    'Found',
    'ImageAtHand',
    'Job',
    'Opened',
    'PlannedRun',
    'Regions',
    'Running',
    'explain',
    'find_regions',
    'predict',
    'run',
]


@dataclass(frozen=True)
class ImageAtHand:
    """An image of the viewer: its arrays, finest first, and its file."""

    name: str
    levels: tuple[Any, ...]
    path: Path | None

    @classmethod
    def of(cls, layer: Any) -> ImageAtHand:
        """That of an image layer."""
        return cls(layer.name, image_levels(layer), image_path(layer))


@dataclass(frozen=True)
class PlannedRun:
    """What a model would be run over, how.

    Parameters
    ----------
    model
        Its folder.
    results
        Folder in which results are kept.
    """

    image: ImageAtHand
    pixel_size: PixelSize | None
    model: Path
    results: Path
    settings: PredictionSettings

    def request(
        self,
        kind: type[RunRequest],
        job: int,
        source: ImageSource,
        **more: Any,
    ) -> RunRequest:
        """What is sent about it to the engine, which reads the source."""
        return kind(
            job,
            source,
            self.pixel_size,
            str(self.model),
            str(self.results),
            self.settings,
            **more,
        )


@dataclass(frozen=True)
class Found:
    """A finished prediction, its maps and its fields, ready to be shown.

    There are no fields where the classifier did not run, and where the image
    is no larger than one.
    """

    result: Prediction
    maps: ResultMaps
    fields: FieldTable | None = None


@dataclass(frozen=True)
class Opened:
    """A prediction that has begun, and its maps, which fill meanwhile."""

    result: Prediction
    maps: ResultMaps
    fields: None = None


@dataclass(frozen=True)
class Regions:
    """The regions of a result."""

    table: RegionTable
    outlines: Outlines


class Job(GeneratorWorker):
    """Relays a job's events; quitting it cancels the job.

    napari quits its workers when the window closes or the user cancels its
    task, so the engine hears of it.

    Attributes
    ----------
    number
        Of the job at the engine.
    """

    def __init__(
        self, events: Any, *, number: int, cancel: Callable[[], object]
    ) -> None:
        super().__init__(events)
        self.number = number
        self.cancel = cancel

    def quit(self) -> None:
        """Ask the engine to stop, and the relay with it."""
        self.cancel()
        super().quit()


class Running:
    """The job in hand; outlives the widget so that it can be stopped."""

    def __init__(self) -> None:
        self.job: Job | None = None

    def stop(self) -> None:
        """Cancel the job, if there is one."""
        if self.job is not None:
            self.job.quit()


def run(
    client: Any,
    name: str,
    request: Callable[[int], Request],
    on_event: Callable[[Any], object],
) -> Job:
    """Send a request and hand over what comes back, in the Qt thread.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    name
        What the job does, for napari's list of tasks.
    request
        Makes the request for a job number.
    on_event
        Called with each event, the last of them one of ``CLOSING``, and
        with None from time to time.
    """
    job = client.next_job()

    def relay() -> Iterator[Any]:
        yield from client.events(request(job))

    return _start(client, job, name, relay, on_event)


def predict(
    client: Any,
    plan: PlannedRun,
    view: Box | None,
    on_event: Callable[[Any], object],
) -> Job:
    """Run a model over an image of the viewer.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    view
        What is looked at to begin with.
    on_event
        As for ``run``; an ``Opened`` comes in the place of ``Begun``, a
        ``Found`` in the place of ``Finished``.
    """
    image = plan.image

    def events(job: int, source: ImageSource) -> Iterator[Any]:
        require_brightfield(ArraySlide(image.name, image.levels))
        request = plan.request(PredictRequest, job, source, view=view)
        for event in client.events(request):
            match event:
                case Begun(result):
                    yield Opened(result, open_stored(result.store))
                case Finished(_, result):
                    yield _found(result)
                case _:
                    yield event

    return _look(
        client, image, f'localization in {image.name}', events, on_event
    )


def _found(result: Prediction) -> Found:
    store = Path(result.store)
    fields = read_fields(store) if result.n_fields > 1 else None
    return Found(result, open_maps(store), fields)


def find_earlier(
    client: Any, plan: PlannedRun, on_event: Callable[[Any], object]
) -> Job:
    """Ask whether the result of a run is kept; as ``predict``."""

    def events(job: int, source: ImageSource) -> Iterator[Any]:
        yield from client.events(plan.request(EarlierRequest, job, source))

    name = f'earlier results of {plan.image.name}'
    return _look(client, plan.image, name, events, on_event)


def find_regions(
    client: Any,
    result: Prediction,
    threshold: float,
    output: Path,
    image: ImageAtHand,
    pixel_size: PixelSize | None,
    model: Path,
    on_event: Callable[[Any], object],
) -> Job:
    """Find and measure the regions of a result.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    output
        A file to put them into meanwhile.
    image, pixel_size, model
        As the result was made of.
    on_event
        As for ``run``; ``Regions`` come in the place of ``RegionsFound``.
    """

    def events(job: int, source: ImageSource) -> Iterator[Any]:
        request = RegionsRequest(
            job,
            result,
            threshold,
            str(output),
            source,
            pixel_size,
            str(model),
        )
        try:
            for event in client.events(request):
                if isinstance(event, RegionsFound):
                    yield Regions(*load_regions(output))
                else:
                    yield event
        finally:
            output.unlink(missing_ok=True)

    return _look(client, image, f'regions of {image.name}', events, on_event)


def explain(
    client: Any,
    image: ImageAtHand,
    pixel_size: PixelSize | None,
    model: Path,
    region: shapely.Polygon,
    project: Path | None,
    on_event: Callable[[Any], object],
) -> Job:
    """Ask why a region was marked.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    image, pixel_size, model
        As the region was found with.
    region
        In level-0 pixels ``(x, y)``.
    project
        Folder of the one whose labelled fields it is compared with.
    on_event
        As for ``run``.
    """

    def events(job: int, source: ImageSource) -> Iterator[Any]:
        request = ExplainRequest(
            job,
            source,
            pixel_size,
            str(model),
            region,
            None if project is None else str(project),
        )
        yield from client.events(request)

    return _look(
        client, image, f'why a region of {image.name}', events, on_event
    )


def _look(
    client: Any,
    image: ImageAtHand,
    name: str,
    events: Callable[[int, ImageSource], Iterator[Any]],
    on_event: Callable[[Any], object],
) -> Job:
    """A job that looks at an image of the viewer, its troubles in words.

    Parameters
    ----------
    events
        Gives the job's events, for its number and what the engine reads.
    """
    job = client.next_job()

    def relay() -> Iterator[Any]:
        source = None
        try:
            source = client.blocks.image_source(
                image.levels, name=image.name, path=image.path
            )
            yield from events(job, source)
        except WsolError as error:
            yield Failed(job, str(error))
        except Exception as error:
            yield Failed(
                job,
                f'The result for "{image.name}" could not be shown '
                f'({error}). Please report this with the details.',
                traceback.format_exc(),
            )
        finally:
            if isinstance(source, ViewerImage):
                client.blocks.unregister(source.key)

    return _start(client, job, name, relay, on_event)


class _Named(partial):
    """A generator function that goes by a name in napari's list of tasks."""

    name = ''

    def __str__(self) -> str:
        return self.name


def _start(
    client: Any,
    job: int,
    name: str,
    relay: Callable[[], Iterator[Any]],
    on_event: Callable[[Any], object],
) -> Job:
    named = _Named(relay)
    named.name = name
    worker = create_worker(
        named,
        _worker_class=Job,
        _start_thread=False,
        number=job,
        cancel=partial(client.cancel, job),
    )
    worker.yielded.connect(on_event)
    worker.start()
    return worker
