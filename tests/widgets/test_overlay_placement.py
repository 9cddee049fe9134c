"""From a file to the overlay: a map lies over what it was computed from.

Every image is a ramp along one axis. The model's ROI probability is how far
along the ramp a cell lies: a map's values tell where they come from, and its
layer tells where they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Layer
from napari_builtins.io import napari_get_reader
from PIL import Image

from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.models.card import Architecture, ModelCard, Normalization
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.widgets.images import known_pixel_size
from napari_wsol.widgets.maps import open_maps
from napari_wsol.widgets.overlays import ROLES, Overlays
from napari_wsol.widgets.pixel_sizes import entered_pixel_size
from napari_wsol.widgets.reader import get_reader

Floats = npt.NDArray[np.float64]
RGB = npt.NDArray[np.uint8]

TOLERANCE = 0.5
"""Level-0 pixels that a map may lie aside, at either end."""

DARKEST, RANGE = 20, 215
"""Of each colour."""

STRIDE = 4
BORDER = 3
"""Map pixels along the border that are left out."""

LEVELS = (1, 4, 16)
AREA = Box(0, 0, 16 * 105, 16 * 119)
ODD = Box(0, 0, 16 * 105 + 15, 16 * 119 + 15)
"""15 rows and columns are left over at the coarsest level."""

TILED = {'tile': (128, 128), 'photometric': 'rgb'}


@dataclass(frozen=True)
class File:
    """An image with a ramp over an area of it, in level-0 pixels."""

    path: Path
    area: Box


def ramp(
    area: Box,
    axis: int,
    step: float | tuple[float, float] = 1,
    shape: tuple[int, ...] | None = None,
    shift: float = 0,
) -> RGB:
    """A level whose pixels are the mean of what they cover.

    Red rises in the first third of the area, green falls in the second, blue
    rises in the last: steeper than one colour could over all of it, and
    rounding that favours one side does not add up.

    Parameters
    ----------
    step
        Level-0 pixels per pixel.
    shape
        In pixels; by default what covers the area.
    shift
        Level-0 pixels from the area's corner to that of the level.
    """
    sides = np.array([area.height, area.width])
    steps = np.broadcast_to(step, 2)
    shape = shape or tuple(np.ceil(sides / steps).astype(int))
    edges = shift + steps[axis] * np.arange(shape[axis] + 1)
    edges = edges.clip(0, sides[axis]) / sides[axis]
    place = np.expand_dims((edges[:-1] + edges[1:]) / 2, (1 - axis, 2))
    third = (3 * place - [0, 1, 2]).clip(0, 1)
    colour = DARKEST + RANGE * np.where([True, False, True], third, 1 - third)
    # Rounded up or down by chance, so that the mean of many is exact.
    chance = np.random.default_rng(0).random((*shape, 1), np.float32)
    whole = np.floor(colour)
    return whole.astype(np.uint8) + (chance < colour - whole)


def cut_off(area: Box, axis: int, step: int) -> RGB:
    """A level without the rows and columns that are no whole pixel."""
    shape = int(area.height // step), int(area.width // step)
    return ramp(area, axis, step, shape)


def ome_tiff(
    folder: Path,
    area: Box,
    levels: Sequence[RGB],
    mpp: tuple[float, float] = (0.5, 0.5),
) -> File:
    """Levels in SubIFDs."""
    path = folder / 'ramp.ome.tif'
    sizes = {'PhysicalSizeY': mpp[0], 'PhysicalSizeX': mpp[1]}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(
            levels[0],
            subifds=len(levels) - 1,
            metadata={'axes': 'YXS', **sizes},
            **TILED,
        )
        for level in levels[1:]:
            tiff.write(level, subfiletype=1, **TILED)
    return File(path, area)


def levels_1_4_16(folder: Path, axis: int) -> File:
    return ome_tiff(folder, AREA, [ramp(AREA, axis, k) for k in LEVELS])


def pixels_not_square(folder: Path, axis: int) -> File:
    area = Box(0, 0, AREA.height, 2 * AREA.width)
    levels = [ramp(area, axis, k) for k in LEVELS]
    return ome_tiff(folder, area, levels, mpp=(0.5, 0.25))


def uneven_levels(folder: Path, axis: int) -> File:
    """Each spans the whole image; some 2.7 and 6.6 pixels make one."""
    shapes = (1681, 1907), (623, 707), (253, 287)
    height, width = shapes[0]
    area = Box(0, 0, height, width)
    levels = [
        ramp(area, axis, (height / h, width / w), (h, w)) for h, w in shapes
    ]
    return ome_tiff(folder, area, levels)


def levels_cut_off(folder: Path, axis: int) -> File:
    """As Bio-Formats and libvips write pyramids."""
    return ome_tiff(folder, ODD, [cut_off(ODD, axis, k) for k in LEVELS])


def levels_rounded_up(folder: Path, axis: int) -> File:
    """As this package writes pyramids: the last pixels cover less."""
    area = Box(0, 0, AREA.height + 1, AREA.width + 1)
    return ome_tiff(folder, area, [ramp(area, axis, k) for k in LEVELS])


def aperio(folder: Path, axis: int) -> File:
    path = folder / 'ramp.svs'
    with tifffile.TiffWriter(path) as tiff:
        for k in LEVELS:
            tiff.write(
                cut_off(ODD, axis, k),
                description='Aperio Image Library\n|AppMag = 20|MPP = 0.5',
                metadata=None,
                **TILED,
            )
    return File(path, ODD)


LEICA = """<?xml version="1.0"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">
 <collection sizeX="{glass[1]}" sizeY="{glass[0]}">
  <image>
   <pixels><dimension sizeX="128" sizeY="128" r="0" ifd="0"/></pixels>
   <view sizeX="{glass[1]}" sizeY="{glass[0]}" offsetX="0" offsetY="0"/>
   {scan}
  </image>
  <image>
   <pixels>{levels}</pixels>
   <view sizeX="{size[1]}" sizeY="{size[0]}"
         offsetX="{corner[1]}" offsetY="{corner[0]}"/>
   {scan}
  </image>
 </collection>
