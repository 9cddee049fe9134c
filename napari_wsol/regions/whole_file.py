"""Text files that are whole or not there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from napari_wsol.errors import BadInputError


@contextlib.contextmanager
def whole_file(path: Path, encoding: str = 'utf-8') -> Iterator[TextIO]:
    """Write a text file that takes its name once it is complete.

    Raises
    ------
    BadInputError
        Where it cannot be written; what was there before still is.
    """
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open('w', encoding=encoding, newline='') as stream:
            yield stream
        temporary.replace(path)
    except OSError as error:
        raise BadInputError(
            f'"{path}" cannot be written: {error.strerror or error}. Choose '
            'another place.'
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
