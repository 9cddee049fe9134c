"""The Localize widget: run a model over an image and see what decided."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent

from napari_wsol.engine.messages import (
    Cancelled,
    DescribeDevices,
    Devices,
    Failed,
)
from napari_wsol.inference.settings import (
    ChunkDone,
    PredictionSettings,
    Progress,
)
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets import jobs
from napari_wsol.widgets.areas import shape_boxes, unit_factor
from napari_wsol.widgets.choose_image import ImageChooser
from napari_wsol.widgets.choose_model import ModelChooser
from napari_wsol.widgets.dock_form import DockForm
from napari_wsol.widgets.earlier_results import EarlierResults
from napari_wsol.widgets.fields_map import show_fields
from napari_wsol.widgets.flying import show_only
from napari_wsol.widgets.follow_view import FollowView
from napari_wsol.widgets.images import image_shape
from napari_wsol.widgets.in_view import active_image, seen_box
from napari_wsol.widgets.overlays import ROLES, Overlays
from napari_wsol.widgets.project_models import project_models
from napari_wsol.widgets.renewal import Renewal
from napari_wsol.widgets.result_panel import ResultPanel
from napari_wsol.widgets.run_panel import RunPanel
from napari_wsol.widgets.session import bare_viewer, session_of
from napari_wsol.widgets.shown_results import ShownResult
from napari_wsol.widgets.wording import describe_duration

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from napari_wsol.models.folder import ModelFolder

__all__ = ['LocalizeWidget']


class LocalizeWidget(DockForm):
    """Choose an image and a model, run, and read the result.

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
        self._source: Image | None = None
        self._settings = PredictionSettings()
        self._overlays: Overlays | None = None
        self._threshold: float | None = None
        self._offered: list[tuple[str, ModelFolder]] = []
        preferences = self._session.preferences
        self.image = ImageChooser(self._viewer)
        self.model = ModelChooser(preferences.models)
        self.panel = RunPanel(self._viewer, preferences.device)
        self.result = ResultPanel()
        active = active_image(self._viewer)
        if active is not None:
            self.image.choose(active)
        self.build((self.image, self.model, self.panel, self.result), 320)
        self.model.changed.connect(self._take_model)
        self.panel.run.connect(self.run)
        self.panel.cancel.connect(self.cancel)
        self.panel.held.connect(self._hold)
        self.result.threshold_changed.connect(self._take_threshold)
        self.result.shown_changed.connect(self._show_layer)
        self._earlier = EarlierResults(
            self._session.client, self._question, self
        )
        self._earlier.told.connect(self.panel.remark)
        self.image.changed.connect(self._earlier.ask)
        self.panel.changed.connect(self._earlier.ask)
        self._take_model()
        self._session.results.threshold_changed.connect(self._follow_threshold)
        self._running = jobs.Running()
        self._follow = FollowView(self._viewer, self._look, self)
        self._renewal = Renewal(self._refresh, self)
        running, earlier = self._running, self._earlier.running
        self._session.attach(self, lambda: (running.stop(), earlier.stop()))
        jobs.run(
            self._session.client,
            'looking for devices',
            DescribeDevices,
            self._take_devices,
        )

    @property
    def is_running(self) -> bool:
        """Whether a job is under way."""
        return self._running.job is not None

    @property
    def engine_is_ready(self) -> bool:
        """Whether the engine can start on a job at once."""
        return bool(self._session.client.is_ready)

    def reset_choices(self, event: Any = None) -> None:
        """Follow the viewer's layers; napari calls it when they change."""
        if isalive(self):
            self.image.reset_choices()
            self.panel.reset_choices()

    def run(self) -> None:
        """Run the chosen model over the chosen image, or say what lacks."""
        layer, model = self.image.layer, self.model.model
        if layer is None or model is None:
            what = 'an image' if layer is None else 'a model'
            self.panel.end(f'Choose {what} first.', 'note')
            return
        if self.image.advice.kind == 'stop':
            self.panel.end('Enter the pixel size above, then run.', 'stop')
            self.image.ask_pixel_size()
            self.ensureWidgetVisible(self.image)
            return
        boxes = self._boxes(layer)
        if boxes is None:
            return
        if not layer.visible:
            show_only(self._viewer, layer)
        self._source, self._model = layer, model.path
        self._settings = self._chosen_settings(boxes)
        self._earlier.drop()
        self._follow.follow(layer if self.panel.begins_in_view else None)
        self.panel.begin(
            'Starting...'
            if self.engine_is_ready
            else 'Starting the compute engine, which takes some seconds once.'
        )
        self._running.job = jobs.predict(
            self._session.client,
            self._plan(layer, model, self._settings),
            self._follow.box,
            self._take_event,
        )

    def cancel(self) -> None:
        """Ask the running job to stop; the form answers at once."""
        if self._running.job is not None:
            self.panel.stopping()
            self._running.job.cancel()

    def showEvent(self, event: QShowEvent) -> None:
        """Offer what was kept in projects meanwhile."""
        super().showEvent(event)
        found = project_models(self._session.preferences.cache)
        if found != self._offered:
            self._offered = found
            self.model.blockSignals(True)
            self.model.offer(found)
            self.model.blockSignals(False)

    def _question(self) -> jobs.PlannedRun | None:
        """What an earlier result would be of."""
        layer, model = self.image.layer, self.model.model
        if (
            layer is None
            or model is None
            or self.is_running
            or self.panel.where != 'image'
            or self.image.advice.kind == 'stop'
            or self._session.results.of(layer) is not None
        ):
            return None
        return self._plan(layer, model, self._chosen_settings(()))

    def _plan(
        self, layer: Image, model: ModelFolder, settings: PredictionSettings
    ) -> jobs.PlannedRun:
        return jobs.PlannedRun(
            jobs.ImageAtHand.of(layer),
            self.image.pixel_size,
            model.path,
            self._session.results_folder,
            settings,
        )

    def _chosen_settings(self, boxes: tuple[Box, ...]) -> PredictionSettings:
        return PredictionSettings(
            boxes=boxes,
            tissue_only=self.panel.tissue_only,
            threshold=self._threshold,
            device=self.panel.device,
        )

    def _boxes(self, layer: Image) -> tuple[Box, ...] | None:
        """Where to work; None, with a message, where there is no place."""
        shape = image_shape(layer)
        if self.panel.where == 'view':
            box = seen_box(self._viewer, layer)
            if box is None:
                self.panel.end(f'"{layer.name}" is not in view.', 'note')
            return None if box is None else (box,)
        if self.panel.where == 'image':
            return ()
        shapes = self.panel.shapes
        boxes: tuple[Box, ...] = ()
        if shapes is not None:
            chosen = sorted(shapes.selected_data) or range(len(shapes.data))
            boxes = shape_boxes(
                layer,
                shape,
                [shapes.data[index] for index in chosen],
                shapes,
                unit_factor(shapes.units, layer.units),
            )
        if not boxes:
            self.panel.end(
                'Add a shapes layer and draw around what to look at, on the '
                'image.',
                'note',
            )
        return boxes or None

    def _take_event(self, event: Any) -> None:
        match event:
            case Progress():
                self.panel.show_progress(event)
            case ChunkDone():
                self._renewal.ask()
            case jobs.Opened():
                self._open(event)
            case jobs.Found():
                self._end()
                self._show(event)
            case Failed():
                self._end()
                self.panel.end(event.message, 'stop', event.details)
                show_error(event.message)
            case Cancelled():
                self._end()
                self.panel.end('Stopped. Run goes on where it was.')

    def _end(self) -> None:
        self._running.job = None
        self._follow.follow(None)
        self._renewal.drop()

    def _hold(self, paused: bool) -> None:
        if self._running.job is not None:
            self._session.client.steer(
                self._running.job.number, 'pause' if paused else 'go on'
            )

    def _look(self, box: Box | None) -> None:
        if self._running.job is not None:
            self._session.client.look(self._running.job.number, box)

    def _refresh(self) -> None:
        """Show what was written since the last time."""
        if self._running.job is not None and self._overlays is not None:
            self._overlays.refresh()

    def _take_devices(self, event: Any) -> None:
        if isinstance(event, Devices):
            self.panel.set_devices(event.available)

    def _take_model(self) -> None:
        self._threshold = None
        self.image.set_card(self.model.card)
        self._earlier.ask()

    def _take_threshold(self, threshold: float) -> None:
        self._threshold = threshold
        if self._source is not None:
            self._session.results.cut(self._source, threshold)

    def _follow_threshold(self, source: Image) -> None:
        """The mask was cut elsewhere by another form."""
        if isalive(self) and source is self._source:
            self._threshold = self._overlays.threshold
            self.result.set_threshold(self._threshold)

    def _open(self, opened: jobs.Opened) -> None:
        """Put up the layers, which fill while the model runs."""
        if self._source in self._viewer.layers:
            self._session.results.remove(self._source)
            self.result.hide()
            self._put(opened)

    def _put(self, found: jobs.Opened | jobs.Found) -> None:
        self._overlays = Overlays(
            self._viewer,
            self._source,
            found.result,
            found.maps,
            dataclasses.asdict(self._settings),
        )
        show_fields(self._viewer, self._source, found.fields)
        for role in ROLES:
            layer = self._overlays.layer(role)
            layer.events.visible.connect(self._follow_looks)
            layer.events.colormap.connect(self._follow_looks)
        self._follow_looks()

    def _show(self, found: jobs.Found) -> None:
        """Put the layers over the image and tell the result."""
        result = found.result
        if self._source not in self._viewer.layers:
            self.panel.end(
                f'"{result.image}" was closed meanwhile; its result is not '
                'shown.',
                'note',
            )
            return
        self._put(found)
        self.result.show_result(result, self._overlays.labels, found.maps.area)
        self._session.results.put(
            ShownResult(
                self._source,
                result,
                found.maps,
                self._overlays,
                self._model,
                self.image.pixel_size,
            )
        )
        notes = ' '.join(result.notes)
        took = describe_duration(result.seconds)
        self.panel.end(f'Done in {took}. {notes}'.strip())
        QTimer.singleShot(0, self._show_result_panel)

    def _show_result_panel(self) -> None:
        if isalive(self):
            self.ensureWidgetVisible(self.result)

    def _show_layer(self, role: str, shown: bool) -> None:
        layer = self._overlays.layer(role)
        if layer is not None:
            layer.visible = shown

    def _follow_looks(self, event: Any = None) -> None:
        """Tell in the form which layers are shown, in which colours."""
        if not isalive(self):
            return
        uppermost = None, None
        for role in ROLES:
            layer = self._overlays.layer(role)
            shown = layer is not None and layer.visible
            self.result.set_shown(role, shown)
            if shown and role != 'mask':
                uppermost = role, layer.colormap
        self.result.explain_colors(*uppermost)
