"""What the plugin's widgets of one viewer share: engine and preferences."""

from __future__ import annotations

import os
import platform
import shutil
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import psutil
from psygnal import Signal

from napari_wsol.engine.crew import EngineCrew
from napari_wsol.widgets.preferences import Preferences, read_preferences
from napari_wsol.widgets.shown_results import ShownResults

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_wsol.widgets.labelling import Labelling

__all__ = ['Session', 'bare_viewer', 'session_of']

_sessions: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()

_farewells: set[Callable[[], None]] = set()
"""Kept from the garbage collector, which may take a widget apart before it
tells of its destruction; what is called then must still be whole."""


class Session:
    """The engines, folders, results and project of the widgets.

    Engines and scratch folder last as long as a widget uses them: closing the
    viewer deletes its widgets, so the engine ends with the viewer at the
    latest.

    Parameters
    ----------
    client
        Talks to the engine processes (``EngineCrew``).
    preferences
        As they were when the first widget opened.

    Attributes
    ----------
    results
        What is shown over the viewer's images.
    labelling
        The project that is being labelled; None while no form for it is
        open.
    train_wanted
        Emitted where another form asks for a quick training.
    """

    labelling_changed = Signal()
    train_wanted = Signal()

    def __init__(self, client: Any, preferences: Preferences) -> None:
        self.client = client
        self.preferences = preferences
        self.results = ShownResults()
        self.labelling: Labelling | None = None
        self.ended = False
        self._scratch = (
            preferences.cache / f'{_prefix()}{os.getpid()}-{uuid.uuid4().hex}'
        )
        self._users = 0

    def attach(self, widget: QWidget, farewell: Callable[[], object]) -> None:
        """Keep the engine while a widget lives, starting it if need be.

        Parameters
        ----------
        widget
            Its destruction ends the use.
        farewell
            Called first when the widget is destroyed; must not hold it.
        """
        if self._users == 0:
            _clear_abandoned(self.preferences.cache)
            self.client.start()
        self._users += 1

        def detach() -> None:
            _farewells.discard(detach)
            farewell()
            self._users -= 1
            if self._users == 0:
                self.ended = True
                threading.Thread(target=self._end).start()

        _farewells.add(detach)
        widget.destroyed.connect(detach)

    def _end(self) -> None:
        """Wait for the engine to end, then tidy up."""
        self.client.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def share_labelling(self, labelling: Labelling | None) -> None:
        """Let the other widgets know which project is being labelled."""
        self.labelling = labelling
        self.labelling_changed.emit()

    @property
    def scratch(self) -> Path:
        """A folder for what nobody asks for after this session."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    @property
    def results_folder(self) -> Path:
        """Where results are kept for the next time."""
        return self.preferences.cache / 'results'


def bare_viewer(viewer: Viewer) -> Viewer:
    """The viewer itself where napari gave a proxy of it.

    Only its public interface is used all the same; but layers are told apart
    by identity, and every access through the proxy makes a new object.
    """
    return getattr(viewer, '__wrapped__', viewer)


def session_of(viewer: Viewer, client: Any = None) -> Session:
    """The session of a viewer, begun if there is none.

    Parameters
    ----------
    viewer
        Kept weakly.
    client
        Used instead of a new ``EngineCrew`` where a session is begun.
    """
    viewer = bare_viewer(viewer)
    session = _sessions.get(viewer)
    if session is None or session.ended:
        preferences = read_preferences()
        if client is None:
            client = EngineCrew(log_folder=preferences.cache / 'logs')
        session = _sessions[viewer] = Session(client, preferences)
    return session


def _prefix() -> str:
    """Folders with it belong to viewers on this computer."""
    return f'viewer-{platform.node()}-'


def _clear_abandoned(cache: Path) -> None:
    """Remove the maps of viewers that ended without tidying up."""
    for folder in cache.glob(f'{_prefix()}*'):
        pid = folder.name.removeprefix(_prefix()).partition('-')[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
