"""The Fine-tune widget: label, ask what to label next, train, keep."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtGui import QHideEvent, QShowEvent

from napari_wsol.errors import WsolError
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.dock_form import DockForm
from napari_wsol.widgets.entered_pixel_sizes import EnteredPixelSizes
from napari_wsol.widgets.exchange_menu import ExchangeMenu
from napari_wsol.widgets.field_tools import FieldTools
from napari_wsol.widgets.flying import fly_to, show_only
from napari_wsol.widgets.image_in_hand import ImageInHand
from napari_wsol.widgets.images import image_shape
from napari_wsol.widgets.items_panel import ItemsPanel
from napari_wsol.widgets.label_panel import LabelPanel
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.opinions import Opinions
from napari_wsol.widgets.project_bar import ProjectBar
from napari_wsol.widgets.session import Session, bare_viewer, session_of
from napari_wsol.widgets.suggest_panel import SuggestPanel
from napari_wsol.widgets.suggested_field import SuggestedField
from napari_wsol.widgets.thumbnails import Thumbnails
from napari_wsol.widgets.training_panel import TrainingPanel
from napari_wsol.widgets.viewer_keys import ViewerKeys

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

__all__ = ['FineTuneWidget']


class FineTuneWidget(DockForm):
    """Label images and fields of a project, and train a model with them.

    Parameters
    ----------
    viewer
        The napari viewer.
    client
        Used instead of a new engine, for tests.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, client: Any = None
    ) -> None:
        super().__init__()
        self._viewer = bare_viewer(viewer)
        self._session = session_of(self._viewer, client)
        preferences = self._session.preferences
        self.labelling = Labelling()
        self._thumbnails = Thumbnails()
        self.image = ImageInHand(self._viewer, self.labelling)
        self.tools = FieldTools(self._viewer, self.labelling, self.image)
        self.project = ProjectBar(self.labelling, preferences)
        self.exchange = ExchangeMenu(self.labelling, self.image)
        self.pixel_sizes = EnteredPixelSizes(self.labelling, self.image)
        self.labels = LabelPanel(self.labelling, self.image, self.tools)
        self.items = ItemsPanel(self.labelling, self._thumbnails)
        self.suggest = SuggestPanel(self.labelling, self._thumbnails)
        self.training = TrainingPanel(self._viewer, self._session)
        self.opinions = Opinions(
            self._session.client,
            self.labelling,
            self.image,
            self.items,
            self.suggest,
        )
        self._suggested = SuggestedField(self._viewer)
        self._is_flying = False
        self._seen: Image | None = None
        self.build(
            (
                self.project,
                self.exchange,
                self.image.chooser,
                self.pixel_sizes,
                self.labels,
                self.suggest,
                self.items,
                self.training,
            ),
            340,
        )
        self.keys = ViewerKeys(
            self._viewer,
            self,
            {
                **{
                    str(digit): partial(self.press_digit, digit)
                    for digit in range(10)
                },
                'N': partial(self.press_digit, 0),
                'Ctrl+Z': self.labelling.undo,
                'Ctrl+Shift+Z': self.labelling.redo,
            },
        )
        self._connect()
        self._take_project()
        self._session.share_labelling(self.labelling)
        self._session.attach(
            self,
            _Farewell(
                self._session, self.labelling, self._thumbnails, self.opinions
            ),
        )

    def press_digit(self, digit: int) -> None:
        """Choose a class by its key, and give it to what is chosen.

        That is the suggestion that was flown to, else the selected fields,
        else the selected rows of the table, else, with the tool for it, the
        whole image.
        """
        name = self.labels.palette_of_classes.press_key(digit)
        if name is not None:
            self.give(name)

    def give(self, name: str) -> None:
        """Take a class in hand and give it to what is chosen."""
        self.labelling.choose(name)
        fields = self.tools.selected_keys
        rows = self.items.selected_keys
        suggestion = self.suggest.current
        if suggestion is not None:
            shape = image_shape(self.image.layer)
            self.suggest.answer(
                name, whole_image=suggestion.box == Box(0, 0, *shape)
            )
        elif fields or rows:
            self.labelling.label(fields or rows, name)
        elif self.tools.tool == 'image':
            self.labels.label_image(name)

    def fly(self, path: Path, box: Box | None) -> None:
        """Show an item in the viewer, opening its file if need be."""
        try:
            fly_to(self._viewer, path, box)
        except WsolError as error:
            self.labelling.said.emit(str(error), 'stop')
            self.items.message.say(str(error), 'stop')
            return
        item = self.labelling.item_at(path, box)
        fields = self.tools.fields
        if item is not None and fields is not None:
            fields.select((item.key,))

    def train_quickly(self) -> None:
        """Start a quick training; another form asks for it."""
        if isalive(self):
            self.training.setup.choose_speed('quick')
            self.training.train()

    def reset_choices(self, event: Any = None) -> None:
        """Follow the viewer's layers; napari calls it when they change."""
        if isalive(self):
            self.image.chooser.reset_choices()

    def showEvent(self, event: QShowEvent) -> None:
        """Take keys while the form is to be seen."""
        super().showEvent(event)
        self._listen()

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the keys to napari while another form is to be seen."""
        super().hideEvent(event)
        self.keys.listen(False)

    def _connect(self) -> None:
        self._session.train_wanted.connect(self.train_quickly)
        self.labelling.project_changed.connect(self._take_project)
        self.labels.picked.connect(self._pick)
        self.items.flown.connect(self._fly_to_item)
        self.suggest.flown.connect(self._fly_to_suggestion)
        self.tools.tool_changed.connect(self._let_suggestion_go)
        self.image.changed.connect(self._take_image)
        self.training.model_changed.connect(self.items.outdate)

    def _take_project(self) -> None:
        """Show another project in every part."""
        project = self.labelling.project
        self.image.chooser.setVisible(project is not None)
        self.training.setVisible(project is not None)
        self._thumbnails.set_folder(
            project.folder / 'thumbnails' if self.labelling.can_write else None
        )
        self.training.set_project(project)
        self._suggested.hide()
        self._listen()

    def _listen(self) -> None:
        self.keys.listen(self.labelling.can_write and self.isVisible())

    def _pick(self, name: str) -> None:
        """A class was clicked on: it is given to what is selected."""
        if self.suggest.current or self.tools.selected_keys:
            self.give(name)
        else:
            self.labelling.choose(name)

    def _fly_to_item(self, path: Path, box: Box | None) -> None:
        self.suggest.let_go()
        self._suggested.hide()
        self.fly(path, box)

    def _fly_to_suggestion(self, path: Path, box: Box) -> None:
        """Show a suggestion with an outline around it."""
        self._is_flying = True
        self.fly(path, box)
        self._is_flying = False
        layer = self.image.layer
        if layer is not None and self.image.path == path:
            self._suggested.show(layer, box)

    def _take_image(self) -> None:
        """Show the image that labels go to: one labels what one sees."""
        layer = self.image.layer
        if layer is not self._seen:
            self._seen = layer
            if layer is not None and self.labelling.project is not None:
                show_only(self._viewer, layer)
            self._let_suggestion_go()

    def _let_suggestion_go(self) -> None:
        """A digit is meant for something else than the suggestion now."""
        if not self._is_flying:
            self.suggest.let_go()
            self._suggested.hide()

    def let_go(self) -> None:
        """Give back keys, and layers that are the form's only."""
        self.keys.leave()
        self.tools.leave()
        self.image.leave()
        self._suggested.hide()


class _Farewell:
    """Ends what outlives the widget; does not hold it."""

    def __init__(
        self,
        session: Session,
        labelling: Labelling,
        thumbnails: Thumbnails,
        opinions: Opinions,
    ) -> None:
        self._parts = session, labelling, thumbnails, opinions

    def __call__(self) -> None:
        session, labelling, thumbnails, opinions = self._parts
        opinions.stop()
        thumbnails.close()
        labelling.leave()
        if session.labelling is labelling:
            session.share_labelling(None)
