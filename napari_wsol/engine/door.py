"""A private door of the viewer's process, through which the engine comes in.

The door is a Unix socket in a folder of its own (a named pipe on Windows):
nothing listens on the network. Who comes in must know a random key, which
the engine gets through its standard input.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    Link: TypeAlias = Connection[Any, Any]

HELLO_SECONDS = 10.0
_LONGEST_HELLO = 4096
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Key:
    """Where the door is and what opens it."""

    address: str
    secret: str


@dataclass(frozen=True)
class Hello:
    """The first words of who comes in, readable by every version.

    Parameters
    ----------
    purpose
        ``'jobs'`` for requests and events, ``'blocks'`` for pixels.
    token
        Which engine process it is.
    version
        Of the package that the engine runs.
    """

    purpose: Literal['jobs', 'blocks']
    token: str
    version: str


class Door:
    """Lets engines in and hands each connection to ``welcome``.

    Parameters
    ----------
    welcome
        Called in a thread of its own with the hello and the connection,
        which it owns from then on.
    """

    def __init__(self, welcome: Callable[[Hello, Link], None]) -> None:
        self._welcome = welcome
        self._closing = False
        self._folder: str | None = None
        secret = secrets.token_bytes(32)
        if sys.platform == 'win32':
            address = rf'\\.\pipe\napari-wsol-{secrets.token_hex(16)}'
        else:
            self._folder = _short_folder()
            address = f'{self._folder}/door'
        self._listener = Listener(address, authkey=secret)
        self.key = Key(address, secret.hex())
        self._thread = threading.Thread(
            target=self._let_in, name='napari-wsol door', daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Let nobody in any more; connections that are open stay open."""
        self._closing = True
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            _connect(self.key).close()  # wakes the thread that waits
        self._thread.join(1.0)
        self._listener.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _let_in(self) -> None:
        while not self._closing:
            try:
                link = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                time.sleep(0.05)  # a stranger, or no file handle is left
                continue
            if self._closing:
                link.close()
                return
            threading.Thread(
                target=self._greet,
                args=(link,),
                name='napari-wsol connection',
                daemon=True,
            ).start()

    def _greet(self, link: Link) -> None:
        try:
            if not link.poll(HELLO_SECONDS):
                raise EOFError
            hello = Hello(**json.loads(link.recv_bytes(_LONGEST_HELLO)))
        except (EOFError, OSError, ValueError, TypeError):
            link.close()
            return
        self._welcome(hello, link)


def enter(key: Key, hello: Hello) -> Link:
    """Come in through the door of the viewer that started this engine."""
    link = _connect(key)
    link.send_bytes(json.dumps(asdict(hello)).encode())
    return link


def _connect(key: Key) -> Link:
    return Client(key.address, authkey=bytes.fromhex(key.secret))


def _short_folder() -> str:
    """A new folder of this user whose path is short enough for a socket."""
    folder = tempfile.mkdtemp(prefix='wsol-')
    if len(f'{folder}/door'.encode()) <= _LONGEST_SOCKET_PATH:
        return folder
    Path(folder).rmdir()
    return tempfile.mkdtemp(prefix='wsol-', dir='/tmp')
