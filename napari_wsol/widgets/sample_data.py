"""Sample images that open offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.types import LayerData

HEIGHT, WIDTH, SEED = 2048, 3072, 0


def immunohistochemistry() -> list[LayerData]:
    """Colon glands, DAB and haematoxylin, from scikit-image's wheel.

    512 x 512 px. Its pixel size is not stated, so the layer is in pixels.
    """
    from skimage import data

    pixels = data.immunohistochemistry()
    note = 'scikit-image does not state the pixel size of this image.'
    attributes = {
        'name': 'immunohistochemistry',
        'rgb': True,
        'axis_labels': ('y', 'x'),
        'metadata': {
            'napari_wsol': {
                'path': None,
                'mpp': None,
                'pixel_size_source': None,
                'pixel_size_note': note,
            }
        },
    }
    return [(pixels, attributes, 'image')]


def synthetic_slide() -> list[LayerData]:
    """A painted H&E-like slide and the truth about its glands.

    The pyramid is 2048 x 3072 px of 0.5 µm. The labels lie on level 0: 1 in
    benign glands, 2 in malignant ones.
    """
    from napari_wsol.slides.synthetic import synthetic_slide
    from napari_wsol.slides.tiff_writer import halve
    from napari_wsol.widgets.reader import layer_attributes

    slide = synthetic_slide(HEIGHT, WIDTH, SEED)
    levels = [slide.read_level(0, 0, 0, HEIGHT, WIDTH)]
    while len(levels) < len(slide.level_shapes):
        levels.append(halve(levels[-1]))
    image = layer_attributes(slide)
    truth: dict[str, Any] = {
        key: image[key] for key in ('scale', 'units', 'axis_labels')
    }
    truth |= {
        'name': 'gland mask (truth)',
        'opacity': 0.4,
        'metadata': {'napari_wsol': {'labels': ['', 'benign', 'malignant']}},
    }
    mask = slide.gland_mask(0, 0, HEIGHT, WIDTH)
    return [(levels, image, 'image'), (mask, truth, 'labels')]
