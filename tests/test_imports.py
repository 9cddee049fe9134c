import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import napari_wsol

PACKAGE = Path(napari_wsol.__file__).parent
FLOORS = (
    {'slides', 'models'},
    {'methods'},
    {'training', 'inference', 'evaluation', 'regions', 'projects'},
    {'engine', 'cohorts'},
    {'widgets', 'cli'},
)
"""The rooms from the ground up; each may import from its floor and below."""

LIGHT = {'errors', 'settings', '__init__'}
MESSAGES = {
    'napari_wsol.inference.settings',
    'napari_wsol.models.card',
}
"""Values that any room may speak of."""

VIEWER = {'napari', 'qtpy', 'superqt', 'magicgui', 'PyQt6', 'PySide6'}
HEAVY = ('torch', 'torchvision', 'timm', 'lightning_fabric')
OPENS_THE_VIEWER = 'cli/demonstration.py'

SOURCES = sorted(PACKAGE.rglob('*.py'))


def room_of(module):
    parts = module.split('.')
    return parts[1] if len(parts) > 1 else '__init__'


def floor_of(room):
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts).removesuffix('.__init__')


def imports_of(path):
    """What a module imports when it runs, inside functions too."""
    pending = [ast.parse(path.read_text('utf-8'))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.dump(node.test):
            pending += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'relative import in {path}'
            yield node.module
        else:
            pending += ast.iter_child_nodes(node)


def python(code, **variables):
    result = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | variables,
    )
    return result.stdout


@pytest.mark.parametrize(
    'path', SOURCES, ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_down_only(path):
    room = room_of(module_of(path))
    if room in LIGHT:
        return
    for name in imports_of(path):
        is_ours = name.partition('.')[0] == 'napari_wsol'
        if not is_ours or name in MESSAGES or room_of(name) in LIGHT:
            continue
        assert floor_of(room_of(name)) <= floor_of(room), (
            f'{room} imports {name}'
        )


def test_nothing_below_the_widgets_knows_napari_or_qt():
    for path in SOURCES:
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith('widgets/') or name == OPENS_THE_VIEWER:
            continue
        found = {module.partition('.')[0] for module in imports_of(path)}
        assert not found & VIEWER, f'{name} imports {found & VIEWER}'


def test_no_module_of_the_widgets_and_projects_loads_torch():
    names = [
        module_of(path)
        for path in SOURCES
        if {'widgets', 'projects'} & set(path.parts)
    ]
    assert names
    loaded = python(
        'import importlib, sys\n'
        f'for name in {names}: importlib.import_module(name)\n'
        f'print([name for name in {HEAVY} if name in sys.modules])',
        QT_QPA_PLATFORM='offscreen',
    )
    assert loaded.strip() == '[]'


def test_starting_the_command_line_loads_neither_torch_nor_napari():
    loaded = python(
        'import sys, napari_wsol.cli\n'
        f'print([name for name in {(*HEAVY, *VIEWER)} if name in sys.modules])'
    )
    assert loaded.strip() == '[]'


def test_importing_the_package_costs_milliseconds_and_loads_nothing():
    code = (
        'import sys, time\n'
        'before, started = set(sys.modules), time.perf_counter()\n'
        'import napari_wsol\n'
        'spent = time.perf_counter() - started\n'
        'print(spent, len(set(sys.modules) - before))'
    )
    runs = [python(code).split() for _ in range(3)]
    assert min(float(spent) for spent, _ in runs) < 0.1
    assert {int(count) for _, count in runs} == {1}


def test_every_command_of_the_manifest_can_be_imported():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(PACKAGE / 'napari.yaml')
    names = [
        command.python_name for command in manifest.contributions.commands
    ]
    assert names
    python(
        'import importlib\n'
        f'for name in {names}:\n'
        '    module, _, attribute = name.partition(":")\n'
        '    assert hasattr(importlib.import_module(module), attribute), name',
        QT_QPA_PLATFORM='offscreen',
    )
