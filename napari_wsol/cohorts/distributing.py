"""A cohort on a Dask cluster: a slide, or a block of it, per task."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_wsol.cohorts.cluster import Cluster, connected, threads_of
from napari_wsol.cohorts.course import Course, Part, Shares, priority
from napari_wsol.cohorts.running import Events
from napari_wsol.cohorts.slide_work import failed
from napari_wsol.cohorts.task import Notice, SlideReport, SlideTask, Told
from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.settings import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

RETRIES = 2
"""For what goes wrong around a slide; its own errors come as reports."""

MOST_BEGUN = 3
"""How often a slide begins on workers that die before it is blamed; with
slides that are split, each part of it."""

LOOK_SECONDS = 1.0
STOP_SECONDS = 10.0


def run_on(cluster: Cluster, tasks: Sequence[SlideTask]) -> Events:
    """Run slides on a cluster, in no particular order.

    Closing the generator cancels what waits, and stops what runs within a
    batch; what is done is kept.

    Yields
    ------
    Event
        As ``running.run_here``.

    Raises
    ------
    BadInputError, WsolError
        As ``cluster.connected``, or where the scheduler is lost.
    """
    seen = []
    for task in tasks:
        if task.image.exists():
            seen.append(task)
            continue
        missing = BadInputError(f'There is no file "{task.image}".')
        yield failed(task, missing)
    if not seen:
        return
    with connected(cluster) as client:
        yield from _Run(client, cluster, seen).events()


@dataclass(frozen=True)
class _Heard:
    """How far a part of a slide is."""

    key: str
    worker: str
    progress: Progress
    begins: bool


@dataclass(frozen=True)
class _InHand:
    """A part of a slide that waits or runs."""

    course: Course
    part: Part
    future: Future[Any]

    @property
    def begun(self) -> int:
        """How often, so far."""
        return self.course.begun(self.part)


class _Run:
    """Slides on their way, and what comes back of them."""

    def __init__(
        self, client: Client, cluster: Cluster, tasks: Sequence[SlideTask]
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._courses = [Course(task, split=cluster.split) for task in tasks]
        self._topic = f'napari-wsol-{uuid.uuid4().hex}'
        self._inbox: queue.SimpleQueue[_Heard | Future[Any]] = (
            queue.SimpleQueue()
        )
        self._in_hand: dict[str, _InHand] = {}

    def events(self) -> Events:
        """What happens until each slide has ended."""
        client = self._client
        yield from self._notices()
        client.subscribe_topic(self._topic, self._hear)
        try:
            for course in self._courses:
                self._submit(course, course.first)
            while self._in_hand:
                yield from self._next()
        finally:
            self._stop()

    def _submit(self, course: Course, part: Part) -> None:
        from napari_wsol.cohorts.worker import work

        cluster, task = self._cluster, course.task
        key = f'napari-wsol-{uuid.uuid4().hex}'
        future = self._client.submit(
            work,
            replace(task, threads=task.threads or threads_of(cluster)),
            part,
            self._topic,
            shared=not cluster.is_local,
            key=key,
            pure=False,
            retries=RETRIES,
            priority=priority(part),
            resources=dict(cluster.resources) or None,
        )
        self._in_hand[key] = _InHand(course, part, future)
        future.add_done_callback(self._inbox.put)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take what a worker tells; in the client's own thread."""
        _, told = event
        progress = Progress(**told['progress'])
        self._inbox.put(
            _Heard(told['key'], told['on'], progress, told['begins'])
        )

    def _next(self) -> Iterator[Told | SlideReport]:
        try:
            item = self._inbox.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            if self._client.status != 'running':
                raise self._lost() from None
            return
        if isinstance(item, _Heard):
            if item.key in self._in_hand:
                found = self._in_hand[item.key]
                yield found.course.tell(
                    found.part, item.worker, item.progress, begins=item.begins
                )
            return
        ended = self._in_hand.pop(str(item.key), None)
        if ended is None:  # it was taken back
            return
        outcome = self._outcome(ended)
        if isinstance(outcome, SlideReport):
            self._take_back(ended.course)
            yield outcome
            return
        for part in outcome:
            self._submit(ended.course, part)

    def _outcome(self, ended: _InHand) -> SlideReport | Sequence[Part]:
        """How a slide ended, or the parts with which it goes on."""
        from distributed import KilledWorker

        course, part, future = ended.course, ended.part, ended.future
        if future.cancelled() or future.status == 'lost':
            raise self._lost()
        error = future.exception()
        if error is None:
            done: SlideReport | Shares | None = future.result()
            if isinstance(done, SlideReport):
                return done
            return course.after(part, done)
        if not isinstance(error, KilledWorker):
            return failed(course.task, error)
        if ended.begun < MOST_BEGUN:
            return (part,)  # it waited where another one ended the workers
        image = course.task.image.name
        return failed(
            course.task,
            WsolError(
                f'The worker that ran "{image}" ended {ended.begun} times '
                'before the slide did: most often its memory is used up. '
                'Give the workers more, and run the command again: it goes '
                'on where it was.'
            ),
        )

    def _take_back(self, course: Course) -> None:
        """Stop the other parts of a slide that has ended."""
        from distributed import Event

        from napari_wsol.cohorts.worker import stop_of

        others = {
            key: each.future
            for key, each in self._in_hand.items()
            if each.course is course
        }
        if not others:
            return
        for key in others:
            del self._in_hand[key]
        Event(stop_of(self._topic, course.task.name), self._client).set()
        self._client.cancel(list(others.values()), reason='stopped')

    def _lost(self) -> WsolError:
        return WsolError(
            f'The Dask scheduler "{self._cluster.address}" is gone. What is '
            'done is kept: start it again and give the same command.'
        )

    def _notices(self) -> Iterator[Notice]:
        """Say why nothing might happen."""
        needed = self._cluster.resources
        workers = self._client.scheduler_info()['workers'].values()
        able = [
            worker
            for worker in workers
            if all(
                worker['resources'].get(name, 0) >= amount
                for name, amount in needed.items()
            )
        ]
        if able:
            return
        offer = ', '.join(f'{k}={v:g}' for k, v in needed.items())
        what = f' that offers {offer}' if workers and needed else ''
        yield Notice(
            f'No worker{what} is connected to "{self._cluster.address}" yet: '
            'the slides wait for one.'
        )

    def _stop(self) -> None:
        """Take back what was asked for and has not ended."""
        if self._client.status != 'running':
            return
        with contextlib.suppress(OSError, RuntimeError):  # it may be going
            if self._in_hand:
                self._cancel()
            self._client.unsubscribe_topic(self._topic)

    def _cancel(self) -> None:
        """Give the slides in hand a moment to stop by themselves."""
        from distributed import Event

        running = {key for key, each in self._in_hand.items() if each.begun}
        waiting = [
            each.future
            for key, each in self._in_hand.items()
            if key not in running
        ]
        self._client.cancel(waiting, reason='stopped')
        Event(self._topic, client=self._client).set()
        end = time.monotonic() + STOP_SECONDS
        while running and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                item = self._inbox.get(timeout=left)
                if not isinstance(item, _Heard):
                    running.discard(str(item.key))
        self._client.cancel(
            [each.future for each in self._in_hand.values()], reason='stopped'
        )
