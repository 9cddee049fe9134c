"""Asks the engine what the model takes items for, and what to label next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject

from napari_wsol.engine.messages import (
    Cancelled,
    Failed,
    Judged,
    JudgeRequest,
    Suggested,
    SuggestRequest,
)
from napari_wsol.inference.settings import Progress
from napari_wsol.projects.lineage import current_version
from napari_wsol.widgets import jobs
from napari_wsol.widgets.image_in_hand import ImageInHand
from napari_wsol.widgets.items_panel import ItemsPanel
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.suggest_panel import SuggestPanel
from napari_wsol.widgets.wording import describe_progress

__all__ = ['Opinions']

_NO_MODEL = (
    'The project has no model yet: train one below, then ask again. (A '
    'project that begins from a model can be asked at once.)'
)


class Opinions(QObject):
    """Runs the two questions in the engine and shows their answers.

    Parameters
    ----------
    client
        The session's ``EngineClient``.
    labelling, image
        What is asked about.
    items, suggest
        Where it is asked and answered.
    """

    def __init__(
        self,
        client: Any,
        labelling: Labelling,
        image: ImageInHand,
        items: ItemsPanel,
        suggest: SuggestPanel,
    ) -> None:
        super().__init__(labelling)
        self._client = client
        self._labelling = labelling
        self._image = image
        self._items = items
        self._suggest = suggest
        self._jobs: dict[str, jobs.Job] = {}
        items.judge.connect(self.judge)
        items.cancel.connect(lambda: self._cancel('judge'))
        suggest.ask.connect(self.suggest)
        suggest.cancel.connect(lambda: self._cancel('suggest'))
        labelling.project_changed.connect(self.stop)

    def suggest(self, where: str, count: int) -> None:
        """Ask what to label next in ``'image'`` or in all of ``'project'``."""
        project, model = self._labelling.project, self._model()
        if project is None:
            return
        if model is None:
            self._suggest.end(_NO_MODEL, 'note')
            return
        images = self._images(where)
        if not images:
            self._suggest.end(self._image.why_not or 'No images yet.', 'note')
            return
        self._suggest.begin()
        self._jobs['suggest'] = jobs.run(
            self._client,
            'looking for what to label next',
            lambda job: SuggestRequest(
                job, str(project.folder), str(model), images, count
            ),
            self._unless_gone(self._take_suggestions),
        )

    def judge(self) -> None:
        """Ask for the class of every item."""
        project, model = self._labelling.project, self._model()
        if project is None:
            return
        keys = tuple(self._labelling.items)
        if model is None or not keys:
            self._items.end(_NO_MODEL if keys else 'No items yet.', 'note')
            return
        self._items.begin()
        self._jobs['judge'] = jobs.run(
            self._client,
            'predicting the items of the project',
            lambda job: JudgeRequest(
                job, str(project.folder), str(model), keys
            ),
            self._unless_gone(self._take_judgements),
        )

    def stop(self) -> None:
        """End what runs: nobody waits for it any more."""
        for job in self._jobs.values():
            job.quit()
        self._jobs.clear()

    def _model(self) -> Path | None:
        """The kept model that counts, else the one to begin from."""
        project = self._labelling.project
        if project is None:
            return None
        version = current_version(project)
        return project.parent if version is None else version.path

    def _images(self, where: str) -> tuple[tuple[str, float | None], ...]:
        """Paths, with µm per pixel where it was entered."""
        if where == 'image':
            path = self._image.path
            return () if path is None else ((str(path), self._image.mpp),)
        known: dict[str, float | None] = {}
        for item in self._labelling.items.values():
            name = str(item.image)
            known[name] = known.get(name) or item.mpp
        return tuple(known.items())

    def _cancel(self, what: str) -> None:
        if what in self._jobs:
            self._jobs[what].cancel()

    def _unless_gone(
        self, take: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        """Drop what comes after the widget was closed."""

        def take_if_alive(event: Any) -> None:
            if event is not None and isalive(self._suggest):
                take(event)

        return take_if_alive

    def _take_suggestions(self, event: Any) -> None:
        if isinstance(event, Progress):
            self._suggest.show_progress(event)
        elif isinstance(event, Suggested):
            self._jobs.pop('suggest', None)
            self._suggest.show_suggestions(event.suggestions)
        elif isinstance(event, Failed | Cancelled):
            self._jobs.pop('suggest', None)
            self._suggest.end(*_ending(event))

    def _take_judgements(self, event: Any) -> None:
        if isinstance(event, Progress):
            self._items.show_progress(event, describe_progress(event))
        elif isinstance(event, Judged):
            self._jobs.pop('judge', None)
            self._items.show_judgements(event.judgements)
        elif isinstance(event, Failed | Cancelled):
            self._jobs.pop('judge', None)
            self._items.end(*_ending(event))


def _ending(event: Failed | Cancelled) -> tuple[str, str]:
    """What to say where a question was not answered."""
    if isinstance(event, Failed):
        return event.message, 'stop'
    return 'Stopped.', 'fine'
