"""What the client knows of one engine process and of one job."""

from __future__ import annotations

import pickle
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_wsol import __version__
from napari_wsol.engine.messages import (
    Cancel,
    Envelope,
    Event,
    Look,
    Ready,
    Steer,
)
from napari_wsol.engine.process import EngineProcess

if TYPE_CHECKING:
    from napari_wsol.engine.door import Hello, Link

_GOODBYE_SECONDS = 1.0


@dataclass(eq=False)
class Job:
    """A request that is not answered yet.

    Parameters
    ----------
    letter
        The pickle of the request.
    deadline
        Running from the moment on that the job was asked to stop.
    """

    number: int
    letter: bytes
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    deadline: threading.Timer | None = None


@dataclass(eq=False)
class Session:
    """One engine process and, once it came in, the connection to it.

    Parameters
    ----------
    running
        The job that the process has in hand.
    ready
        Whether the process has loaded its libraries.
    fault
        Why the process cannot be used at all; empty where it can.
    """

    process: EngineProcess
    running: Job | None = None
    ready: bool = False
    fault: str = ''
    _link: Link | None = None
    _heard_out: threading.Event = field(default_factory=threading.Event)

    def greet(self, hello: Hello) -> bool:
        """Whether this process may come in; one of another version may not."""
        if self.process.token != hello.token:
            return False
        if hello.version != __version__:
            self.fault = (
                'The plugin was changed while the viewer was open (viewer '
                f'{__version__}, engine {hello.version}). Restart napari.'
            )
            self.process.kill()
            return False
        return True

    def connect(self, link: Link) -> None:
        """Keep the connection through which requests are sent."""
        self._link = link

    def disconnect(self) -> None:
        """Send nothing any more."""
        self._link = None

    def send(self, message: bytes) -> bool:
        """Send a pickle; whether the engine could be told."""
        if self._link is None:
            return False
        try:
            self._link.send_bytes(message)
        except OSError:
            return False  # it is ending, which another thread will notice
        return True

    def start_job(self, job: Job) -> None:
        """Give the process a job, if it came in and has nothing to do."""
        if self.running is None and self.send(job.letter):
            self.running = job

    def ask_to_stop(self, job: Job, grace: float) -> None:
        """Ask the process to stop its job; kill it if it does not.

        Parameters
        ----------
        grace
            Seconds that the job may take to stop.
        """
        self.send(pickle.dumps(Cancel(job.number)))
        job.deadline = threading.Timer(grace, self._kill_stuck, (job,))
        job.deadline.daemon = True
        job.deadline.start()

    def tell(self, job: Job, message: Steer | Look) -> bool:
        """Tell the process about its job; whether it could be told."""
        return self.running is job and self.send(pickle.dumps(message))

    def listen(
        self, link: Link, take: Callable[[Ready | Envelope], None]
    ) -> None:
        """Hand on what the process sends; it is gone on return."""
        try:
            while True:
                take(link.recv())
        except (EOFError, OSError):
            pass
        except Exception as error:
            self.fault = (
                'The compute engine gave an answer that cannot be read '
                f'({error}). Restart napari.'
            )
        finally:
            self._heard_out.set()
            self.process.end(_GOODBYE_SECONDS)

    def wait_for_end(self) -> None:
        """Wait until the process has ended and its last event was taken."""
        self.process.ended.wait()
        if self._link is not None:
            self._heard_out.wait(_GOODBYE_SECONDS)

    def _kill_stuck(self, job: Job) -> None:
        if self.running is job:
            self.process.kill()
