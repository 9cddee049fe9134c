"""Which projects were open last."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ['recent_projects', 'remember_project']

_FILE = 'recent-projects.json'
_MOST = 8


def recent_projects(cache: Path) -> list[Path]:
    """The folders of the projects opened last that still exist, newest first.

    Parameters
    ----------
    cache
        The plugin's cache folder.
    """
    try:
        names = json.loads((cache / _FILE).read_text('utf-8'))
        folders = [Path(str(name)) for name in names]
    except (OSError, ValueError, TypeError):
        return []  # only a convenience: without it one opens by folder
    return [folder for folder in folders if folder.is_dir()]


def remember_project(cache: Path, folder: Path) -> None:
    """Put a project first in the list."""
    folder = folder.resolve()
    others = [each for each in recent_projects(cache) if each != folder]
    names = [str(each) for each in (folder, *others)][:_MOST]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f'{_FILE}.part'
        part.write_text(json.dumps(names, indent=1), 'utf-8')
        part.replace(cache / _FILE)
    except OSError:
        return  # as above
