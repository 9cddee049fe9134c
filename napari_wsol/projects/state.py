"""What a project knows at one moment, and after a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_wsol.projects.history import Act, Step
from napari_wsol.projects.holding_out import assign_sides
from napari_wsol.projects.items import Item
from napari_wsol.projects.settings import ProjectSettings, Side, updated
from napari_wsol.projects.tables import in_order
from napari_wsol.slides.geometry import Box


@dataclass(frozen=True)
class State:
    """What a project knows at one moment.

    Parameters
    ----------
    items
        By key, in the order in which they came.
    """

    settings: ProjectSettings
    items: Mapping[str, Item]

    @property
    def labelled(self) -> tuple[Item, ...]:
        """The items that carry a label."""
        return tuple(
            item for item in self.items.values() if item.label is not None
        )

    @property
    def by_place(self) -> dict[tuple[Path, Box | None], str]:
        """The key of the item at each place."""
        return {item.place: key for key, item in self.items.items()}

    def named(self, keys: Iterable[str]) -> dict[str, Item]:
        """The items of some keys."""
        return {key: self.items[key] for key in keys}

    def side_of(self, item: Item) -> Side:
        """The side of an item; what has no label yet would teach."""
        return self.settings.splits.get(item.group, 'train')

    def after(self, step: Step, act: Act) -> State:
        """The state after an act, new groups not yet assigned."""
        changes, fields = step.result(act)
        items = dict(self.items)
        for key, item in changes.items():
            if item is None:
                items.pop(key, None)
            else:
                items[key] = item
        if any(key not in self.items for key in changes):
            items = in_order(items)
        return State(updated(self.settings, fields), items)

    def assigned(self, *, fixed: bool) -> State:
        """The state with every labelled group on a side.

        Parameters
        ----------
        fixed
            Whether groups that have a side keep it.
        """
        settings = self.settings
        splits = assign_sides(
            [(item.group, str(item.label)) for item in self.labelled],
            settings.splits,
            share=settings.held_out_share,
            seed=settings.seed,
            fixed=fixed or settings.splits_stated,
        )
        if splits == settings.splits:
            return self
        return replace(self, settings=updated(settings, {'splits': splits}))
