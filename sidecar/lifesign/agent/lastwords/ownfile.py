"""A file that faulthandler is given: by its descriptor, whose number may be anybody's once the program closes it."""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import Callable


class Sink:
    """The file as faulthandler is given it, which alone refers to it: when it is gone, somebody else took its place."""

    __slots__ = ("__weakref__", "_descriptor")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def flush(self) -> None:
        """There is nothing to flush; faulthandler calls it."""


def _nothing() -> None:
    """Stands in for the reference to a sink where there is none."""


class OwnFile:
    """An open file of the process's folder.

    Args:
        create: makes a file in it (`OwnFolder.create`).

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, create: Callable[[str, int], int], name: str) -> None:
        self.descriptor = create(name, os.O_APPEND)
        made = os.fstat(self.descriptor)
        self._made = (made.st_dev, made.st_ino)
        self._sink: Callable[[], Sink | None] = _nothing  # a weak reference

    def sink(self) -> Sink:
        """To be handed to faulthandler, and kept nowhere else."""
        sink = Sink(self.descriptor)
        self._sink = weakref.ref(sink)
        return sink

    def is_given(self) -> bool:
        """Whether faulthandler still has it."""
        return self._sink() is not None

    def size(self) -> int | None:
        """How long it is; None where the descriptor is not that of this file any more."""
        try:
            now = os.fstat(self.descriptor)
        except OSError:
            return None
        return now.st_size if (now.st_dev, now.st_ino) == self._made else None

    def close(self) -> None:
        """Closes it, if it is still ours and faulthandler does not have it."""
        if not self.is_given() and self.size() is not None:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
