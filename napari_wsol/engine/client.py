"""The viewer's side of the engine: requests out, events in."""

from __future__ import annotations

import atexit
import functools
import itertools
import pickle
import queue
import secrets
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wsol.engine.blocks import BlockService
from napari_wsol.engine.door import Door, Hello
from napari_wsol.engine.messages import (
    CLOSING,
    Cancelled,
    Closing,
    Envelope,
    Event,
    Failed,
    Look,
    Ready,
    Request,
    Shutdown,
    Steer,
)
from napari_wsol.engine.process import EngineProcess
from napari_wsol.engine.session import Job, Session
from napari_wsol.settings import cache_folder
from napari_wsol.slides.geometry import Box
from napari_wsol.training.steering import Wish

if TYPE_CHECKING:
    from napari_wsol.engine.door import Link

PLUGIN_JOBS = 'napari_wsol.engine.jobs:JOBS'
HEARTBEAT_SECONDS = 0.1


class EngineClient:
    """Runs requests in a compute process beside the viewer, one at a time.

    All methods may be called from any thread; only ``close`` and ``events``
    wait. A process that crashes costs the running job; the next one finds a
    new process.

    Parameters
    ----------
    jobs
        ``'module:NAME'`` of the ``JobRegistry`` that the engine serves.
    log_folder
        Where the engine's log is kept; None means the cache folder.
    cancel_grace
        Seconds that a job may take to stop by itself when it is cancelled.

    Attributes
    ----------
    blocks
        Hands the engine pixels of images that exist only in this process.
    """

    def __init__(
        self,
        *,
        jobs: str = PLUGIN_JOBS,
        log_folder: Path | None = None,
        cancel_grace: float = 3.0,
    ) -> None:
        self.blocks = BlockService()
        self._registry = jobs
        self._log_folder = log_folder or cache_folder() / 'logs'
        self._cancel_grace = cancel_grace
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._door: Door | None = None
        self._session: Session | None = None
        self._jobs: dict[int, Job] = {}
        self._cancelled: set[int] = set()
        self._closed = False

    @property
    def is_alive(self) -> bool:
        """Whether there is an engine process."""
        return self._session is not None

    @property
    def is_ready(self) -> bool:
        """Whether the engine has loaded its libraries."""
        session = self._session
        return session is not None and session.ready

    @property
    def pid(self) -> int | None:
        """Number of the engine process, None where there is none."""
        session = self._session
        return None if session is None else session.process.pid

    def next_job(self) -> int:
        """A number for the next request."""
        return next(self._numbers)

    def start(self) -> None:
        """Start the engine where there is none; it warms up by itself.

        Raises
        ------
        OSError
            Where the system can start no process.
        """
        with self._lock:
            if self._closed or self._session is not None:
                return
            if self._door is None:
                self._door = Door(self._welcome)
                atexit.register(self.close)
            session = Session(
                EngineProcess(
                    self._door.key,
                    secrets.token_hex(8),
                    self._registry,
                    self._log_folder,
                )
            )
            self._session = session
        threading.Thread(
            target=self._bury,
            args=(session,),
            name='napari-wsol engine end',
            daemon=True,
        ).start()

    def events(self, request: Request) -> Generator[Event | None, None, None]:
        """Run a request and yield its events, the last one of ``CLOSING``.

        The request is sent when the first event is asked for. Where nothing
        happens for 0.1 s, None is yielded, so that a thread worker gets its
        chance to stop. Closing the generator cancels the job.
        """
        job = self._submit(request)
        try:
            while True:
                try:
                    event = job.events.get(timeout=HEARTBEAT_SECONDS)
                except queue.Empty:
                    yield None
                    continue
                yield event
                if isinstance(event, CLOSING):
                    return
        finally:
            self._stop(job)

    def cancel(self, job: int) -> None:
        """Stop a job, also one that is not sent yet.

        A job that runs is asked to stop; where it does not within the grace
        period, its process is ended and a new one started.
        """
        with self._lock:
            self._cancelled.add(job)
            if job in self._jobs:
                self._stop(self._jobs[job])

    def steer(self, job: int, what: Wish) -> bool:
        """Pause a job, go on with it, or finish a training early.

        Returns
        -------
        bool
            Whether the job runs, so that the engine could be told.
        """
        return self._tell(Steer(job, what))

    def look(self, job: int, box: Box | None) -> bool:
        """Say what part of its image someone looks at; as ``steer``."""
        return self._tell(Look(job, box))

    def _tell(self, message: Steer | Look) -> bool:
        with self._lock:
            return (
                self._session is not None
                and message.job in self._jobs
                and self._session.tell(self._jobs[message.job], message)
            )

    def close(self, patience: float = 2.0) -> None:
        """End the engine; jobs that are left end as cancelled.

        Parameters
        ----------
        patience
            Seconds that the engine may take to end by itself.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for number in tuple(self._jobs):
                self._finish(Cancelled(number))
            session, self._session = self._session, None
        if session is not None:
            told = session.send(pickle.dumps(Shutdown()))
            session.process.end(patience if told else 0.0)
        if self._door is not None:
            self._door.close()
            atexit.unregister(self.close)
        self.blocks.close()

    def _submit(self, request: Request) -> Job:
        job = Job(request.job, pickle.dumps(request))
        with self._lock:
            if self._closed or request.job in self._cancelled:
                job.events.put(Cancelled(request.job))
            else:
                self._jobs[request.job] = job
                self._go_on()
        return job

    def _go_on(self) -> None:
        """Give the longest waiting job to an engine that has nothing to do."""
        try:
            self.start()
        except OSError as error:
            for number in tuple(self._jobs):
                self._finish(
                    Failed(
                        number,
                        f'The compute engine cannot be started ({error}). '
                        'Close other programs and try again.',
                    )
                )
        if self._session is not None and self._jobs:
            self._session.start_job(next(iter(self._jobs.values())))

    def _stop(self, job: Job) -> None:
        """End a job that waits; ask one that runs, with a deadline."""
        with self._lock:
            session = self._session
            if self._jobs.get(job.number) is not job or job.deadline:
                return
            if session is None or session.running is not job:
                self._finish(Cancelled(job.number))
                return
            session.ask_to_stop(job, self._cancel_grace)

    def _finish(self, event: Closing) -> None:
        """Give a job its last event."""
        job = self._jobs.pop(event.job, None)
        if job is not None:
            if job.deadline is not None:
                job.deadline.cancel()
            job.events.put(event)

    def _welcome(self, hello: Hello, link: Link) -> None:
        """Serve a connection, in its own thread, until its other end closes.

        Who is no engine of ours, or no longer, is turned away.
        """
        with self._lock:
            session = self._session
        with link:
            if session is None or not session.greet(hello):
                return
            if hello.purpose == 'blocks':
                self.blocks.serve(link)
                return
            with self._lock:
                if self._session is not session:
                    return
                session.connect(link)
                self._go_on()
            session.listen(link, functools.partial(self._take, session))
            with self._lock:
                session.disconnect()

    def _take(self, session: Session, message: Ready | Envelope) -> None:
        with self._lock:
            if isinstance(message, Ready):
                session.ready = True
            elif isinstance(message.event, CLOSING):
                session.running = None
                self._finish(message.event)
                self._go_on()
            elif message.job in self._jobs:
                self._jobs[message.job].events.put(message.event)

    def _bury(self, session: Session) -> None:
        """Wait for the end of a process, then see to the jobs it leaves."""
        session.wait_for_end()
        with self._lock:
            if self._session is not session:
                return
            self._session = None
            lost = self._lost_jobs(session)
            for job in lost:
                self._finish(
                    Cancelled(job.number)
                    if job.deadline is not None
                    else Failed(
                        job.number,
                        session.fault or session.process.epitaph(),
                        session.process.last_words(),
                    )
                )
            if self._jobs or (lost and session.ready):
                self._go_on()

    def _lost_jobs(self, session: Session) -> tuple[Job, ...]:
        """The jobs that ended with a process; all others can be sent again.

        A process that ended before it was ready takes the first waiting job
        with it, so that an engine that cannot start is not started for ever.
        """
        waiting = tuple(self._jobs.values())
        if session.fault:
            return waiting
        if session.running is not None:
            return (session.running,)
        return () if session.ready else waiting[:1]
