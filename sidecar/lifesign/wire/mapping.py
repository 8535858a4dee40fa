"""Mapped files, in a process that may close descriptors that are not its own."""

from __future__ import annotations

import mmap
import os
import sys


class Mapped:
    """A file mapped for reading and writing.

    Before Python 3.13 a map keeps a duplicate of the descriptor and closes that number with itself. By then a program
    that closes all descriptors may have given the number to a file of its own.

    Args:
        descriptor: of the file; it may be closed then.
    """

    def __init__(self, descriptor: int, size: int, flags: int = mmap.MAP_SHARED) -> None:
        self._file = os.fstat(descriptor)
        if sys.version_info >= (3, 13):
            self._map = mmap.mmap(descriptor, size, flags=flags, trackfd=False)
            self._duplicate: int | None = None
        else:
            next_free = os.dup(descriptor)
            os.close(next_free)
            self._map = mmap.mmap(descriptor, size, flags=flags)
            self._duplicate = self._find_duplicate(next_free, descriptor)
        self.content = memoryview(self._map)

    def advise(self, advice: int) -> None:
        """Says to the kernel how the mapping is used; raises OSError."""
        self._map.madvise(advice)

    def close(self) -> None:
        """Unmaps; the file stays.

        Raises:
            BufferError: somebody writes.
        """
        self.content.release()
        taken = self._duplicate
        if taken is None or self._is_ours(taken):
            self._map.close()
            return
        try:
            spare = os.dup(taken)
        except OSError:  # nobody has the number, or there is no descriptor left: the map stays then
            if not _is_open(taken):
                self._map.close()
            return
        inheritable = os.get_inheritable(taken)
        self._map.close()
        os.dup2(spare, taken, inheritable)
        os.close(spare)

    def _find_duplicate(self, likely: int, descriptor: int) -> int:
        candidates = (likely, *range(descriptor + 64))
        return next((one for one in candidates if one != descriptor and self._is_ours(one)), likely)

    def _is_ours(self, number: int) -> bool:
        try:
            return os.path.samestat(os.fstat(number), self._file)
        except OSError:
            return False


class MappedFile(Mapped):
    """The file at `path`, which must not exist, allocated in full and mapped.

    Raises:
        OSError: the file cannot be made or the volume is full.
    """

    def __init__(self, path: str, size: int, mode: int) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)
            _allocate(descriptor, size)
            super().__init__(descriptor, size)
        finally:
            os.close(descriptor)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _allocate(descriptor: int, size: int) -> None:
    # A sparse file on a volume that fills up later would be a SIGBUS in the host.
    if sys.platform == "darwin":
        os.ftruncate(descriptor, size)
    else:
        os.posix_fallocate(descriptor, 0, size)
