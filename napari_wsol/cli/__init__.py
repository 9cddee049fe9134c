"""The same jobs as in the viewer, from the command line."""

from napari_wsol.cli.app import main as main
