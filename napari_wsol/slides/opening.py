"""Opens an image file as a slide, whatever its format."""

from __future__ import annotations

from pathlib import Path

from napari_wsol.errors import BadInputError
from napari_wsol.slides.ome_zarr_slide import open_ome_zarr
from napari_wsol.slides.pixel_size import PixelSize, require_pixel_size
from napari_wsol.slides.raster_slide import RasterSlide, is_raster
from napari_wsol.slides.refusal import require_brightfield
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.tiff_slide import TiffSlide
from napari_wsol.slides.vendor_slide import VendorSlide, is_vendor_format

_TIFF = (b'II*\x00', b'MM\x00*', b'II+\x00', b'MM\x00+')


def open_slide(path: str | Path, pixel_size: PixelSize | None = None) -> Slide:
    """The slide in a file, or in a folder for OME-Zarr.

    The format is told by the content, not by the name.

    Parameters
    ----------
    path
        OpenSlide's formats, TIFF, OME-TIFF, OME-Zarr, PNG, JPEG or BMP.
    pixel_size
        What the user says; overrides what the file says.

    Raises
    ------
    BadInputError
        Where there is no such file, or it is no 8-bit RGB brightfield image.
    PixelSizeError
        Where the user's pixel size is implausible.
    """
    path = Path(path)
    if pixel_size is not None:
        require_pixel_size(pixel_size, path.name)
    try:
        slide = _open(path)
    except OSError as error:
        raise BadInputError(
            f'"{path}" cannot be opened: {error.strerror or error}.'
        ) from error
    require_brightfield(slide)
    if pixel_size is not None:
        slide.pixel_size = pixel_size
        slide.pixel_size_note = ''
    return slide


def _open(path: Path) -> Slide:
    if not path.exists():
        raise BadInputError(f'There is no file "{path}".')
    if path.is_dir():
        return open_ome_zarr(path)
    with path.open('rb') as file:
        head = file.read(8)
    if not head:
        raise BadInputError(
            f'"{path.name}" is empty (0 bytes). Copy or export it again.'
        )
    if is_vendor_format(path):
        return VendorSlide(path)
    if head.startswith(_TIFF):
        return TiffSlide(path)
    if is_raster(head):
        return RasterSlide(path)
    raise BadInputError(
        f'"{path.name}" is in no format that can be read. Supported are '
        'whole-slide formats (SVS, NDPI, MRXS, SCN, VMS, BIF and others that '
        'OpenSlide reads), TIFF, OME-TIFF, OME-Zarr, PNG, JPEG and BMP.'
    )