</scn>"""

SCAN = """<device model=""/><creationDate/>
<scanSettings>
 <objectiveSettings><objective>20</objective></objectiveSettings>
 <illuminationSettings>
  <numericalAperture>0.5</numericalAperture>
  <illuminationSource>brightfield</illuminationSource>
 </illuminationSettings>
</scanSettings>"""


def leica_with_bounds(folder: Path, axis: int) -> File:
    """The scan lies somewhere on the glass; the rest was never scanned."""
    area = Box(480, 320, AREA.height, AREA.width)
    levels = [ramp(area, axis, k) for k in LEVELS]
    nanometres = 500
    described = LEICA.format(
        glass=(2640 * nanometres, 2864 * nanometres),
        size=(area.height * nanometres, area.width * nanometres),
        corner=(area.y * nanometres, area.x * nanometres),
        scan=SCAN,
        levels=''.join(
            f'<dimension r="{number}" ifd="{number + 1}" '
            f'sizeX="{level.shape[1]}" sizeY="{level.shape[0]}"/>'
            for number, level in enumerate(levels)
        ),
    )
    options: dict[str, Any] = {
        'resolution': (20000, 20000),
        'resolutionunit': 'CENTIMETER',
        'metadata': None,
        **TILED,
    }
    glass = np.full((128, 128, 3), 240, np.uint8)
    path = folder / 'ramp.scn'
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        tiff.write(glass, description=described, **options)
        for level in levels:
            tiff.write(level, **options)
    return File(path, area)


def ome_zarr(folder: Path, axis: int) -> File:
    """Means of blocks; translations place the centres of first pixels."""
    path = folder / 'ramp.zarr'
    group = zarr.open_group(path, mode='w', zarr_format=3)
    datasets = []
    for k in LEVELS:
        level = ramp(AREA, axis, k)
        group.create_array(str(k), data=level, chunks=(512, 512, 3))
        centre = (k - 1) / 2
        place = [100 + 0.5 * centre, 50 + 0.5 * centre, 0]
        transformations = [
            {'type': 'scale', 'scale': [0.5 * k, 0.5 * k, 1]},
            {'type': 'translation', 'translation': place},
        ]
        datasets.append(
            {'path': str(k), 'coordinateTransformations': transformations}
        )
    axes = [
        {'name': 'y', 'type': 'space', 'unit': 'micrometer'},
        {'name': 'x', 'type': 'space', 'unit': 'micrometer'},
        {'name': 'c', 'type': 'channel'},
    ]
    group.attrs['ome'] = {
        'version': '0.5',
        'multiscales': [{'axes': axes, 'datasets': datasets}],
    }
    return File(path, AREA)


def png(folder: Path, axis: int) -> File:
    path, area = folder / 'ramp.png', Box(0, 0, 901, 1003)
    Image.fromarray(ramp(area, axis)).save(path, dpi=(300, 300))
    return File(path, area)


@pytest.fixture(scope='module', autouse=True)
def _apart_from_viewers(request: pytest.FixtureRequest) -> None:
    """Load torch only where no viewer follows: that can end the process."""
    if any(i.get_closest_marker('viewer') for i in request.session.items):
        pytest.skip('The model needs a process without a viewer.')


@pytest.fixture(scope='module')
def network() -> Any:
    """The real network, but that all it sees of a cell is its brightness."""
    import torch
    from torch import Tensor, nn

    from napari_wsol.models.localizer import Localizer

    class Brightness(nn.Module):
        def forward(self, colours: Tensor) -> Tensor:
            signs = torch.tensor([1.0, -1, 1]).view(1, 3, 1, 1)
            mean = (signs * (255 * colours - DARKEST) / RANGE).mean(1)
            place = (mean + 1 / 3)[:, None]
            logit = squeezed(place).logit()
            return torch.cat([torch.zeros_like(logit), logit], 1)

    network = Localizer(
        Architecture(encoder='test_resnet', neck='none', pixel_head='softmax'),
        ('background', 'gland'),
        'background',
    )
    network.encoder, network.neck = nn.AvgPool2d(STRIDE), nn.Identity()
    network.localizer = Brightness()
    network.stride = network.class_stride = STRIDE
    return network.eval().requires_grad_(False)


def squeezed(place: Any) -> Any:
    """A place of 0..1 as a probability, off the ends."""
    return 0.05 + 0.9 * place


def stretched(probability: Floats) -> Floats:
    """The place of 0..1 that is ``squeezed`` to a probability."""
    return (probability - 0.05) / 0.9


@pytest.fixture
def run(network: Any, card: ModelCard, tmp_path: Path) -> Callable[..., Any]:
    """Runs the model over a slide at a pixel size, in several tiles."""
    from napari_wsol.inference.predicting import predict
    from napari_wsol.models.loading import LoadedModel

    def result(slide: Any, mpp: float) -> Any:
        changes = {
            'classes': network.classes,
            'mpp': mpp,
            'halo': 32,
            'normalization': Normalization(mean=(0, 0, 0), std=(1, 1, 1)),
        }
        model = LoadedModel(card.model_copy(update=changes), network, 'a' * 64)
        side = min(np.divide(slide.shape, slide.working_step(mpp)))
        settings = PredictionSettings(
            tissue_only=False,
            classify=False,
            device='cpu',
            tile=max(64, side // 3),
        )
        store = tmp_path / 'result.zarr'
        events = predict(slide, model, store, settings)
        while True:
            try:
                next(events)
            except StopIteration as stop:
                tiles = zarr.open_array(store / 'run/tiles').shape[:2]
                assert min(tiles) > 1, 'there are no seams to look at'
                return stop.value

    return result


def places_shown(layer: Layer, image: Layer, axis: int) -> Floats:
    """Where on an image's level 0 a layer's rows (or columns) are shown."""
    points = np.zeros((layer.data.shape[axis], 2))
    points[:, axis] = np.arange(len(points))
    shown = [image.world_to_data(layer.data_to_world(p)) for p in points]
    return np.array(shown)[:, axis]


def distance_aside(layer: Layer, image: Layer, area: Box, axis: int) -> Floats:
    """How far from where a map was computed it is shown, in level-0 pixels.

    At its first and its last pixel well inside the area, on the line through
    all of them: that tells a shift as well as another scale.
    """
    starts, ends = (area.y, area.x), (area.bottom, area.right)
    shown, inside = [], []
    for along, (start, end) in enumerate(zip(starts, ends, strict=True)):
        places = places_shown(layer, image, along)
        border = BORDER * (places[1] - places[0])
        well = (places > start + border) & (places < end - border)
        shown.append(places[well])
        inside.append(well)
    place = stretched(np.asarray(layer.data, float)[np.ix_(*inside)])
    told = starts[axis] + place.mean(1 - axis) * (ends[axis] - starts[axis])
    # For napari, a pixel's centre is where it begins for a box.
    aside = shown[axis] - (told - 0.5)
    line = np.polynomial.Polynomial.fit(shown[axis], aside, 1)
    return line(shown[axis][[0, -1]])


@pytest.mark.parametrize('axis', [0, 1])
@pytest.mark.parametrize(
    ('write', 'mpp', 'level'),
    [
        (levels_1_4_16, 1.37, 0),
        (levels_1_4_16, 2.9, 1),
        (levels_1_4_16, 9.3, 2),
        (pixels_not_square, 2.9, 1),
        (uneven_levels, 2.9, 1),
        (uneven_levels, 9.3, 2),
        (levels_cut_off, 9.3, 2),
        (levels_rounded_up, 9.3, 2),
        (aperio, 9.3, 2),
        (leica_with_bounds, 2.9, 1),
        (leica_with_bounds, 9.3, 2),
        (ome_zarr, 9.3, 2),
        (png, 1.37, 0),
    ],
)
def test_a_map_lies_over_what_it_was_computed_from(
    write, mpp, level, axis, run, tmp_path
):
    file = write(tmp_path, axis)
    path = str(file.path)
    [layer_data] = (get_reader(path) or napari_get_reader(path))(path)
    viewer = ViewerModel()
    image = viewer.add_layer(Layer.create(*layer_data))
    size = known_pixel_size(image).pixel_size or entered_pixel_size(0.5)
    slide = open_slide(path, size)
    assert slide.best_level(*slide.working_step(mpp)) == level
    result = run(slide, mpp)
    overlays = Overlays(viewer, image, result, open_maps(result.store), {})
    layer, *others = (overlays.layer(role) for role in ROLES)
    for corner in ((0, 0), layer.data.shape):
        place = layer.data_to_world(corner)
        for other in others:
            np.testing.assert_allclose(other.data_to_world(corner), place)
    aside = distance_aside(layer, image, file.area, axis)
    np.testing.assert_allclose(aside, 0, atol=TOLERANCE)
