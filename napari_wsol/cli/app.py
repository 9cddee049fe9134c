"""The program ``napari-wsol``: its commands, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from napari_wsol import __version__
from napari_wsol.cli.console import complain
from napari_wsol.cli.demonstration import demo
from napari_wsol.cli.evaluation import evaluate
from napari_wsol.cli.failures import INTERRUPTED, report, technical_details
from napari_wsol.cli.models import app as models
from napari_wsol.cli.prediction import predict
from napari_wsol.cli.training import train
from napari_wsol.errors import CancelledError
from napari_wsol.inference.allocator import prefer_huge_pages

app = typer.Typer(
    name='napari-wsol',
    add_completion=False,
    rich_markup_mode='markdown',
    pretty_exceptions_enable=False,
    context_settings={'help_option_names': ['-h', '--help']},
    epilog='Add `--debug` to any command to see the technical details of an '
    'error. Exit codes: 0 all went well, 1 something failed, 2 something '
    'that was given cannot be used, 130 stopped with Ctrl-C.',
)
app.command()(demo)
app.command()(predict)
app.command()(train)
app.command()(evaluate)
app.add_typer(models, name='models')


@app.callback(invoke_without_command=True)
def describe(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option('--version', help='Show the version and end.')
    ] = False,
) -> None:
    """Weakly supervised localization in histology, without the viewer.

    A model looks at an H&E image or whole slide, says what it shows, and
    marks the regions that decided it. Try `napari-wsol demo`, then
    `napari-wsol predict IMAGE --output DIR` on an image of your own; open
    the results in napari. For research use only; not for diagnosis.
    """
    if version:
        typer.echo(f'napari-wsol {__version__}')
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and give its exit code.

    Parameters
    ----------
    arguments
        What stands on the command line behind the program's name; None
        takes it from there.
    """
    prefer_huge_pages()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = '--debug' in words
    if debug:
        words = [word for word in words if word != '--debug']
    with technical_details(debug):
        return _run(words)


def _run(words: list[str]) -> int:
    """Run a command and give its exit code."""
    try:
        code = app(words, prog_name='napari-wsol', standalone_mode=False)
    except (KeyboardInterrupt, CancelledError, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # the last one to hear of it
        code = report(error)
    if code == INTERRUPTED:
        complain('Stopped.')
    return code if isinstance(code, int) else 0
