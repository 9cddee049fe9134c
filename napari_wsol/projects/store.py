"""Everything that a project keeps on the disk, and the order of writing."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_wsol.errors import BadInputError, DamagedFileError, WsolError
from napari_wsol.projects.files import KeptFile, backup_of, restore_copy
from napari_wsol.projects.geojson import collection_text
from napari_wsol.projects.history import Act, History, Step
from napari_wsol.projects.items import Item
from napari_wsol.projects.lock import ProjectLock
from napari_wsol.projects.settings import (
    PROJECT_VERSION,
    ProjectSettings,
    settings_text,
    updated,
    with_class,
)
from napari_wsol.projects.state import State
from napari_wsol.projects.tables import read_items, table_text, with_keys
from napari_wsol.training.table import PROJECT_FILE, PROJECT_LABELS

IMAGES = 'images.csv'
HISTORY = 'history.jsonl'
FIELDS = 'labels.geojson'
RUNS = 'runs'


class Store:
    """The files of one project.

    Parameters
    ----------
    read_only
        Write nothing, not even the lock.

    Attributes
    ----------
    remarks
        What the user should hear about the files, in sentences.

    Raises
    ------
    ProjectInUseError
        Where another viewer changes the project.
    """

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self.folder, self.read_only = folder, read_only
        self.remarks: list[str] = []
        self._lock = None if read_only else ProjectLock(folder)
        self._settings = KeptFile(folder / PROJECT_FILE)
        self._labels = KeptFile(folder / PROJECT_LABELS)
        self._images = KeptFile(folder / IMAGES)
        self._fields = ''
        self._history = History(folder / HISTORY, folder)

    @property
    def history(self) -> History:
        """The steps that can be undone and redone."""
        return self._history

    def close(self) -> None:
        """Let others change the project."""
        if self._lock is not None:
            self._lock.release()

    def read(self) -> State:
        """What is on the disk, with all that a kill left half done.

        Raises
        ------
        DamagedFileError
            Where a file is not whole.
        BadInputError
            Where the project was made by a newer version.
        """
        settings = self._read_settings()
        labelled, sides = self._read_table(self._labels)
        waiting, _ = self._read_table(self._images)
        self._notice_loss(len(labelled))
        items = with_keys(
            [*labelled, *(replace(item, label=None) for item in waiting)],
            self._history.keys,
        )
        settings = updated(settings, {'splits': {**sides, **settings.splits}})
        state = State(self._with_all_classes(settings, labelled), items)
        for act, step in self._history.pending:
            state = self.after(state, act, step)
        state = state.assigned(fixed=self._has_trained)
        if not self.read_only:
            self._tidy(state)
        return state

    def after(self, state: State, act: Act, step: Step) -> State:
        """The state that an act leads to, every labelled group on a side.

        From the first training on, groups stay where they are.
        """
        return state.after(step, act).assigned(fixed=self._has_trained)

    def write(self, state: State) -> None:
        """Put a state on the disk; only what changed is written.

        Raises
        ------
        WsolError
            Where that fails; the next change tries again.
        """
        self._require_writable()
        try:
            self._write(state)
        except OSError as error:
            raise self._unwritten(error) from error

    def carry_out(self, act: Act, step: Step, state: State) -> None:
        """Write down a step, then the state that it leads to.

        Raises
        ------
        WsolError
            Where that fails; then nothing has happened.
        """
        self._require_writable()
        try:
            self._history.begin(act, step)
            try:
                self._write(state)
            except OSError:
                with contextlib.suppress(OSError):
                    self._history.take_back()
                raise
        except OSError as error:
            raise self._unwritten(error) from error
        self._history.finish(len(state.labelled))

    @property
    def _has_trained(self) -> bool:
        return (self.folder / RUNS).exists()

    def _write(self, state: State) -> None:
        folder, items = self.folder, state.items.values()
        self._settings.write(settings_text(state.settings))
        self._labels.write(table_text(state.labelled, folder, state.side_of))
        self._images.write(
            table_text(
                [item for item in items if item.label is None],
                folder,
                lambda item: '',
            )
        )
        fields = collection_text(
            [item for item in items if item.field], state.settings, folder
        )
        if fields != self._fields:
            path = folder / FIELDS
            temporary = path.with_name(f'.{FIELDS}.tmp')
            temporary.write_text(fields, 'utf-8')
            temporary.replace(path)
            self._fields = fields

    def _require_writable(self) -> None:
        if self.read_only:
            raise BadInputError(
                f'The project "{self.folder.name}" is open only to look at: '
                'close it in the other viewer and open it again to change it.'
            )

    def _unwritten(self, error: OSError) -> WsolError:
        where = error.filename or self.folder
        return WsolError(
            f'The project could not be saved ("{where}": '
            f'{error.strerror or error}), so the last change was not made. '
            'Make room, or close the program that uses the file, and do it '
            'again.'
        )

    def _read_settings(self) -> ProjectSettings:
        text = self._settings.read()
        try:
            told = json.loads(text)
            version = told.get('format_version', PROJECT_VERSION)
            if isinstance(version, int) and version > PROJECT_VERSION:
                raise BadInputError(
                    f'The project "{self.folder}" was made by a newer '
                    'napari-wsol: update the plugin.'
                )
            return ProjectSettings.model_validate(told)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = '.'.join(map(str, fault['loc']))
            raise self._settings.damaged(f'{where}: {fault["msg"]}') from error
        except (ValueError, AttributeError) as error:
            raise self._settings.damaged('it is no JSON') from error

    def _read_table(self, file: KeptFile) -> tuple[list[Item], dict[str, Any]]:
        try:
            return read_items(file.read(), self.folder)
        except ValueError as error:
            raise file.damaged(str(error)) from error

    def _notice_loss(self, labels: int) -> None:
        """Say where labels are fewer than they were, and keep the copy."""
        known, path = self._history.known_labels, self._labels.path
        if known is None or labels >= known or self._history.pending:
            return
        backup = backup_of(path)
        self.remarks.append(
            f'"{path}" holds {labels} labels; it held {known} when the '
            'project was last open. If nobody deleted them, '
            + (
                f'look into its earlier copy "{backup.name}".'
                if backup.is_file()
                else 'put back a copy of your own.'
            )
        )

    def _with_all_classes(
        self, settings: ProjectSettings, labelled: list[Item]
    ) -> ProjectSettings:
        """The settings with the classes that were written in by hand."""
        for label in dict.fromkeys(item.label for item in labelled):
            if label is not None and label not in settings.class_names:
                settings = with_class(settings, label)
        return settings

    def _tidy(self, state: State) -> None:
        try:
            if self._history.damaged:
                aside = self._history.set_aside()
                self.remarks.append(
                    'The history was damaged, so older steps cannot be '
                    'undone any more. Labels are not concerned. The damaged '
                    f'file is kept as "{aside.name}".'
                )
            self._write(state)
            self._history.settle(len(state.labelled))
        except OSError as error:
            raise self._unwritten(error) from error


def restore(error: DamagedFileError) -> Path | None:
    """Put the last good copy of a damaged file in its place.

    What was done since that copy is done again from the history when the
    project is opened.

    Returns
    -------
    Path or None
        Where the damaged file is kept; None where it was missing.

    Raises
    ------
    BadInputError
        Where there is no copy.
    """
    aside = restore_copy(error.path)
    folder = error.path.parent
    History(folder / HISTORY, folder).doubt()
    return aside
