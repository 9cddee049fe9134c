"""The engine's side: one job after the other, always open to a Cancel."""

from __future__ import annotations

import os
import pickle
import queue
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_wsol.engine.blocks import BlockReader
from napari_wsol.engine.messages import (
    Begun,
    Cancel,
    Cancelled,
    ChunkDone,
    Closing,
    Envelope,
    Event,
    Failed,
    Look,
    Paused,
    Progress,
    Ready,
    Request,
    Shutdown,
    Steer,
    TrainingProgress,
    TrainingStep,
)
from napari_wsol.errors import CancelledError, WsolError
from napari_wsol.inference.view_first import View
from napari_wsol.training.steering import Steering

if TYPE_CHECKING:
    from napari_wsol.engine.door import Link

PROGRESS_SECONDS = 0.25
"""Shortest time between two reports of progress."""

LAST_SECONDS = 5.0
"""What a job may take to stop once the viewer is gone."""


@dataclass(frozen=True)
class JobContext:
    """What a job may use.

    Parameters
    ----------
    cancelled
        Whether the job should stop; asked between two steps.
    blocks
        Reads images that exist only in the viewer.
    threads
        How many threads the job may compute with.
    steering
        What the user wants of the job meanwhile.
    view
        What part of the job's image the user looks at.
    """

    cancelled: Callable[[], bool]
    blocks: BlockReader
    threads: int
    steering: Steering
    view: View


JobEvents: TypeAlias = Generator[
    Begun | Progress | ChunkDone | TrainingStep, None, Closing
]
Job: TypeAlias = Callable[[Any, JobContext], JobEvents]


@dataclass(frozen=True)
class JobRegistry:
    """The jobs that an engine can do.

    Parameters
    ----------
    jobs
        For each type of request a generator function of the request and a
        ``JobContext`` that yields events and returns the closing one.
    warm_up
        Called once with the number of threads, before the first job.
    """

    jobs: Mapping[type, Job]
    warm_up: Callable[[int], None]


class EngineServer:
    """Serves the requests that come through a connection until it closes.

    Jobs run in the thread that calls ``serve``; a second thread takes in
    what the viewer sends meanwhile.
    """

    def __init__(
        self,
        link: Link,
        registry: JobRegistry,
        blocks: BlockReader,
        threads: int,
    ) -> None:
        self._link = link
        self._registry = registry
        self._blocks = blocks
        self._threads = threads
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._contexts: dict[int, JobContext] = {}
        self._cancelled: set[int] = set()
        self._closing = threading.Event()

    def serve(self, when_warm: Callable[[], None]) -> None:
        """Warm up and run jobs until the viewer says so or goes away.

        Parameters
        ----------
        when_warm
            Called once between the two.
        """
        threading.Thread(
            target=self._take_in, name='napari-wsol requests', daemon=True
        ).start()
        try:
            self._warm_up()
            when_warm()
            while (request := self._requests.get()) is not None:
                self._send(request.job, self._run(request))
        except OSError:
            return  # the viewer is gone

    def _take_in(self) -> None:
        """Sort what the viewer sends; see to it that the process ends."""
        try:
            while not isinstance(message := self._link.recv(), Shutdown):
                match message:
                    case Cancel(job):
                        self._cancelled.add(job)
                    case Steer(job, what):
                        if job in self._contexts:
                            self._contexts[job].steering.follow(what)
                    case Look(job, box):
                        if job in self._contexts:
                            self._contexts[job].view.box = box
                    case _:
                        self._prepare(message)
        except (EOFError, OSError):
            pass
        finally:
            self._closing.set()
            self._requests.put(None)
            time.sleep(LAST_SECONDS)
            os._exit(1)

    def _prepare(self, request: Request) -> None:
        """Have a job done; from now on it can be steered."""
        job = request.job

        def cancelled() -> bool:
            return self._closing.is_set() or job in self._cancelled

        def announce(paused: bool) -> None:
            self._send(job, Paused(paused))

        self._contexts[job] = JobContext(
            cancelled,
            self._blocks,
            self._threads,
            Steering(cancelled, announce),
            View(),
        )
        self._requests.put(request)

    def _warm_up(self) -> None:
        try:
            self._registry.warm_up(self._threads)
        except ImportError:
            traceback.print_exc()  # each job will say so, too
        self._link.send_bytes(pickle.dumps(Ready(os.getpid())))

    def _send(self, job: int, event: Event) -> None:
        self._link.send_bytes(pickle.dumps(Envelope(job, event)))

    def _run(self, request: Request) -> Closing:
        """Do one job; whatever goes wrong becomes its closing event."""
        job = request.job
        try:
            closing = self._relay(request)
            pickle.dumps(closing)
        except CancelledError:
            return Cancelled(job)
        except WsolError as error:
            return Failed(job, str(error))
        except ImportError as error:
            return Failed(
                job,
                f'A library that the plugin needs cannot be loaded ({error}). '
                'Install the plugin again.',
                traceback.format_exc(),
            )
        except Exception as error:
            return Failed(
                job,
                'Something unexpected went wrong '
                f'({type(error).__name__}: {error}). The details are worth a '
                'bug report.',
                traceback.format_exc(),
            )
        finally:
            del self._contexts[job]
        return closing

    def _relay(self, request: Request) -> Closing:
        """Run a job and send its events on, progress not too often."""
        job = request.job
        context = self._contexts[job]
        events = self._registry.jobs[type(request)](request, context)
        told: object = None
        told_at = 0.0
        while not context.cancelled():
            context.steering.hold()
            try:
                event = next(events)
            except StopIteration as end:
                closing: Closing = end.value
                return closing
            if isinstance(event, Progress | TrainingProgress):
                now, about = time.monotonic(), _about(event)
                if about == told and now - told_at < PROGRESS_SECONDS:
                    continue
                told, told_at = about, now
            self._send(job, event)
        events.close()
        return Cancelled(job)


def _about(event: Progress | TrainingProgress) -> object:
    """What an event speaks of: one that differs is worth telling at once."""
    if isinstance(event, Progress):
        return event.message, event.done >= event.total
    return event.stage, event.step >= event.steps
