"""Text files that are always whole, with their last good copy beside them."""

from __future__ import annotations

import contextlib
import os
import shutil
from datetime import datetime
from pathlib import Path

from napari_wsol.errors import BadInputError, DamagedFileError

Stamp = tuple[int, int]


class KeptFile:
    """One text file that only its project writes.

    A change goes to a temporary file first, so that at any moment either the
    old or the new text is there; the old one stays as ``NAME.bak``. Where
    another program changed the file meanwhile, its text is kept as
    ``NAME.edited``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text: str | None = None
        self._stamp: Stamp | None = None

    @property
    def backup(self) -> Path:
        """The last good copy."""
        return backup_of(self.path)

    def read(self) -> str:
        """The text.

        Raises
        ------
        DamagedFileError
            Where it is missing, empty, or no text.
        """
        try:
            data = self.path.read_bytes()
            text = data.decode('utf-8-sig')
        except FileNotFoundError:
            raise self.damaged('it is missing') from None
        except UnicodeDecodeError:
            raise self.damaged('it is no UTF-8 text') from None
        if not text.strip() or '\0' in text:
            raise self.damaged('it is empty or holds zeros')
        self._text, self._stamp = text, _stamp(self.path)
        return text

    def write(self, text: str) -> None:
        """Replace the text; nothing happens where it is the same.

        Raises
        ------
        OSError
            Where it cannot be written; the old text is still there.
        """
        present = _stamp(self.path)
        if text == self._text and present == self._stamp:
            return
        temporary = self.path.with_name(f'.{self.path.name}.tmp')
        try:
            _write_through(temporary, text)
            if present is not None:
                ours = present == self._stamp
                _copy(self.path, self.backup if ours else self._edited)
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):  # a full disk needs the room
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(self.path.parent)
        self._text, self._stamp = text, _stamp(self.path)

    @property
    def _edited(self) -> Path:
        return self.path.with_name(f'{self.path.name}.edited')

    def damaged(self, why: str) -> DamagedFileError:
        """The error that names the file and what can be done."""
        name, backup = self.path.name, self.backup
        if not backup.is_file():
            return DamagedFileError(
                f'"{self.path}" is damaged ({why}), and there is no earlier '
                'copy of it. Put back a copy of your own.',
                self.path,
            )
        saved = datetime.fromtimestamp(backup.stat().st_mtime)
        return DamagedFileError(
            f'"{self.path}" is damaged ({why}). Its last good copy, '
            f'"{backup.name}" of {saved:%d %B %Y, %H:%M}, can be put in its '
            f'place; the damaged {name} is kept beside it.',
            self.path,
            backup,
        )


def backup_of(path: Path) -> Path:
    """Where the last good copy of a file lies."""
    return path.with_name(f'{path.name}.bak')


def restore_copy(path: Path) -> Path | None:
    """Put the last good copy of a damaged file in its place.

    Returns
    -------
    Path or None
        Where the damaged file is now; None where there was none.

    Raises
    ------
    BadInputError
        Where there is no copy.
    """
    backup = backup_of(path)
    if not backup.is_file():
        raise BadInputError(f'There is no earlier copy of "{path}".')
    aside = None
    if path.exists():
        when = datetime.now().strftime('%Y%m%d-%H%M%S-%f')
        aside = path.with_name(f'{path.name}.damaged-{when}')
        _copy(path, aside)
    _copy(backup, path)
    sync_folder(path.parent)
    return aside


def sync_folder(folder: Path) -> None:
    """Make sure that a rename in a folder outlives a power cut."""
    if os.name == 'nt':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network folders refuse
            os.fsync(handle)
    finally:
        os.close(handle)


def _write_through(path: Path, text: str) -> None:
    with path.open('w', encoding='utf-8', newline='') as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _copy(source: Path, target: Path) -> None:
    """A copy that is whole or not there; a second name where that works."""
    temporary = target.with_name(f'.{target.name}.tmp')
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


def _stamp(path: Path) -> Stamp | None:
    """What changes with a file's content; None where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
