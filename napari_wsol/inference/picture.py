"""One picture of a result: image, probability, mask and entropy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from PIL import Image, ImageDraw, ImageFont

from napari_wsol.errors import WsolError
from napari_wsol.inference.colours import CLASS_COLOURS
from napari_wsol.inference.maps import ENTROPY, MASK, PROBABILITY
from napari_wsol.inference.settings import Prediction
from napari_wsol.slides.slide import Slide

Colours = npt.NDArray[np.uint8]

PANEL = 480
"""Longer side of each panel in pixels."""

_GAP, _TITLE, _LEGEND = 16, 28, 44
_INK = (30, 30, 30)

# matplotlib's viridis and inferno at equal distances (public domain, CC0).
VIRIDIS = (
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
)
INFERNO = (
    (0, 0, 4),
    (31, 12, 72),
    (85, 15, 109),
    (136, 34, 106),
    (186, 54, 85),
    (227, 89, 51),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)


def save_picture(path: Path, slide: Slide, prediction: Prediction) -> None:
    """Write image, probability, mask and entropy side by side as PNG.

    Raises
    ------
    WsolError
        Where the file cannot be written.
    """
    picture = render(slide, prediction)
    try:
        picture.save(path, 'PNG')
    except OSError as error:
        raise WsolError(
            f'The picture "{path}" cannot be written: '
            f'{error.strerror or error}. Make room or choose another folder.'
        ) from error


def render(
    slide: Slide, prediction: Prediction, panel: int = PANEL
) -> Image.Image:
    """Image, probability, mask and entropy side by side, with legends.

    Colours mean the same on every image: both scales run from 0 to 1.

    Parameters
    ----------
    panel
        Longer side of each panel in pixels.
    """
    root = zarr.open_group(prediction.store, mode='r')
    shrink = panel / max(slide.shape)
    height, width = (max(1, round(side * shrink)) for side in slide.shape)
    tissue = Image.fromarray(slide.read_resized(slide.box, height, width))

    def on_panel(name: str, resample: Image.Resampling) -> npt.NDArray[Any]:
        return _resized(
            root, name, slide, prediction, (width, height), resample
        )

    probability = on_panel(PROBABILITY, Image.Resampling.BILINEAR)
    entropy = on_panel(ENTROPY, Image.Resampling.BILINEAR)
    mask = on_panel(MASK, Image.Resampling.NEAREST)
    count = max(1, int(mask.max()))
    labels = prediction.roi_classes
    if count > len(labels) or 'class_probability' not in root:
        labels = ('region of interest',) if len(labels) != 1 else labels
    panels = (
        ('Image', tissue),
        ('Probability', Image.fromarray(coloured(probability, VIRIDIS))),
        ('Mask', overlaid(tissue, mask)),
        ('Pixel entropy', Image.fromarray(coloured(entropy, INFERNO))),
    )
    column = max(width, 160)
    canvas = Image.new(
        'RGB',
        (
            _GAP + len(panels) * (column + _GAP),
            _TITLE + height + _LEGEND + _GAP,
        ),
        'white',
    )
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(14)
    for index, (title, image) in enumerate(panels):
        x = _GAP + index * (column + _GAP)
        draw.text((x, 6), title, _INK, font)
        canvas.paste(image, (x, _TITLE))
        corner = x, _TITLE + height + 8
        match title:
            case 'Probability':
                _draw_scale(canvas, corner, column, VIRIDIS)
            case 'Pixel entropy':
                _draw_scale(canvas, corner, column, INFERNO)
            case 'Mask':
                _draw_classes(draw, corner, labels)
            case _:
                draw.text(corner, prediction.image, _INK, font)
    return canvas


def _resized(
    root: zarr.Group,
    name: str,
    slide: Slide,
    prediction: Prediction,
    size: tuple[int, int],
    resample: Image.Resampling,
) -> npt.NDArray[Any]:
    """A map over exactly the slide, from the coarsest level fine enough."""
    group = root[name]
    assert isinstance(group, zarr.Group)
    levels = sorted(group.array_keys(), key=int)
    chosen = 0
    for level, key in enumerate(levels):
        array = group[key]
        assert isinstance(array, zarr.Array)
        if max(array.shape) >= max(size):
            chosen = level
    values = np.asarray(group[levels[chosen]][...])  # type: ignore[index]
    height, width = slide.shape
    factor = 2**chosen
    box = (
        0.0,
        0.0,
        min(values.shape[1], width / (prediction.step_x * factor)),
        min(values.shape[0], height / (prediction.step_y * factor)),
    )
    return np.array(Image.fromarray(values).resize(size, resample, box))


def coloured(
    values: npt.NDArray[Any], anchors: tuple[tuple[int, int, int], ...]
) -> Colours:
    """Values in [0, 1] ``(H, W)`` -> RGB ``(H, W, 3)``."""
    places = np.linspace(0, 1, len(anchors))
    channels = [
        np.interp(values, places, [anchor[channel] for anchor in anchors])
        for channel in range(3)
    ]
    return np.stack(channels, -1).round().astype(np.uint8)


def overlaid(image: Image.Image, mask: npt.NDArray[Any]) -> Image.Image:
    """The image with marked pixels tinted and their borders drawn.

    Parameters
    ----------
    mask
        ``(H, W)``, 0 outside, i + 1 in the colour of the i-th class.
    """
    pixels = np.asarray(image).astype(np.float32)
    border = np.zeros(mask.shape, bool)
    border[1:] |= mask[1:] != mask[:-1]
    border[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    for value in range(1, int(mask.max()) + 1):
        colour = np.array(
            CLASS_COLOURS[(value - 1) % len(CLASS_COLOURS)], 'f4'
        )
        marked = mask == value
        pixels[marked] = 0.6 * pixels[marked] + 0.4 * colour
        pixels[marked & border] = colour
    return Image.fromarray(pixels.round().astype(np.uint8))


def _draw_scale(
    canvas: Image.Image,
    corner: tuple[int, int],
    width: int,
    anchors: tuple[tuple[int, int, int], ...],
) -> None:
    ramp = np.tile(np.linspace(0, 1, width), (12, 1))
    canvas.paste(Image.fromarray(coloured(ramp, anchors)), corner)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(12)
    x, y = corner
    for place, text, anchor in (
        (0, '0', 'lt'),
        (width // 2, '0.5', 'mt'),
        (width, '1', 'rt'),
    ):
        draw.text((x + place, y + 16), text, _INK, font, anchor)


def _draw_classes(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], labels: tuple[str, ...]
) -> None:
    font = ImageFont.load_default(12)
    x, y = corner
    for index, label in enumerate(labels):
        colour = CLASS_COLOURS[index % len(CLASS_COLOURS)]
        draw.rectangle((x, y, x + 12, y + 12), colour)
        draw.text((x + 18, y), label, _INK, font)
        x += 30 + round(draw.textlength(label, font))
