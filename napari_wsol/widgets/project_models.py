"""The models that were kept in the projects opened last."""

from __future__ import annotations

from pathlib import Path

from napari_wsol.models.folder import ModelFolder, read_folder
from napari_wsol.projects.lineage import versions_in
from napari_wsol.widgets.recent_projects import recent_projects

__all__ = ['project_models']


def project_models(cache: Path) -> list[tuple[str, ModelFolder]]:
    """Each with the name to list it under; newest first.

    Parameters
    ----------
    cache
        The plugin's cache folder, which remembers projects.
    """
    return [
        (f'{folder.name}: {version.name}', read_folder(version.path))
        for folder in recent_projects(cache)
        for version in reversed(versions_in(folder))
    ]
