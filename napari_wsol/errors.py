"""Errors that speak to the person at the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class WsolError(Exception):
    """A problem the user can act on.

    Its text is shown as it is, in a notification or on one line of the
    terminal: what happened, to which file or layer, and what to do next.
    """


class BadInputError(WsolError):
    """Something the user gave cannot be used: a file, a layer, a setting.

    The command line ends with exit code 2 on it.
    """


class PixelSizeError(BadInputError):
    """The pixel size is missing or implausible, and has to be entered."""


class OutOfMemoryError(WsolError):
    """The device has too little memory even for a batch of one tile."""


class CancelledError(WsolError):
    """The user stopped the work; nothing is wrong."""


class DamagedFileError(BadInputError):
    """A file of a project is not whole; its last good copy may help.

    Parameters
    ----------
    message
        What the user reads.
    path
        The damaged file.
    backup
        Its last good copy, None where there is none.
    """

    def __init__(
        self, message: str, path: Path, backup: Path | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.backup = backup


class ProjectInUseError(BadInputError):
    """Another viewer changes the project; it can still be looked at."""
