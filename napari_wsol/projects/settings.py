"""What a project is about: its classes, its split, where it starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from napari_wsol.errors import BadInputError
from napari_wsol.inference.colours import BACKGROUND_COLOUR, CLASS_COLOURS

PROJECT_VERSION = 1

FIELD_PX = 24
"""Side of a stamped field as the model sees it, in its own pixels.

Small enough to lie between two glands: fields that fit into wide stroma only
leave the narrow one to be marked (``benchmarks/clicks.py --side``).
"""

Side = Literal['train', 'val']


def field_side_um(mpp: float | None) -> float:
    """Side in µm of a field for a model that looks with ``mpp`` µm/px.

    A model that looks pixel by pixel gets the side for 1 µm/px.
    """
    return FIELD_PX * (mpp or 1.0)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra='forbid')


class ProjectClass(_Frozen):
    """A class that items can be labelled with."""

    name: str = Field(min_length=1)
    colour: str = Field(pattern=r'^#[0-9a-f]{6}$', description='RGB, in hex.')


class ProjectSettings(_Frozen):
    """The content of ``project.json``."""

    format_version: Literal[1] = 1
    name: str = Field(min_length=1)
    classes: tuple[ProjectClass, ...] = Field(
        (), description='In the order of the keys 1-9.'
    )
    negative_class: str | None = Field(
        None, description='The class without any region of interest.'
    )
    parent: str | None = Field(
        None,
        description='Model that a training starts from, relative to the '
        'project where it can be; None: the encoder.',
    )
    field_side_um: float = Field(
        field_side_um(None), gt=0, description='Side of a stamped field.'
    )
    held_out_share: float = Field(0.2, gt=0, lt=1)
    seed: int = 0
    splits: Mapping[str, Side] = Field(
        default_factory=dict, description='Side of each group.'
    )
    splits_stated: bool = Field(
        False,
        description='Whether somebody said which groups are held out, so '
        'that it is never decided anew.',
    )
    current_version: int | None = Field(
        None, description='Number of the kept model that counts.'
    )

    @model_validator(mode='after')
    def _classes_fit(self) -> ProjectSettings:
        names = self.class_names
        if len({name.casefold() for name in names}) != len(names):
            raise ValueError(f'classes repeat: {", ".join(names)}')
        if self.negative_class not in (None, *names):
            raise ValueError(
                f'negative_class "{self.negative_class}" is not one of '
                f'{", ".join(names)}'
            )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in order."""
        return tuple(known.name for known in self.classes)

    def colour_of(self, label: str) -> str:
        """The colour of a class, ``#rrggbb``."""
        return next(c.colour for c in self.classes if c.name == label)


def next_colour(settings: ProjectSettings) -> str:
    """The first colour of the palette that no class has yet, else in turn."""
    palette = [
        as_hex(rgb) for rgb in CLASS_COLOURS if rgb != BACKGROUND_COLOUR
    ]
    taken = {known.colour for known in settings.classes}
    free = [colour for colour in palette if colour not in taken]
    return free[0] if free else palette[len(settings.classes) % len(palette)]


def as_hex(rgb: tuple[int, int, int]) -> str:
    """``#rrggbb`` of a colour in 0-255."""
    return '#{:02x}{:02x}{:02x}'.format(*rgb)


def settings_text(settings: ProjectSettings) -> str:
    """The text of ``project.json``."""
    return settings.model_dump_json(indent=2) + '\n'


def updated(
    settings: ProjectSettings, fields: Mapping[str, Any]
) -> ProjectSettings:
    """The settings with some fields changed.

    Raises
    ------
    ValueError
        Where they do not go together.
    """
    if not fields:
        return settings
    return ProjectSettings.model_validate({**settings.model_dump(), **fields})


def with_class(
    settings: ProjectSettings, name: str, colour: str | None = None
) -> ProjectSettings:
    """The settings with one more class, of the next colour where none is told.

    Raises
    ------
    BadInputError
        Where there is such a class, or it is no name or colour.
    """

    def added() -> ProjectSettings:
        new = ProjectClass(
            name=' '.join(name.split()),
            colour=(colour or next_colour(settings)).lower(),
        )
        return updated(settings, {'classes': (*settings.classes, new)})

    return checked(added)


def checked(make: Callable[[], ProjectSettings]) -> ProjectSettings:
    """The settings that are made.

    Raises
    ------
    BadInputError
        Where they do not fit, in place of pydantic's error.
    """
    try:
        return make()
    except ValidationError as error:
        faults = '; '.join(
            f'{".".join(map(str, fault["loc"]))} {fault["msg"]}'.strip()
            for fault in error.errors(include_url=False)
        )
        raise BadInputError(f'This does not fit the project: {faults}.') from (
            error
        )


def differences(
    old: ProjectSettings, new: ProjectSettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as in JSON, before and after."""
    before, after = old.model_dump(mode='json'), new.model_dump(mode='json')
    names = [name for name in after if before[name] != after[name]]
    return (
        {name: before[name] for name in names},
        {name: after[name] for name in names},
    )
