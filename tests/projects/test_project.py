"""What a user does to a project, and what of it is there when it is opened."""

from dataclasses import replace

import pytest

from napari_wsol.errors import BadInputError, ProjectInUseError
from napari_wsol.projects.project import Project
from napari_wsol.slides.geometry import Box
from napari_wsol.training.table import read_table


def reopened(project):
    project.close()
    return Project.open(project.folder)


def labels_of(project):
    return {key: item.label for key, item in project.items.items()}


def test_classes_have_the_order_they_were_given_and_colours_of_their_own(
    project,
):
    settings = project.settings
    assert settings.class_names == ('benign', 'malignant', 'background')
    assert settings.negative_class == 'background'
    assert len({known.colour for known in settings.classes}) == 3


def test_everything_is_there_again_after_opening(project, images):
    keys = project.add_images(images[:3], mpp=0.5)
    project.set_label(keys[:2], 'benign')
    field = project.add_field(
        images[3], Box(1.5, 2, 3.25, 4), 'background', mpp=None
    )
    project.set_group([field], 'Frau Müller')
    before = dict(project.items)
    with reopened(project) as again:
        assert dict(again.items) == before
        assert again.remarks == ()
        assert again.items[field].group == 'Frau Müller'
        assert again.items[keys[0]].mpp == 0.5
        assert [item.key for item in again.labelled()] == [*keys[:2], field]


def test_fields_of_an_image_are_labelled_in_one_step(project, images):
    boxes = [Box(0, 0, 4, 4), Box(8, 8, 4, 4)]
    fields = list(zip(boxes, ('background', 'benign'), strict=True))
    keys = project.add_fields(images[0], fields, mpp=0.5)
    assert [project.items[key].place for key in keys] == [
        (images[0], box) for box in boxes
    ]
    assert [project.items[key].label for key in keys] == [
        'background',
        'benign',
    ]
    assert project.undo() == 'Label 2 fields'
    assert not project.items
    with pytest.raises(BadInputError, match='no class'):
        project.add_fields(images[0], [(boxes[0], 'necrosis')], mpp=None)


def test_the_training_reads_the_labels_of_a_project(project, images):
    keys = project.add_images(images)
    project.set_label(keys[:4], 'benign')
    project.add_field(images[5], Box(0, 0, 8, 8), 'malignant', mpp=0.25)
    table = read_table(project.folder)
    assert [row.label for row in table.rows] == ['benign'] * 4 + ['malignant']
    assert table.rows[-1].field == Box(0, 0, 8, 8)
    assert table.rows[-1].mpp == 0.25
    assert {row.split for row in table.rows} == {'train', 'val'}


def test_images_of_a_folder_come_once(project, images):
    keys = project.add_images([images[0].parent])
    assert len(keys) == len(images)
    assert project.add_images([images[0], *images]) == (keys[0], *keys)[1:]
    assert len(project.items) == len(images)


def test_a_field_on_the_same_place_gets_the_new_label(project, images):
    key = project.add_field(images[0], Box(0, 0, 4, 4), 'benign', mpp=None)
    assert key == project.add_field(
        images[0], Box(0, 0, 4, 4), 'malignant', mpp=None
    )
    assert labels_of(project) == {key: 'malignant'}


def test_fields_move_together_or_not_at_all(project, images):
    one, two, rest = (
        project.add_field(images[0], Box(0, x, 4, 4), 'benign', mpp=1)
        for x in (0, 8, 16)
    )
    project.move_fields({one: Box(0, 8, 4, 4), two: Box(0, 0, 4, 4)})
    assert project.items[one].field == Box(0, 8, 4, 4)
    assert project.items[two].field == Box(0, 0, 4, 4)
    with pytest.raises(BadInputError, match='already a field'):
        project.move_fields({one: Box(9, 9, 4, 4), two: Box(0, 16, 4, 4)})
    assert project.items[one].field == Box(0, 8, 4, 4)
    project.undo()
    assert project.items[one].field == Box(0, 0, 4, 4)
    assert project.items[two].field == Box(0, 8, 4, 4)
    assert project.items[rest].field == Box(0, 16, 4, 4)


def test_what_does_not_exist_is_refused(project, images):
    with pytest.raises(BadInputError, match='no class "tumour".*benign'):
        project.add_field(images[0], Box(0, 0, 4, 4), 'tumour', mpp=None)
    with pytest.raises(BadInputError, match='no image'):
        project.add_images([images[0].with_name('x.png')])
    assert not project.items


def test_every_step_is_undone_and_done_again(project, images):
    states = [(dict(project.items), project.settings.classes)]

    def step():
        states.append((dict(project.items), project.settings.classes))

    keys = project.add_images(images[:2])
    step()
    project.set_label(keys, 'benign')
    step()
    field = project.add_field(images[0], Box(0, 0, 4, 4), 'malignant', mpp=1)
    step()
    project.move_fields({field: Box(2, 2, 6, 6)})
    step()
    project.add_class('polyp', '#123456')
    step()
    project.rename_class('malignant', 'cancer')
    step()
    project.remove([keys[0], field])
    step()
    project.set_group(keys[1:], 'someone')
    step()

    for items, classes in reversed(states[:-1]):
        assert project.undo()
        assert (dict(project.items), project.settings.classes) == (
            items,
            classes,
        )
    assert project.undo() is None
    project = reopened(project)
    for items, classes in states[1:]:
        assert project.redo()
        assert (dict(project.items), project.settings.classes) == (
            items,
            classes,
        )
        assert list(project.items) == sorted(project.items)
    assert project.redo() is None
    project.close()


