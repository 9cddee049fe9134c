"""A user who never rests: random steps in a project, until killed."""

import random

from napari_wsol.projects.project import Project
from napari_wsol.slides.geometry import Box


def told(project):
    """All that must not be lost, as one line."""
    items = [
        (item.key, item.image.name, item.field, item.label, item.group)
        for item in project.items.values()
    ]
    return repr((items, project.settings.class_names))


def step(project, images, rng):
    """One random step of a user."""
    keys = list(project.items)
    some = rng.sample(keys, min(len(keys), rng.randint(1, 3)))
    box = Box(rng.randint(0, 99), rng.randint(0, 99), 8, 8)
    label = rng.choice([*project.settings.class_names, None])
    match rng.randint(0, 9):
        case 0:
            project.add_images(rng.sample(images, 2))
        case 1 | 2:
            project.add_field(rng.choice(images), box, label, mpp=0.5)
        case 3 | 4:
            project.set_label(some, label)
        case 5:
            project.undo()
        case 6:
            project.redo()
        case 7 if len(keys) > 6:
            project.remove(some)
        case 8:
            old, number = project.settings.class_names[0], rng.random()
            project.rename_class(old, f'class {number:.3f}')
        case _:
            project.set_group(some, f'patient {rng.randint(1, 9)}')


def label_on(folder, diary, seed):
    """Label till killed; the diary gets a line once a step is over."""
    images = sorted((folder.parent / 'my images').iterdir())
    rng = random.Random(seed)
    with Project.open(folder) as project, diary.open('ab', 0) as stream:
        while True:
            stream.write(f'{told(project)}\n'.encode())
            step(project, images, rng)
