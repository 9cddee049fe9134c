"""Opens slides as multiscale layers with their physical size.

Files of pseudo-labels are left to ``widgets.pseudo_label_reader``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.types import LayerData

    from napari_wsol.slides.slide import Slide

SLIDE_SUFFIXES = (
    '.svs',
    '.ndpi',
    '.mrxs',
    '.scn',
    '.vms',
    '.vmu',
    '.bif',
    '.svslide',
)
TIFF_SUFFIXES = ('.tif', '.tiff')
ZARR_SUFFIX = '.zarr'
PSEUDO_LABEL_SUFFIX = '.pseudo.png'

CHUNK = 1024
"""Side of the Dask chunks in pixels."""

ReadSlide = Callable[[str | Sequence[str]], 'list[LayerData]']


def get_reader(path: str | Sequence[str]) -> ReadSlide | None:
    """The function that reads a slide, or None for what is left to others.

    Scanner formats are always taken; TIFF and OME-Zarr where they hold an
    8-bit RGB image that is tiled, pyramidal or OME; PNG where a training run
    wrote its pseudo-labels. Other PNG, JPEG and plain TIFF are napari's own.
    """
    if not isinstance(path, str | Path):
        return None
    name = Path(path).name.lower()
    if name.endswith(SLIDE_SUFFIXES):
        return read_slide
    if name.endswith(TIFF_SUFFIXES) and _is_slide_tiff(Path(path)):
        return read_slide
    if name.endswith(PSEUDO_LABEL_SUFFIX):
        return _read_pseudo_labels
    if name.endswith(ZARR_SUFFIX) and _is_rgb_zarr(Path(path)):
        return read_slide
    return None


def read_slide(path: str | Sequence[str]) -> list[LayerData]:
    """One multiscale RGB layer whose pixels are read when they are shown.

    Parameters
    ----------
    path
        Of the slide; only one.

    Returns
    -------
    list of LayerData
        Dask arrays ``(H, W, 3)``, finest first. The scale is in µm where
        the pixel size is known; otherwise it is 1 in pixels, and
        ``metadata['napari_wsol']['mpp']`` is None, with the reason
        in ``pixel_size_note``.

    Raises
    ------
    BadInputError
        Where the file is no 8-bit RGB brightfield image; the text says why.
    """
    from napari_wsol.slides.opening import open_slide

    slide = open_slide(str(path))
    return [(dask_levels(slide), layer_attributes(slide), 'image')]


def dask_levels(slide: Slide) -> list[Any]:
    """The levels of a slide as lazy Dask arrays ``(H, W, 3)`` uint8."""
    import dask.array as da
    import numpy as np

    from napari_wsol.slides.arrays import LevelArray

    return [
        da.from_array(
            LevelArray(slide, level),
            chunks=(CHUNK, CHUNK, 3),
            name=False,
            asarray=False,
            lock=False,
            meta=np.empty((0, 0, 0), np.uint8),
        )
        for level in range(len(slide.level_shapes))
    ]


def layer_attributes(slide: Slide) -> dict[str, Any]:
    """What napari needs to know to show a slide at its physical size."""
    size = slide.pixel_size
    unit = 'micrometer' if size else 'pixel'
    return {
        'name': slide.path.name if slide.path else slide.name,
        'rgb': True,
        'multiscale': True,
        'scale': (size.y, size.x) if size else (1.0, 1.0),
        'units': (unit, unit),
        'axis_labels': ('y', 'x'),
        'metadata': {
            'napari_wsol': {
                'path': str(slide.path) if slide.path else None,
                'mpp': (size.y, size.x) if size else None,
                'pixel_size_source': size.source if size else None,
                'pixel_size_note': slide.pixel_size_note,
                **slide.metadata,
            }
        },
    }


def _read_pseudo_labels(path: str | Sequence[str]) -> list[LayerData]:
    from napari_wsol.widgets.pseudo_label_reader import pseudo_label_layers

    return pseudo_label_layers(Path(str(path)))


def _is_slide_tiff(path: Path) -> bool:
    """Whether a TIFF is an RGB image that is tiled, pyramidal or OME."""
    from napari_wsol.slides.vendor_slide import is_vendor_format

    if not path.is_file():
        return False
    if is_vendor_format(path):
        return True
    import tifffile

    from napari_wsol.slides.tiff_levels import rgb_pages

    try:
        with tifffile.TiffFile(path) as tiff:
            pages = rgb_pages(tiff, path.name)
            return bool(tiff.is_ome or len(pages) > 1 or pages[0].is_tiled)
    except Exception:  # tifffile raises of every kind on a damaged file
        return False


def _is_rgb_zarr(path: Path) -> bool:
    from napari_wsol.errors import WsolError
    from napari_wsol.slides.ome_zarr_slide import open_ome_zarr

    try:
        open_ome_zarr(path)
    except (WsolError, OSError):
        return False
    return True