def test_undo_says_what_was_undone(project, images):
    keys = project.add_images(images[:3])
    project.set_label(keys, 'benign')
    assert project.undo() == 'Label "benign" on 3 items'
    assert project.redo() == 'Label "benign" on 3 items'
    project.undo()
    assert project.undo() == 'Add 3 images'


def test_a_new_step_forgets_what_was_undone(project, images):
    (key,) = project.add_images(images[:1])
    project.set_label([key], 'benign')
    project.undo()
    project.set_label([key], 'malignant')
    assert project.redo() is None
    project.undo()
    assert labels_of(project) == {key: None}


def test_nothing_is_a_step_that_changes_nothing(project, images):
    (key,) = project.add_images(images[:1])
    project.set_label([key], 'benign')
    project.set_label([key], 'benign')
    project.undo()
    assert labels_of(project) == {key: None}


def test_keys_are_never_used_again(project, images):
    (first,) = project.add_images(images[:1])
    project.remove([first])
    project = reopened(project)
    (second,) = project.add_images(images[1:2])
    assert second != first
    project.close()


def test_listeners_hear_which_items_changed(project, images):
    heard = []
    project.changed.connect(heard.append)
    keys = project.add_images(images[:2])
    project.set_label(keys[:1], 'benign')
    project.add_class('polyp')
    project.undo()
    assert heard == [keys, keys[:1], (), ()]


def test_a_class_cannot_take_the_name_of_another(project):
    with pytest.raises(BadInputError, match='classes repeat'):
        project.rename_class('benign', 'malignant')
    with pytest.raises(BadInputError, match='classes repeat'):
        project.add_class('Benign')
    with pytest.raises(BadInputError, match='name'):
        project.add_class('  ')


def test_a_renamed_negative_class_stays_the_negative_one(project):
    project.rename_class('background', 'stroma')
    assert project.settings.negative_class == 'stroma'
    project.undo()
    assert project.settings.negative_class == 'background'


def test_a_second_viewer_can_only_look(project, images):
    keys = project.add_images(images[:2])
    with pytest.raises(ProjectInUseError, match='open elsewhere.*process'):
        Project.open(project.folder)
    looking = Project.open(project.folder, read_only=True)
    assert tuple(looking.items) == keys
    with pytest.raises(BadInputError, match='only to look'):
        looking.set_label(keys, 'benign')
    assert labels_of(looking) == dict.fromkeys(keys)
    looking.close()
    project.set_label(keys, 'benign')


def test_the_lock_of_a_viewer_that_died_counts_for_nothing(project):
    lock = project.folder / 'project.lock'
    text = lock.read_text()
    project.close()
    assert not lock.exists()
    lock.write_text(text.replace('"started": ', '"started": 1'))
    Project.open(project.folder).close()


def test_a_project_is_not_made_over_other_files(images):
    with pytest.raises(BadInputError, match='not empty'):
        Project.create(images[0].parent)
    with pytest.raises(BadInputError, match='is no project'):
        Project.open(images[0].parent)


def test_a_moved_project_finds_its_images(project, images, tmp_path):
    project.add_images(images)
    project.close()
    moved = tmp_path / 'elsewhere' / 'später'
    moved.parent.mkdir()
    project.folder.parent.rename(moved)
    with Project.open(moved / project.folder.name) as again:
        assert again.missing() == ()
        assert again.items['i1'].image == moved / 'my images' / images[0].name


def test_moved_images_are_missed_and_found_again(project, images, tmp_path):
    keys = project.add_images(images)
    project.set_label(keys[:2], 'benign')
    old, new = images[0].parent, tmp_path / 'archive' / '2026'
    new.parent.mkdir()
    old.rename(new)
    (new / images[-1].name).unlink()
    assert project.missing() == tuple(images)
    assert project.relocate(old, new) == len(images) - 1
    assert project.missing() == (images[-1],)
    assert project.items[keys[0]].label == 'benign'
    with reopened(project) as again:
        assert again.items[keys[0]].image == new / images[0].name


def test_a_group_is_on_one_side_for_good(project, images):
    keys = project.add_images(images)
    project.set_label(keys[::2], 'benign')
    sides = {key: project.split_of(project.items[key]) for key in keys}
    assert set(sides.values()) == {'train', 'val'}
    (project.folder / 'runs').mkdir()
    for one, other in zip(keys[::2], keys[1::2], strict=True):
        assert sides[one] == sides[other]
    project.undo()
    project.set_label(keys[1::2], 'malignant')
    project = reopened(project)
    assert sides == {key: project.split_of(project.items[key]) for key in keys}
    project.close()


def test_a_renamed_group_stays_on_its_side(project, images):
    keys = project.add_images(images)
    project.set_label(keys, 'benign')
    for key in keys:
        item = project.items[key]
        side = project.split_of(item)
        project.set_group([key], f'patient {item.group}')
        assert project.split_of(project.items[key]) == side
    project.set_group(keys, '')
    assert project.items[keys[0]].group == 'case1'


def test_rows_added_by_hand_are_taken_up(project, images):
    (key,) = project.add_images(images[:1])
    project.set_label([key], 'benign')
    project.close()
    table = project.folder / 'labels.csv'
    name = f'../my images/{images[1].name}'
    table.write_text(
        table.read_text('utf-8') + f'{name},polyp,,case1,,,,,\n', 'utf-8'
    )
    with Project.open(project.folder) as again:
        added = again.items['i2']
        assert (added.image, added.label) == (images[1], 'polyp')
        assert 'polyp' in again.settings.class_names
        item = replace(added, label=None)
        again.set_label(['i2'], None)
        assert again.items['i2'] == item
