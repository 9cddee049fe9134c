"""The table of items stays fluent with thousands of rows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from napari_wsol.projects.project import Project
from napari_wsol.widgets.items_model import (
    CLASS,
    GROUP,
    NAME,
    PICTURE,
    ItemsFilter,
    ItemsModel,
)
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.thumbnails import Thumbnails

pytestmark = pytest.mark.viewer

COUNT = 3000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of 3000 fields of one image."""
    (tmp_path / 'slide.png').write_bytes(b'')
    rows = (
        f'slide.png,{"ab"[row % 2]},patient{row % 7},"{row},0,10,10"\n'
        for row in range(COUNT)
    )
    table = tmp_path / 'table.csv'
    table.write_text('image,label,group,field\n' + ''.join(rows))
    project = Project.create(tmp_path / 'project', classes=('a', 'b'))
    project.import_table(table)
    return project


@pytest.fixture
def labelling(qapp, project):
    labelling = Labelling()
    labelling.set_project(project)
    yield labelling
    labelling.leave()


@pytest.fixture
def model(labelling):
    return ItemsModel(labelling, Thumbnails())


def test_thousands_of_rows_are_sorted_in_a_moment(model):
    table = ItemsFilter(model)
    started = time.process_time()
    table.sort(CLASS, Qt.SortOrder.DescendingOrder)
    assert time.process_time() - started < 2
    assert table.rowCount() == COUNT
    assert table.index(0, CLASS).data() == 'b'


def test_one_label_changes_one_row(model, labelling, qtbot):
    with qtbot.waitSignal(model.dataChanged) as changed:
        labelling.label(('i5',), 'b')
    assert changed.args[0].row() == changed.args[1].row() == 4
    assert model.index(4, CLASS).data() == 'b'


def test_new_items_are_added_and_removed_ones_go(
    model, labelling, project, tmp_path
):
    (tmp_path / 'other.png').write_bytes(b'')
    project.add_images([tmp_path / 'other.png'])
    assert model.rowCount() == COUNT + 1
    assert model.index(COUNT, NAME).data() == 'other.png'
    assert model.index(COUNT, CLASS).data() == '–'
    project.remove(['i1'])
    assert model.rowCount() == COUNT
    project.undo()
    assert model.row_of('i1') == 0


def test_groups_are_edited_in_place(model, project):
    index = model.index(2, GROUP)
    assert index.flags() & Qt.ItemFlag.ItemIsEditable
    assert model.setData(index, ' other patient ')
    assert project.items['i3'].group == 'other patient'
    assert not model.setData(model.index(2, CLASS), 'b')


def test_a_row_tells_what_it_is_used_for(model):
    tip = model.index(0, PICTURE).data(Qt.ItemDataRole.ToolTipRole)
    assert 'A field of 10 x 10 px at (0, 0)' in tip
    assert ('learned from' in tip) or ('held out' in tip)
