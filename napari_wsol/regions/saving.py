"""Regions in one file, without anything that could run on loading."""

from __future__ import annotations

import contextlib
import math
import os
import zipfile
import zlib
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import COLUMNS, Frame, RegionTable

FORMAT = 1

_FRAME = 'frame'
_CLASSES = 'roi_classes'
_OUTLINES = ('y', 'x', 'rings', 'regions')
_WHOLE = {'number', 'top', 'left', 'bottom', 'right', 'pixels', 'roi_class'}


def save_regions(path: Path, table: RegionTable, outlines: Outlines) -> None:
    """Write regions to an ``.npz`` file, at once or not at all.

    Parameters
    ----------
    outlines
        Of the same map; may be of more regions than the table.

    Raises
    ------
    WsolError
        Where the file cannot be written.
    """
    frame = [math.nan if v is None else v for v in astuple(table.frame)]
    arrays: dict[str, npt.NDArray[Any]] = {
        'format': np.array(FORMAT),
        _FRAME: np.array(frame, np.float64),
        _CLASSES: np.array(table.roi_classes, np.str_),
    }
    arrays |= {f'table/{name}': getattr(table, name) for name in COLUMNS}
    arrays |= {
        f'outlines/{name}': getattr(outlines, name) for name in _OUTLINES
    }
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        with temporary.open('wb') as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # a full disk needs the room
            temporary.unlink(missing_ok=True)
        raise WsolError(
            f'The regions cannot be written to "{path}": '
            f'{error.strerror or error}. Make room or choose another folder.'
        ) from error


def load_regions(path: Path) -> tuple[RegionTable, Outlines]:
    """The regions in a file that ``save_regions`` wrote.

    Raises
    ------
    BadInputError
        Where the file is missing, damaged or of a later version.
    """
    try:
        with (
            path.open('rb') as stream,
            np.load(stream, allow_pickle=False) as arrays,
        ):
            version = int(arrays['format'])
            if version == FORMAT:
                return _regions(arrays)
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise BadInputError(
            f'"{path}" cannot be read as regions ({error}). Find the regions '
            'of the prediction again.'
        ) from error
    raise BadInputError(
        f'"{path}" holds regions of version {version}, which this program '
        'does not know. Update napari-wsol.'
    )


def _regions(arrays: Any) -> tuple[RegionTable, Outlines]:
    told = [None if math.isnan(v) else float(v) for v in arrays[_FRAME]]
    if len(told) != len(fields(Frame)):
        raise ValueError('its frame is not what it should be')
    frame = Frame(*told)  # type: ignore[arg-type]
    columns = {
        name: _array(arrays, f'table/{name}', 'i' if name in _WHOLE else 'f')
        for name in COLUMNS
    }
    roi_classes = tuple(str(name) for name in arrays[_CLASSES])
    table = RegionTable(**columns, frame=frame, roi_classes=roi_classes)
    y, x, rings, regions = (
        _array(arrays, f'outlines/{name}', 'i') for name in _OUTLINES
    )
    _require_whole(table, y, x, rings, regions)
    return table, Outlines(y, x, rings, regions, frame)


def _array(arrays: Any, name: str, kind: str) -> npt.NDArray[Any]:
    array = np.asarray(arrays[name])
    if array.ndim != 1 or array.dtype.kind != kind:
        raise ValueError(f'{name} is not what it should be')
    return array


def _require_whole(
    table: RegionTable,
    y: npt.NDArray[Any],
    x: npt.NDArray[Any],
    rings: npt.NDArray[Any],
    regions: npt.NDArray[Any],
) -> None:
    """Refuse parts that do not belong together."""
    lengths = {len(getattr(table, name)) for name in COLUMNS}
    fits = (
        len(lengths) == 1
        and len(y) == len(x)
        and _counts_up(rings, len(y))
        and _counts_up(regions, len(rings) - 1)
        and np.isin(table.number, np.arange(1, len(regions))).all()
    )
    if not fits:
        raise ValueError('its parts do not fit together')


def _counts_up(offsets: npt.NDArray[Any], end: int) -> bool:
    return (
        len(offsets) > 0
        and offsets[0] == 0
        and offsets[-1] == end
        and bool((np.diff(offsets) > 0).all())
    )
