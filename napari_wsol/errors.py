"""Errors that speak to the person at the screen."""


class WsolError(Exception):
    """A problem the user can act on.

    Its text is shown as it is, in a notification or on one line of the
    terminal: what happened, to which file or layer, and what to do next.
    """


class BadInputError(WsolError):
    """Something the user gave cannot be used: a file, a layer, a setting.

    The command line ends with exit code 2 on it.
    """


class PixelSizeError(BadInputError):
    """The pixel size is missing or implausible, and has to be entered."""


class OutOfMemoryError(WsolError):
    """The device has too little memory even for a batch of one tile."""


class CancelledError(WsolError):
    """The user stopped the work; nothing is wrong."""
