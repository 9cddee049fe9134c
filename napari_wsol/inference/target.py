"""Where a result is written, and why that may fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any

from zarr.abc.store import Store

from napari_wsol.errors import WsolError

Target = Path | Store
"""Folder of the OME-Zarr group, or a Zarr store object."""

_REASONS = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'your disk quota is used up',
    EACCES: 'writing there is not permitted',
    EPERM: 'writing there is not permitted',
    EROFS: 'it is read-only',
}


@contextmanager
def writing_to(target: Target) -> Iterator[None]:
    """Say in one line why a store cannot be written.

    Raises
    ------
    WsolError
        In place of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise WsolError(
            f'The results cannot be written to "{describe(target)}": '
            f'{reason}. What is done so far is kept; make room or choose '
            'another folder, and run again.'
        ) from error


def describe(target: Target) -> str:
    """Where a store is, for a message."""
    return str(target) if isinstance(target, Path) else type(target).__name__


def for_zarr(target: Target) -> Any:
    """The target as Zarr's own functions take it."""
    return str(target) if isinstance(target, Path) else target
