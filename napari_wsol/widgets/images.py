"""Which image layers a model can work on, and what is known about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.pixel_size import (
    PixelSize,
    Resolved,
    pixel_size_from_scale,
    resolve_pixel_size,
)
from napari_wsol.slides.refusal import refusal

__all__ = [
    'file_to_ask',
    'image_levels',
    'image_path',
    'image_shape',
    'known_pixel_size',
    'pixel_size_in_file',
    'why_not',
]

METADATA = 'napari_wsol'


def image_levels(layer: Any) -> tuple[Any, ...]:
    """The arrays of a layer, ``(H, W, 3 or 4)``, finest first."""
    return tuple(layer.data) if layer.multiscale else (layer.data,)


def image_shape(layer: Any) -> tuple[int, int]:
    """Height and width of a layer in level-0 pixels."""
    height, width = image_levels(layer)[0].shape[:2]
    return int(height), int(width)


def why_not(layer: Any) -> str:
    """Why a model cannot work on an image layer; empty where it can."""
    try:
        if not layer.rgb:
            raise refusal(layer.name, _kind(layer))
        if layer.ndim != 2:
            raise refusal(layer.name, 'a stack of images, not one image')
        ArraySlide(layer.name, image_levels(layer))
    except BadInputError as error:
        return str(error)
    return ''


def image_path(layer: Any) -> Path | None:
    """The file or folder that a layer was opened from, if it still exists."""
    path = layer.source.path
    return Path(path) if path and Path(path).exists() else None


def known_pixel_size(layer: Any, in_file: PixelSize | None = None) -> Resolved:
    """The pixel size of a layer as far as anybody but the user said it.

    The layer's scale with its unit goes before what the reader noted in the
    layer's metadata, and that before the file itself.

    Parameters
    ----------
    layer
        The image layer.
    in_file
        As ``pixel_size_in_file`` found it.
    """
    noted = layer.metadata.get(METADATA, {})
    resolved = resolve_pixel_size(
        (
            pixel_size_from_scale(
                layer.scale, [str(unit) for unit in layer.units], layer.name
            ),
            _noted_pixel_size(noted),
            in_file,
        )
    )
    if resolved.pixel_size is None and not resolved.note:
        return Resolved(None, noted.get('pixel_size_note') or '')
    return resolved


def pixel_size_in_file(path: Path, shape: tuple[int, int]) -> PixelSize | None:
    """What a file says about its pixels, None where it says nothing.

    It may read the whole file: call it where waiting is allowed.

    Parameters
    ----------
    path
        Of the file.
    shape
        Height and width of the layer in pixels; a file of another size is
        not believed.
    """
    from napari_wsol.slides.opening import open_slide

    try:
        slide = open_slide(path)
    except (WsolError, OSError):
        return None
    try:
        return slide.pixel_size if slide.shape == shape else None
    finally:
        slide.close()


def file_to_ask(layer: Any) -> Path | None:
    """The file that may know the pixel size of a layer that states none."""
    if METADATA in layer.metadata or known_pixel_size(layer).pixel_size:
        return None
    return image_path(layer)


def _noted_pixel_size(noted: dict[str, Any]) -> PixelSize | None:
    size = noted.get('pixel_size')
    if size is None:
        return None
    y, x = size
    return PixelSize(
        float(y), float(x), noted.get('pixel_size_source') or 'its reader'
    )


def _kind(layer: Any) -> str:
    array = image_levels(layer)[0]
    if layer.ndim == 2:
        return 'an image with one channel, not RGB'
    if array.shape[-1] in (3, 4) and array.ndim == 3:
        return 'shown as separate slices, not as RGB'
    return f'a stack with {layer.ndim} axes, not one RGB image'
