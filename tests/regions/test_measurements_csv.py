"""The table of measurements, as spreadsheets read it."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from exchange_cases import drawn

from napari_wsol.regions.measurements_csv import (
    ROI_NAME,
    class_names,
    write_measurements,
)
from napari_wsol.regions.region import Frame
from napari_wsol.regions.verdicts import Verdicts


def rows_of(path):
    with path.open(newline='', encoding='utf-8-sig') as file:
        return list(csv.DictReader(file))


def test_every_region_has_a_row_that_parses_back(tmp_path):
    table, outlines = drawn()
    path = tmp_path / 'regions.csv'
    write_measurements(path, table)
    rows = rows_of(path)
    assert [int(row['Region']) for row in rows] == [1, 2, 3, 4]
    assert [row['Class'] for row in rows] == ['benign', 'malignant'] * 2
    for name, column in (
        ('Area µm^2', table.area),
        ('Perimeter µm', table.perimeter),
        ('Circularity', table.circularity),
        ('Centre x px', table.centre_x),
        ('Mean probability', table.mean_probability),
    ):
        assert [float(row[name]) for row in rows] == pytest.approx(column)
    left, top, right, _ = outlines.polygon(2).bounds
    box = [float(rows[1][f'{side} px']) for side in ('Left', 'Top', 'Width')]
    assert box == pytest.approx([left, top, right - left])
    assert 'Decision' not in rows[0]


def test_what_was_not_measured_is_empty_and_units_are_told(tmp_path):
    path = tmp_path / 'regions.csv'
    write_measurements(path, drawn(Frame(2, 2))[0])
    row = rows_of(path)[0]
    assert row['Eosin OD'] == row['Mean pixel entropy'] == ''
    assert float(row['Area px^2']) == 1400
    assert not any('µm' in name for name in row)


def test_decisions_and_reasons_stand_beside_the_measurements(tmp_path):
    path = tmp_path / 'regions.csv'
    verdicts = Verdicts(frozenset({1}), {2: 'fold, "old"', 3: ''})
    write_measurements(path, drawn()[0], verdicts)
    assert [(row['Decision'], row['Reason']) for row in rows_of(path)] == [
        ('accepted', ''), ('rejected', 'fold, "old"'), ('rejected', ''),
        ('', ''),
    ]  # fmt: skip


def test_a_table_without_regions_has_its_head(tmp_path):
    path = tmp_path / 'regions.csv'
    write_measurements(path, drawn()[0].chosen(np.array([], int)), Verdicts())
    assert path.read_text('utf-8-sig').startswith('Region,Class,Centre x px')
    assert rows_of(path) == []


def test_regions_without_classes_have_a_name():
    table, _ = drawn()
    nameless = replace(table, roi_classes=(), roi_class=np.zeros(4, np.int64))
    assert class_names(nameless) == [ROI_NAME] * 4
