"""``napari-wsol models``: list, show, import and export models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_wsol.cli.console import complain
from napari_wsol.models.folder import copy_folder
from napari_wsol.models.library import (
    DEFAULT_MODEL,
    broken_models,
    find_model,
    import_model,
    list_models,
)

app = typer.Typer(
    help='List, explain, add and copy models.',
    rich_markup_mode='markdown',
)

Name = Annotated[
    str,
    typer.Argument(
        metavar='MODEL',
        help='A name from `models list`, a model folder, or '
        'organisation/name@revision on the Hugging Face hub.',
    ),
]
Replace = Annotated[
    bool,
    typer.Option('--replace', help='Replace an earlier model of that name.'),
]


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the models where no command is given."""
    if context.invoked_subcommand is None:
        list_command()


@app.command('list')
def list_command() -> None:
    """List the models on this computer, with what they find."""
    from rich.console import Console
    from rich.table import Table

    table = Table('name', 'finds', 'tissue', 'µm/px', 'method', box=None)
    for model in list_models():
        card = model.card
        default = ' (default)' if card.name == DEFAULT_MODEL else ''
        mpp = '' if card.mpp is None else f'{card.mpp:g}'
        table.add_row(
            card.name + default, card.finds, card.tissue, mpp, card.method
        )
    Console().print(table)
    for broken in broken_models():
        complain(broken.reason)


@app.command()
def show(name: Name = DEFAULT_MODEL) -> None:
    """Explain a model: what it finds, where, how well, and its limits."""
    from rich.console import Console
    from rich.markdown import Markdown

    from napari_wsol.models.readme import render_readme

    model = find_model(name)
    Console().print(Markdown(render_readme(model.card)))
    typer.echo(f'Folder: {model.path}')


@app.command('import')
def import_command(name: Name, replace: Replace = False) -> None:
    """Check a model and copy it to your own models.

    A model of the hub is downloaded where it is not on this computer yet.
    """
    model = find_model(_as_given(name), allow_download=True)
    imported = import_model(model, replace=replace)
    typer.echo(f'"{imported.card.name}" is now in {imported.path}')


@app.command()
def export(
    name: Name,
    folder: Annotated[
        Path, typer.Argument(help='The new model folder to write.')
    ],
    replace: Replace = False,
) -> None:
    """Check a model and copy it to a folder, to give it to others."""
    model = find_model(name)
    exported = copy_folder(model, folder, replace=replace)
    typer.echo(f'"{exported.card.name}" is now in {exported.path}')


def _as_given(name: str) -> str | Path:
    """A path where there is a folder: to import it is what is meant."""
    return Path(name) if Path(name).is_dir() else name
