"""Whether two runs would write the same bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari_wsol.slides.slide import Slide

_METADATA = ('zarr.json', '.zattrs', '.zgroup')


def image_identity(slide: Slide) -> str:
    """Names the content of an image, as far as can be told cheaply.

    A file is known by its path, size and time of change. An image in memory
    cannot be known again: its name is new each time.
    """
    if slide.path is None:
        return f'memory {uuid4()}'
    path = slide.path.resolve()
    files = [path, *(path / name for name in _METADATA)]
    parts = [str(path), *(_changed(each) for each in files if each.exists())]
    return ' '.join(parts)


def fingerprint(entries: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a run depends on, in hexadecimal.

    Only the hash is kept, so that a store names no path.
    """
    text = json.dumps(entries, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _changed(path: Path) -> str:
    facts = path.stat()
    return f'{facts.st_size} {facts.st_mtime_ns}'
