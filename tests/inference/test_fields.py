"""The fields of a slide: pooled one by one, kept with the result."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from dataclasses import fields as parts
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.inference import fields
from napari_wsol.inference.area import plan
from napari_wsol.inference.field_answers import field_table
from napari_wsol.inference.fields import (
    FieldLattice,
    FieldTable,
    field_lattice,
    read_fields,
    top_count,
    top_probabilities,
)
from napari_wsol.inference.fields_csv import write_fields_csv
from napari_wsol.inference.grid import make_grid
from napari_wsol.inference.job import make_job
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.inference.summary import class_probabilities, entropy
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize

from .conftest import exhaust

EVERYWHERE = PredictionSettings(tissue_only=False, precision='float32')
SIDE = 4
"""Cells along each side of a field; a cell is 32 px, 16 µm."""

MakeSlide = Callable[..., ArraySlide]


@pytest.fixture
def small_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, 'FIELD_UM', SIDE * 16)


def run(
    slide: ArraySlide,
    model: LoadedModel,
    store: Path,
    settings: PredictionSettings = EVERYWHERE,
) -> Prediction:
    pixels = slide.read_level(0, 0, 0, *slide.shape)
    content = hashlib.sha256(pixels).hexdigest()
    events = predict(
        slide, model, store, settings, fingerprint_of_image=content
    )
    return exhaust(events)[1]


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob('*'))
        if path.is_file()
    }


def assert_same(one: FieldTable, other: FieldTable) -> None:
    for part in parts(FieldTable):
        np.testing.assert_array_equal(
            getattr(one, part.name), getattr(other, part.name)
        )


def made_up(
    probabilities: list[list[float]],
    classes: tuple[str, ...] = ('background', 'benign', 'malignant'),
) -> FieldTable:
    """A row of fields of 2 x 2 cells of 10 px, the negative class first."""
    count = len(probabilities)
    return FieldTable(
        row=np.zeros(count, np.int64),
        col=np.arange(count),
        wanted=np.full(count, 50),
        marked=np.arange(count),
        probabilities=np.array(probabilities),
        entropies=np.tile([0.1, 0.2, 0.3], (count, 1)),
        lattice=FieldLattice(2, 2 * count, 2, 2, 10, 10, 19, 20 * count),
        classes=classes,
        roi_classes=tuple(name for name in classes if name != 'background'),
        pixel_um2=4.0,
    )


@pytest.mark.usefixtures('small_fields')
def test_a_field_is_what_its_cells_pool_to(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    store = tmp_path / 'a.zarr'
    result = run(slide, tiny_model, store)
    table = read_fields(store)
    scores = zarr.open_array(store / 'classifier' / 'scores')[:]
    mask = zarr.open_array(store / 'labels' / 'mask' / '0')[:]

    # The centres of 9 x 16 cells are in the image: too few for a third row.
    assert scores.shape[2:] == (10, 16)
    assert list(zip(table.row, table.col, strict=True)) == [
        (row, col) for row in range(2) for col in range(4)
    ]
    for at, (row, col) in enumerate(zip(table.row, table.col, strict=True)):
        top, left = row * SIDE, col * SIDE
        bottom = (top + SIDE, 9)[row]
        cells = scores[:, :, top:bottom, left : left + SIDE]
        seen = [
            class_probabilities(each.reshape(3, -1), tiny_model)
            for each in cells
        ]
        np.testing.assert_array_equal(table.probabilities[at], seen[0])
        assert table.entropies[at].tolist() == [entropy(e) for e in seen]
        pixels = mask[4 * top :, 4 * left : 4 * (left + SIDE)]
        pixels = pixels[: (4 * SIDE, None)[row]]
        assert table.wanted[at] == pixels.size
        assert table.marked[at] == (pixels > 0).sum() > 0
    assert result.n_fields == len(table) == 8
    assert table.marked_mm2.sum() == pytest.approx(result.foreground_mm2)
    assert len(np.unique(table.probabilities, axis=0)) == 8


def test_fields_tile_the_slide_and_end_with_it(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    tmp_path: Path,
    small_fields: None,
) -> None:
    run(slide, tiny_model, tmp_path / 'a.zarr')
    boxes = read_fields(tmp_path / 'a.zarr').boxes
    assert boxes[0] == Box(0, 0, 128, 128)
    assert boxes[-1] == Box(128, 384, 300 - 128, 500 - 384)
    assert sum(box.height * box.width for box in boxes) == 300 * 500


@pytest.mark.parametrize(
    ('cells', 'side', 'sizes'),
    [
        (3, 16, [3]),
        (23, 16, [23]),
        (24, 16, [16, 8]),
        (39, 16, [16, 23]),
        (48, 16, [16, 16, 16]),
    ],
)
def test_less_than_half_a_field_belongs_to_the_one_before(
    cells: int, side: int, sizes: list[int]
) -> None:
    lattice = FieldLattice(cells, 40, side, side, 1, 1, cells, 40)
    found = [lattice.cells(row, 0)[0] for row in range(lattice.rows)]
    assert [part.stop - part.start for part in found] == sizes
    assert lattice.row_of(np.arange(cells)).tolist() == [
        row for row, size in enumerate(sizes) for _ in range(size)
    ]


def test_fields_are_about_256_um_wide() -> None:
    def side(mpp: tuple[float, float] | None, step: float) -> tuple[int, int]:
        grid = make_grid(
            (9000, 9000),
            (step, step),
            tile=1024,
            halo=64,
            stride=8,
            class_stride=32,
        )
        lattice = field_lattice(grid, (9000, 9000), mpp)
        return lattice.side_y, lattice.side_x

    assert side((0.25, 0.25), 2) == (16, 16)
    assert side((0.25, 0.5), 1) == (32, 16)
    assert side((8, 8), 1) == (1, 1)
    assert side(None, 1) == (16, 16)


@pytest.mark.usefixtures('small_fields')
def test_the_table_does_not_depend_on_how_it_was_read(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    slide = make_slide(700, 300)
    store = tmp_path / 'a.zarr'
    run(slide, tiny_model, store)
    job = make_job(slide, tiny_model, store, EVERYWHERE, 'x')
    planned = plan(job.grid, job.boxes)
    cells = zarr.open_array(store / 'classifier' / 'scores')
    mask = zarr.open_array(store / 'labels' / 'mask' / '0')
    for at_once in (1, 2, 100):
        table = field_table(
            job, job.boxes, planned[::-1], cells, mask, at_once=at_once
        )
        assert_same(table, read_fields(store))


@pytest.mark.usefixtures('small_fields')
@pytest.mark.parametrize(('width', 'columns'), [(150, {0}), (180, {0, 1})])
def test_half_of_a_field_must_have_been_asked_for(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    tmp_path: Path,
    width: int,
    columns: set[int],
) -> None:
    box = Box(0, 0, 300, width)
    settings = replace(EVERYWHERE, boxes=(box,))
    result = run(slide, tiny_model, tmp_path / 'a.zarr', settings)
    table = read_fields(tmp_path / 'a.zarr')
    assert set(table.col.tolist()) == columns
    assert result.n_fields == 2 * len(columns)
    scores = zarr.open_array(tmp_path / 'a.zarr' / 'classifier' / 'scores')[0]
    # Of the second column, only two cells have their centre in the box.
    last = scores[:, :SIDE, 4:6] if 1 in columns else scores[:, :SIDE, :4]
    np.testing.assert_array_equal(
        table.probabilities[max(columns)],
        class_probabilities(last.reshape(3, -1), tiny_model),
    )


@pytest.mark.usefixtures('small_fields')
def test_glass_has_no_fields(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    slide = make_slide(512, 1024, blank_from=512)
    settings = replace(EVERYWHERE, tissue_only=True)
    run(slide, tiny_model, tmp_path / 'a.zarr', settings)
    table = read_fields(tmp_path / 'a.zarr')
    assert set(table.col.tolist()) == {0, 1, 2, 3}
    assert (table.wanted <= 16 * 16).all()


def test_a_small_image_is_one_field(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    result = run(slide, tiny_model, tmp_path / 'a.zarr')
    table = read_fields(tmp_path / 'a.zarr')
    assert table.boxes == (slide.box,)
    assert tuple(table.probabilities[0]) == result.class_probabilities
    assert result.top_probabilities == result.class_probabilities
    assert (result.n_fields, result.n_top_fields) == (1, 1)
    assert table.marked_share[0] == pytest.approx(result.foreground_fraction)


@pytest.mark.usefixtures('small_fields')
def test_a_slide_of_which_nothing_was_wanted_has_none(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    settings = replace(EVERYWHERE, tissue_only=True)
    blank = make_slide(blank_from=0)
    result = run(blank, tiny_model, tmp_path / 'a.zarr', settings)
    table = read_fields(tmp_path / 'a.zarr')
    assert len(table) == len(table.boxes) == result.n_fields == 0
    assert table.probabilities.shape == (0, 3)
    assert result.top_probabilities is None


def test_the_image_is_all_its_cells_pooled_at_once(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    result = run(make_slide(700, 300), tiny_model, tmp_path / 'a.zarr')
    scores = zarr.open_array(tmp_path / 'a.zarr' / 'classifier' / 'scores')[:]
    inside = scores[:, :, :22, :9].reshape(3, 3, -1)
    seen = [class_probabilities(each, tiny_model) for each in inside]
    assert result.class_probabilities == pytest.approx(seen[0], abs=1e-6)
    assert result.background_probabilities == pytest.approx(seen[2])
    assert result.entropy_foreground == pytest.approx(entropy(seen[1]))


@pytest.mark.usefixtures('small_fields')
def test_a_run_that_died_before_its_table_was_whole_ends_with_the_same(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    store = tmp_path / 'a.zarr'
    run(slide, tiny_model, store)
    whole = contents(store)
    table = read_fields(store)
    (store / 'fields' / 'entropies' / 'zarr.json').unlink()
    (store / 'fields' / 'zarr.json').write_text(
        '{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    )
    with pytest.raises(BadInputError, match='no table of fields'):
        read_fields(store)
    run(slide, tiny_model, store)
    assert contents(store) == whole
    assert_same(read_fields(store), table)


def test_a_table_that_is_there_is_not_written_again(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    store = tmp_path / 'a.zarr'
    first = run(slide, tiny_model, store)
    written = (store / 'fields' / 'zarr.json').stat().st_mtime_ns
    again = run(slide, tiny_model, store)
    assert (store / 'fields' / 'zarr.json').stat().st_mtime_ns == written
    assert again.top_probabilities == first.top_probabilities


def test_without_a_classifier_there_is_no_table(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    settings = replace(EVERYWHERE, classify=False)
    result = run(slide, tiny_model, tmp_path / 'a.zarr', settings)
    assert (result.n_fields, result.top_probabilities) == (0, None)
    with pytest.raises(BadInputError, match='Run the prediction again'):
        read_fields(tmp_path / 'a.zarr')


@pytest.mark.usefixtures('small_fields')
def test_without_a_pixel_size_no_area_is_told(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    card = tiny_model.card.model_copy(update={'mpp': None})
    slide = make_slide(pixel_size=None)
    run(slide, replace(tiny_model, card=card), tmp_path / 'a.zarr')
    table = read_fields(tmp_path / 'a.zarr')
    assert len(table) == 1
    assert np.isnan(table.marked_mm2).all()


@pytest.mark.usefixtures('small_fields')
def test_pixels_that_are_not_square(
    make_slide: MakeSlide, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    slide = make_slide(512, 512, PixelSize(0.25, 0.5, 'a test'))
    run(slide, tiny_model, tmp_path / 'a.zarr')
    table = read_fields(tmp_path / 'a.zarr')
    assert table.boxes[0] == Box(0, 0, 256, 128)
    assert len(table) == 2 * 4


@pytest.mark.parametrize(
    ('count', 'top'), [(0, 0), (1, 1), (14, 1), (25, 2), (1000, 100)]
)
def test_a_tenth_of_the_fields_is_the_top(count: int, top: int) -> None:
    assert top_count(count) == top


def test_each_class_has_its_own_top_fields() -> None:
    fields = [[1.0, 0.0, 0.0]] * 17
    fields += [[0.1, 0.9, 0.0], [0.2, 0.0, 0.8], [0.0, 0.5, 0.5]]
    found = top_probabilities(made_up(fields))
    # benign: 0.9, 0.5; malignant: 0.8, 0.5; background: least in 0.0, 0.1
    assert found == pytest.approx((0.05, 0.7, 0.65))


def test_one_class_beside_a_negative_one_adds_up() -> None:
    chances = np.linspace(0, 0.8, 30)
    table = made_up([[1 - p, p] for p in chances], ('background', 'malignant'))
    found = top_probabilities(table)
    assert found is not None
    assert found[1] == pytest.approx(chances[-3:].mean())
    assert sum(found) == pytest.approx(1)


def test_without_a_negative_class_each_has_its_most_probable_fields() -> None:
    table = made_up([[0.9, 0.1], [0.3, 0.7]], ('benign', 'malignant'))
    assert top_probabilities(table) == (0.9, 0.7)


def test_the_table_as_csv(tmp_path: Path) -> None:
    table = made_up([[0.7, 0.2, 0.1], [0.0, 0.25, 0.75]])
    write_fields_csv(tmp_path / 'fields.csv', table)
    with (tmp_path / 'fields.csv').open(encoding='utf-8-sig') as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {
            'Field': '1',
            'Class': 'background',
            'Left px': '0',
            'Top px': '0',
            'Width px': '20',
            'Height px': '19',
            'Probability background': '0.7',
            'Probability benign': '0.2',
            'Probability malignant': '0.1',
            'Entropy': '0.1',
            'Entropy foreground': '0.2',
            'Entropy background': '0.3',
            'Marked share': '0',
            'Marked mm^2': '0',
        },
        {
            'Field': '2',
            'Class': 'malignant',
            'Left px': '20',
            'Top px': '0',
            'Width px': '20',
            'Height px': '19',
            'Probability background': '0',
            'Probability benign': '0.25',
            'Probability malignant': '0.75',
            'Entropy': '0.1',
            'Entropy foreground': '0.2',
            'Entropy background': '0.3',
            'Marked share': '0.02',
            'Marked mm^2': '4e-06',
        },
    ]


def test_an_area_that_is_not_known_is_empty(tmp_path: Path) -> None:
    table = replace(made_up([[0.7, 0.2, 0.1]]), pixel_um2=None)
    write_fields_csv(tmp_path / 'fields.csv', table)
    assert (tmp_path / 'fields.csv').read_text('utf-8').endswith(',0,\n')
