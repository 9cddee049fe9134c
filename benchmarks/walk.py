"""What the walks through the widgets share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import napari
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from screenshots import wait

SIZE = 1400, 900

MPP = '1.0'
"""EBHI-Seg states none; its glands have the usual size at this one."""

PATIENCE = 900


class Walk:
    """The viewer, its forms, the pictures and the clock.

    Parameters
    ----------
    output
        Where the pictures and ``walk.json`` go.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._count = 0
        self.seconds: dict[str, float] = {}
        self.viewer = napari.Viewer(title='napari', show=True)
        self.viewer.theme = 'dark'
        self.viewer.window.resize(*SIZE)

    @property
    def canvas(self) -> QWidget:
        """What is clicked on and typed into."""
        return self.viewer.window._qt_viewer.canvas.native

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step."""
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
        print(f'{name}: {self.seconds[name]:.1f} s', flush=True)

    def open_form(self, name: str) -> QWidget:
        """A form of the plugin, in a tab beside the others."""
        _, form = self.viewer.window.add_plugin_dock_widget(
            'napari-wsol', name, tabify=True
        )
        wait(0.5)
        return form

    def scroll(self, form: QWidget, part: QWidget) -> None:
        """Scroll until a part of a form begins at its top."""
        wait(0.3)
        top = part.mapTo(form.widget(), QPoint(0, 0)).y()
        form.verticalScrollBar().setValue(max(0, top - 6))
        wait(0.3)

    def press(self, key: Qt.Key) -> None:
        """Press a key over the canvas."""
        if QApplication.activeWindow() is None:
            self.canvas.window().activateWindow()
            until(QApplication.activeWindow, 'an active window')
        self.canvas.setFocus()
        QTest.keyClick(self.canvas, key)
        wait(0.05)

    def end(self) -> None:
        """Write the seconds and close the viewer."""
        (self._output / 'walk.json').write_text(
            json.dumps(
                {name: round(s, 2) for name, s in self.seconds.items()},
                indent=2,
            )
            + '\n'
        )
        self.viewer.close()
        wait(1)


def until(condition: Callable[[], object], what: str) -> None:
    """Let the viewer work until something is so."""
    end = time.perf_counter() + PATIENCE
    while not condition():
        if time.perf_counter() > end:
            raise SystemExit(f'Waited too long for {what}.')
        wait(0.02)
