"""A cohort on a Dask cluster: one slide per task."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_wsol.cohorts.cluster import Cluster, connected, threads_of
from napari_wsol.cohorts.running import Events
from napari_wsol.cohorts.slide_work import failed
from napari_wsol.cohorts.task import (
    Notice,
    SlideReport,
    SlideTask,
    Told,
)
from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.settings import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

RETRIES = 2
"""For what goes wrong around a slide; its own errors come as reports."""

MOST_BEGUN = 3
"""How often a slide begins on workers that die before it is blamed."""

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
    seen = [task for task in tasks if task.image.exists()]
    for task in tasks:
        if task not in seen:
            missing = BadInputError(f'There is no file "{task.image}".')
            yield failed(task, missing)
    if not seen:
        return
    with connected(cluster) as client:
        yield from _Run(client, cluster, seen).events()


class _Run:
    """Slides on their way, and what comes back of them."""

    def __init__(
        self, client: Client, cluster: Cluster, tasks: Sequence[SlideTask]
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._tasks = {task.name: task for task in tasks}
        self._topic = f'napari-wsol-{uuid.uuid4().hex}'
        self._inbox: queue.SimpleQueue[Told | Future[SlideReport]] = (
            queue.SimpleQueue()
        )
        self._names: dict[str, str] = {}
        self._futures: dict[str, Future[SlideReport]] = {}
        self._begun: Counter[str] = Counter()

    def events(self) -> Events:
        """What happens until each slide has ended."""
        client = self._client
        yield from self._notices()
        client.subscribe_topic(self._topic, self._hear)
        try:
            for task in self._tasks.values():
                self._submit(task)
            while self._futures:
                yield from self._next()
        finally:
            self._stop()

    def _submit(self, task: SlideTask) -> None:
        from napari_wsol.cohorts.worker import work

        cluster = self._cluster
        key = f'napari-wsol-{uuid.uuid4().hex}'
        self._names[key] = task.name
        self._futures[task.name] = future = self._client.submit(
            work,
            replace(task, threads=task.threads or threads_of(cluster)),
            self._topic,
            shared=not cluster.is_local,
            key=key,
            pure=False,
            retries=RETRIES,
            resources=dict(cluster.resources) or None,
        )
        future.add_done_callback(self._inbox.put)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take what a worker tells; in the client's own thread."""
        _, told = event
        progress = Progress(**told['progress'])
        self._inbox.put(
            Told(told['name'], told['on'], progress, told['begins'])
        )

    def _next(self) -> Iterator[Told | SlideReport]:
        try:
            item = self._inbox.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            if self._client.status != 'running':
                raise self._lost() from None
            return
        if isinstance(item, Told):
            self._begun[item.name] += item.begins
            if item.name in self._futures:
                yield item
            return
        task = self._tasks[self._names[str(item.key)]]
        report = self._report(task, item)
        if report is None:
            self._submit(task)
            return
        del self._futures[task.name]
        yield report

    def _report(
        self, task: SlideTask, future: Future[SlideReport]
    ) -> SlideReport | None:
        """How a slide ended; None where it is to be run again."""
        from distributed import KilledWorker

        if future.cancelled() or future.status == 'lost':
            raise self._lost()
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, KilledWorker):
            return failed(task, error)
        begun = self._begun[task.name]
        if begun < MOST_BEGUN:
            return None  # it waited where another slide ended the workers
        return failed(
            task,
            WsolError(
                f'The worker that ran "{task.image.name}" ended {begun} '
                'times before the slide did: most often its memory is used '
                'up. Give the workers more, and run the command again: it '
                'goes on where it was.'
            ),
        )

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
            if self._futures:
                self._cancel()
            self._client.unsubscribe_topic(self._topic)

    def _cancel(self) -> None:
        """Give the slides in hand a moment to stop by themselves."""
        from distributed import Event

        running = {name for name in self._futures if self._begun[name]}
        waiting = [
            future
            for name, future in self._futures.items()
            if name not in running
        ]
        self._client.cancel(waiting, reason='stopped')
        Event(self._topic, client=self._client).set()
        end = time.monotonic() + STOP_SECONDS
        while running and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                item = self._inbox.get(timeout=left)
                if not isinstance(item, Told):
                    running.discard(self._names[str(item.key)])
        self._client.cancel(list(self._futures.values()), reason='stopped')
