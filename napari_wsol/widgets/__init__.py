"""Everything that knows napari and Qt: dock widgets, their state, layers."""
