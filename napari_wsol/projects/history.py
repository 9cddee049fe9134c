"""The steps of a project: written down first, carried out, undone.

``history.jsonl`` has one line per step, undo and redo, on the disk before
the tables change, and one when they have changed. What a kill left half
done is carried out when the project is opened again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_wsol.projects.items import Item, cells_of, item_of

KEPT_STEPS = 500

Act = Literal['do', 'undo', 'redo']
Changes = Mapping[str, Item | None]


@dataclass(frozen=True)
class Step:
    """One action of the user.

    Parameters
    ----------
    words
        What was done, as in "Undo: ...".
    before, after
        The items that it changes, by key; None where there is none.
    settings_before, settings_after
        The fields of ``ProjectSettings`` that it changes, as in JSON.
    """

    words: str
    before: Changes = field(default_factory=dict)
    after: Changes = field(default_factory=dict)
    settings_before: Mapping[str, Any] = field(default_factory=dict)
    settings_after: Mapping[str, Any] = field(default_factory=dict)

    def result(self, act: Act) -> tuple[Changes, Mapping[str, Any]]:
        """The items and settings as they are after an act."""
        if act == 'undo':
            return self.before, self.settings_before
        return self.after, self.settings_after


class History:
    """The steps in a file, and how far they are done.

    Parameters
    ----------
    folder
        Of the project; paths in the file are relative to it.

    Attributes
    ----------
    pending
        Acts that may not have reached the tables, oldest first.
    damaged
        Whether lines of the file could not be read.
    known_labels
        Labels that were in the tables after the last act; None where
        nothing says so.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder
        self._steps: list[Step] = []
        self._position = 0
        self._begun: tuple[Act, Step] | None = None
        self.pending: list[tuple[Act, Step]] = []
        self.damaged = False
        self.known_labels: int | None = None
        self._load()

    @property
    def to_undo(self) -> Step | None:
        """The step that an undo takes back."""
        return self._steps[self._position - 1] if self._position else None

    @property
    def to_redo(self) -> Step | None:
        """The step that a redo does again."""
        later = self._steps[self._position :]
        return later[0] if later else None

    @property
    def keys(self) -> set[str]:
        """Of all items that the steps speak of."""
        return {key for step in self._steps for key in step.after}

    def begin(self, act: Act, step: Step) -> None:
        """Write down what is about to happen, safe from a power cut.

        Raises
        ------
        OSError
            Where it cannot be written; then nothing was.
        """
        line: dict[str, Any] = {act: True}
        if act == 'do':
            line = {'do': _told(step, self._folder)}
        self._append(line, sync=True)
        self._begun = act, step

    def finish(self, labels: int) -> None:
        """Say that it has happened."""
        self._move()
        with contextlib.suppress(OSError):  # then it is carried out again
            self._append({'done': labels}, sync=False)

    def take_back(self) -> None:
        """Say that it could not be carried out.

        Part of it may be in the tables: opened again, it is carried out and
        undone.
        """
        act = self._move()
        back: Act = 'redo' if act == 'undo' else 'undo'
        step = self.to_redo if back == 'redo' else self.to_undo
        assert step is not None
        self._steps, self._position = self._moved(back, step)
        self._append({back: True}, sync=True)

    def doubt(self) -> None:
        """Say that a table is an older one: carry out all acts again."""
        self._append({'doubt': True}, sync=True)

    def set_aside(self) -> Path:
        """Copy the file as it is, before it is written anew."""
        aside = self._path.with_name(f'{self._path.name}.damaged')
        shutil.copyfile(self._path, aside)
        return aside

    def settle(self, labels: int) -> None:
        """Write the file anew: the last steps, all of them in the tables."""
        first = max(0, self._position - KEPT_STEPS)
        self._steps = self._steps[first : first + KEPT_STEPS]
        self._position -= first
        undone = len(self._steps) - self._position
        lines: list[dict[str, Any]] = [
            *({'do': _told(step, self._folder)} for step in self._steps),
            *({'undo': True} for _ in range(undone)),
            {'done': labels},
        ]
        temporary = self._path.with_name(f'.{self._path.name}.tmp')
        with temporary.open('w', encoding='utf-8') as stream:
            stream.writelines(_line(line) for line in lines)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self._path)
        self.pending.clear()

    def _move(self) -> Act:
        """Take the step that was begun; what kind of act it was."""
        assert self._begun is not None
        act, step = self._begun
        self._begun = None
        self._steps, self._position = self._moved(act, step)
        return act

    def _moved(self, act: Act, step: Step) -> tuple[list[Step], int]:
        if act == 'do':
            steps = [*self._steps[: self._position], step]
            return steps, len(steps)
        return self._steps, self._position + (1 if act == 'redo' else -1)

    def _append(self, line: Mapping[str, Any], *, sync: bool) -> None:
        """Write a line, all of it or nothing."""
        data = _line(line).encode()
        with self._path.open('ab', buffering=0) as stream:
            size = self._path.stat().st_size
            try:
                if stream.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if sync:
                    os.fsync(stream.fileno())
            except OSError:
                os.truncate(self._path, size)
                raise

    def _load(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        # A last line without its end was never carried out.
        whole = data.split(b'\n')[:-1]
        acts: list[tuple[Act, Step]] = []
        for text in whole:
            try:
                self._take(json.loads(text), acts)
            except (ValueError, KeyError, TypeError, AttributeError):
                # What came before cannot be undone across the gap.
                self.damaged = True
                self._steps, self._position = [], 0

    def _take(
        self, line: Mapping[str, Any], acts: list[tuple[Act, Step]]
    ) -> None:
        if 'done' in line:
            self.known_labels = int(line['done'])
            self.pending.clear()
        elif 'doubt' in line:
            self.pending[:] = acts
        else:
            act, step = self._read(line)
            self._steps, self._position = self._moved(act, step)
            acts.append((act, step))
            self.pending.append((act, step))

    def _read(self, line: Mapping[str, Any]) -> tuple[Act, Step]:
        if 'do' in line:
            return 'do', _step(line['do'], self._folder)
        act: Act = 'undo' if 'undo' in line else 'redo'
        step = self.to_undo if act == 'undo' else self.to_redo
        if step is None or act not in line:
            raise ValueError(f'no step to {act}')
        return act, step


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False) + '\n'


def _told(step: Step, folder: Path) -> dict[str, Any]:
    return {
        'words': step.words,
        'before': _cells(step.before, folder),
        'after': _cells(step.after, folder),
        'settings_before': dict(step.settings_before),
        'settings_after': dict(step.settings_after),
    }


def _step(told: Mapping[str, Any], folder: Path) -> Step:
    return Step(
        told['words'],
        _items(told['before'], folder),
        _items(told['after'], folder),
        told['settings_before'],
        told['settings_after'],
    )


def _cells(changes: Changes, folder: Path) -> dict[str, dict[str, str] | None]:
    return {
        key: cells_of(item, folder) if item else None
        for key, item in changes.items()
    }


def _items(
    told: Mapping[str, Mapping[str, str] | None], folder: Path
) -> dict[str, Item | None]:
    return {
        key: item_of(cells, folder) if cells else None
        for key, cells in told.items()
    }
