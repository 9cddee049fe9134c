"""Two engines for one viewer: one at hand, one that trains.

An engine does one job at a time, and a training takes minutes. It has a
process of its own, started by the first training and then kept warm, so that
maps, judgements and suggestions can be asked for meanwhile. Both processes
make way for the viewer; between the two the system shares the processor.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari_wsol.engine.blocks import BlockService
from napari_wsol.engine.client import PLUGIN_JOBS, EngineClient
from napari_wsol.engine.messages import Event, Request, TrainRequest
from napari_wsol.slides.geometry import Box
from napari_wsol.training.steering import Wish


class EngineCrew:
    """Runs requests as an ``EngineClient`` does, trainings beside the others.

    Parameters
    ----------
    jobs, log_folder, cancel_grace
        Of both engines.

    Attributes
    ----------
    at_hand, trainer
        The engine that a viewer starts with, and the one that trains.
    """

    def __init__(
        self,
        *,
        jobs: str = PLUGIN_JOBS,
        log_folder: Path | None = None,
        cancel_grace: float = 3.0,
    ) -> None:
        self.at_hand, self.trainer = (
            EngineClient(
                jobs=jobs, log_folder=log_folder, cancel_grace=cancel_grace
            )
            for _ in range(2)
        )

    @property
    def blocks(self) -> BlockService:
        """Hands the engine at hand pixels of images in this process."""
        return self.at_hand.blocks

    @property
    def is_alive(self) -> bool:
        """Whether there is an engine process at hand."""
        return self.at_hand.is_alive

    @property
    def is_ready(self) -> bool:
        """Whether the engine at hand has loaded its libraries."""
        return self.at_hand.is_ready

    @property
    def pid(self) -> int | None:
        """Number of the process at hand, None where there is none."""
        return self.at_hand.pid

    def next_job(self) -> int:
        """A number for the next request, whoever does it."""
        return self.at_hand.next_job()

    def start(self) -> None:
        """Start the engine at hand where there is none.

        Raises
        ------
        OSError
            Where the system can start no process.
        """
        self.at_hand.start()

    def events(self, request: Request) -> Generator[Event | None, None, None]:
        """Run a request; as ``EngineClient.events``."""
        trains = isinstance(request, TrainRequest)
        return (self.trainer if trains else self.at_hand).events(request)

    def cancel(self, job: int) -> None:
        """Stop a job; as ``EngineClient.cancel``."""
        self.at_hand.cancel(job)
        self.trainer.cancel(job)

    def steer(self, job: int, what: Wish) -> bool:
        """Pause a job, go on or finish; as ``EngineClient.steer``."""
        return self.trainer.steer(job, what) or self.at_hand.steer(job, what)

    def look(self, job: int, box: Box | None) -> bool:
        """Say what someone looks at; as ``EngineClient.look``."""
        return self.at_hand.look(job, box)

    def close(self, patience: float = 2.0) -> None:
        """End both engines; jobs that are left end as cancelled.

        Parameters
        ----------
        patience
            Seconds that each may take to end by itself.
        """
        self.at_hand.close(patience)
        self.trainer.close(patience)
