"""Brings many images and labels in, and takes labels out."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_wsol.training.table import IMAGE_SUFFIXES
from napari_wsol.widgets.image_in_hand import ImageInHand
from napari_wsol.widgets.labelling import Labelling

__all__ = ['ExchangeMenu']

_IMAGES = ' '.join(f'*{suffix}' for suffix in sorted(IMAGE_SUFFIXES))


class ExchangeMenu(QWidget):
    """Two buttons: what is added to the project, and what is exported.

    Parameters
    ----------
    labelling
        Holds the project.
    image
        The image that a GeoJSON file speaks of; knows those that are open.
    """

    def __init__(self, labelling: Labelling, image: ImageInHand) -> None:
        super().__init__()
        self._labelling = labelling
        self._image = image
        self._add = _button('Add images')
        menu = self._add.menu()
        menu.addAction('Those that are open', self.add_open_images)
        menu.addAction('Images...', self._ask_for_images)
        menu.addAction('A folder of images...', self._ask_for_folder)
        menu.addAction(
            'A folder with one sub-folder per class...',
            self._ask_for_class_folder,
        )
        menu.addAction('A table (CSV)...', self._ask_for_table)
        menu.addAction(
            'Fields of this image (GeoJSON)...', self._ask_for_geojson
        )
        self._export = _button('Export')
        menu = self._export.menu()
        menu.addAction('Labels as a table (CSV)...', self._ask_where_table)
        menu.addAction('Fields as GeoJSON...', self._ask_where_geojson)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._add)
        row.addWidget(self._export)
        row.addStretch()
        labelling.project_changed.connect(self._show_project)
        self._show_project()

    def add_images(self, paths: list[Path]) -> None:
        """Take up images, or all images of folders, without labels."""
        labelling, before = self._labelling, len(self._labelling.items)
        keys = labelling.attempt(lambda project: project.add_images(paths))
        if keys is not None:
            new = len(labelling.items) - before
            self._tell_added(new, len(keys) - new, 'image')

    def add_open_images(self) -> None:
        """Take up every image that is open."""
        paths = self._image.open_paths
        if paths:
            self.add_images(paths)
        else:
            self._labelling.said.emit(self._image.why_not, 'stop')

    def import_table(self, source: Path) -> None:
        """Take up what a CSV or a folder of classes holds."""
        labelling, before = self._labelling, len(self._labelling.items)
        keys = labelling.attempt(lambda project: project.import_table(source))
        if keys is not None:
            new = len(labelling.items) - before
            self._tell_added(new, len(keys) - new, 'labelled item')

    def import_geojson(self, path: Path) -> None:
        """Take up the fields of the image in hand."""
        image, labelling = self._image.path, self._labelling
        if image is None:
            labelling.said.emit(self._image.why_not, 'stop')
            return
        before = len(labelling.items)
        keys = labelling.attempt(
            lambda project: project.import_geojson(
                path, image, mpp=self._image.mpp
            )
        )
        if keys is not None:
            new = len(labelling.items) - before
            self._tell_added(new, len(keys) - new, 'field')

    def export_table(self, path: Path) -> None:
        """Write the labels as a CSV."""
        path = path.with_suffix('.csv')

        def write(project: object) -> bool:
            project.export_table(path)
            return True

        if self._labelling.attempt(write):
            self._labelling.said.emit(f'Labels are in "{path}".', 'fine')

    def export_geojson(self, folder: Path) -> None:
        """Write the fields of each image as a GeoJSON file."""
        written = self._labelling.attempt(
            lambda project: project.export_geojson(folder)
        )
        if written:
            files = 'file is' if len(written) == 1 else 'files are'
            self._labelling.said.emit(
                f'{len(written)} {files} in "{folder}".', 'fine'
            )

    def _tell_added(self, new: int, known: int, thing: str) -> None:
        things = thing if new == 1 else f'{thing}s'
        text = f'{new} {things} added.'
        if known:
            text += f' {known} were here already.'
        self._labelling.said.emit(text, 'fine')

    def _show_project(self) -> None:
        self.setVisible(self._labelling.project is not None)
        self._add.setEnabled(self._labelling.can_write)

    def _ask_for_images(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self, 'Choose images', '', f'Images ({_IMAGES})'
        )
        if names:
            self.add_images([Path(name) for name in names])

    def _ask_for_folder(self) -> None:
        folder = self._folder('Choose a folder of images')
        if folder is not None:
            self.add_images([folder])

    def _ask_for_class_folder(self) -> None:
        folder = self._folder('Choose a folder with a sub-folder per class')
        if folder is not None:
            self.import_table(folder)

    def _ask_for_table(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, 'Choose a table', '', 'Tables (*.csv)'
        )
        if name:
            self.import_table(Path(name))

    def _ask_for_geojson(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, 'Choose a GeoJSON file', '', 'GeoJSON (*.geojson *.json)'
        )
        if name:
            self.import_geojson(Path(name))

    def _ask_where_table(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, 'Where to write the table', 'labels.csv', 'Tables (*.csv)'
        )
        if name:
            self.export_table(Path(name))

    def _ask_where_geojson(self) -> None:
        folder = self._folder('Where to write the GeoJSON files')
        if folder is not None:
            self.export_geojson(folder)

    def _folder(self, title: str) -> Path | None:
        name = QFileDialog.getExistingDirectory(self, title)
        return Path(name) if name else None


def _button(text: str) -> QPushButton:
    """A button that opens a menu."""
    button = QPushButton(text)
    button.setMenu(QMenu(button))
    return button
