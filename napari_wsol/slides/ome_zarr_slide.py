"""OME-Zarr images, versions 0.4 and 0.5, in a local folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.slides.colour import RGB, over_white
from napari_wsol.slides.pixel_size import (
    PixelSize,
    in_micrometres,
    resolve_pixel_size,
)
from napari_wsol.slides.refusal import refusal, unreadable
from napari_wsol.slides.slide import Slide


@dataclass(frozen=True)
class _Level:
    array: Any
    scale: tuple[float, float]


class OmeZarrSlide(Slide):
    """The first multiscale image of an OME-Zarr group.

    Axes are y, x and c in any order; others must hold one element. A group
    written by bioformats2raw is entered at its first image. All levels are
    taken to begin in one corner, as means of blocks do; translations are not
    read, since writers differ in what they state.

    Raises
    ------
    BadInputError
        Where the folder is no OME-Zarr image or the image is not RGB.
    """

    def __init__(self, path: Path) -> None:
        try:
            group = zarr.open_group(path, mode='r')
            image, multiscale = _first_image(group)
            self._axes = tuple(axis['name'] for axis in multiscale['axes'])
            levels = [
                _Level(image[dataset['path']], self._scale(dataset))
                for dataset in multiscale['datasets']
            ]
            shapes = tuple(self._height_width(one.array) for one in levels)
        except _NotAnImageError:
            raise refusal(
                path.name, 'a folder without an OME-Zarr image in it'
            ) from None
        except Exception as error:
            raise unreadable(path.name, error) from error
        self._require_rgb(path.name, levels[0].array)
        self._levels = tuple(levels)
        stated = self._stated_pixel_size(multiscale)
        pixel_size, note = resolve_pixel_size([stated])
        super().__init__(
            path.name,
            shapes,
            pixel_size,
            path=path,
            metadata={'format': 'ome-zarr'},
            pixel_size_note=note,
        )

    @property
    def level_downsamples(self) -> tuple[tuple[float, float], ...]:
        """Level-0 pixels per pixel of each level, from the stated scales.

        Scales that contradict the shapes by more than a pixel are not
        believed.
        """
        finest = self._levels[0].scale
        believed = []
        for level, by_shape in zip(
            self._levels, super().level_downsamples, strict=True
        ):
            shape = self._height_width(level.array)
            by_scale = (
                level.scale[0] / finest[0],
                level.scale[1] / finest[1],
            )
            fits = all(
                abs(stated * n - size) <= stated
                for stated, n, size in zip(
                    by_scale, shape, self.shape, strict=True
                )
            )
            believed.append(by_scale if fits else by_shape)
        return tuple(believed)

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of one level, ``(height, width, 3)`` uint8."""
        places = {
            'y': slice(y, y + height),
            'x': slice(x, x + width),
            'c': slice(None),
        }
        key = tuple(places.get(name, 0) for name in self._axes)
        try:
            pixels = np.asarray(self._levels[level].array[key])
        except Exception as error:
            raise unreadable(self.name, error) from error
        left = [name for name in self._axes if name in places]
        order = [left.index(name) for name in ('y', 'x', 'c')]
        return over_white(np.ascontiguousarray(pixels.transpose(order)))

    def _scale(self, owner: Mapping[str, Any]) -> tuple[float, float]:
        for transform in owner.get('coordinateTransformations') or ():
            if transform['type'] == 'scale':
                scale = dict(zip(self._axes, transform['scale'], strict=True))
                return float(scale['y']), float(scale['x'])
        return 1.0, 1.0

    def _height_width(self, array: Any) -> tuple[int, int]:
        sizes = dict(zip(self._axes, array.shape, strict=True))
        return int(sizes['y']), int(sizes['x'])

    def _require_rgb(self, name: str, array: Any) -> None:
        sizes = dict(zip(self._axes, array.shape, strict=True))
        channels = sizes.get('c', 1)
        if array.dtype != np.uint8:
            kind = '' if channels in (3, 4) else f', {channels} channel(s)'
            raise refusal(name, f'of type {array.dtype}{kind}, not 8-bit RGB')
        if channels == 1:
            raise refusal(name, '8-bit grayscale')
        if channels not in (3, 4):
            raise refusal(name, f'an image of {channels} channels, not RGB')
        for axis, size in sizes.items():
            if axis not in ('y', 'x', 'c') and size != 1:
                raise refusal(name, f'a stack of {size} images along {axis}')

    def _stated_pixel_size(
        self, multiscale: Mapping[str, Any]
    ) -> PixelSize | None:
        units = {
            axis['name']: axis.get('unit') or '' for axis in multiscale['axes']
        }
        factor_y, factor_x = self._scale(multiscale)
        scale_y, scale_x = self._levels[0].scale
        y = in_micrometres(scale_y * factor_y, units['y'])
        x = in_micrometres(scale_x * factor_x, units['x'])
        if y is None or x is None:
            return None
        return PixelSize(y, x, 'OME-Zarr scale')


class _NotAnImageError(Exception):
    pass


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group, of format 2 or 3."""
    return (folder / '.zgroup').is_file() or (folder / 'zarr.json').is_file()


def _first_image(group: Any) -> tuple[Any, Mapping[str, Any]]:
    attributes = dict(group.attrs)
    attributes = attributes.get('ome', attributes)
    if multiscales := attributes.get('multiscales'):
        return group, multiscales[0]
    if 'bioformats2raw.layout' in attributes and '0' in group:
        return _first_image(group['0'])
    raise _NotAnImageError


def open_ome_zarr(folder: Path) -> OmeZarrSlide:
    """The image in a folder.

    Raises
    ------
    BadInputError
        Where the folder holds something else; the message says so.
    """
    if not is_zarr(folder):
        raise BadInputError(
            f'"{folder.name}" is a folder, but no OME-Zarr image. Choose an '
            'image file, or a folder that ends in .zarr.'
        )
    return OmeZarrSlide(folder)
