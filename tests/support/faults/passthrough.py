"""A file system that passes everything on to a folder, and takes its time: ``passthrough.py FOLDER MOUNT PACE``.

PACE is a file with the seconds that each call takes. It is read again while a call waits, so that a disk which
stands still goes on as soon as the file says so. Nothing of names and metadata is cached by the kernel; pages are,
as on any disk, or there would be no shared mappings. Whoever is killed need not wait for its call, and to close a
file costs nothing: else the end of a process could not be distinguished from that of the disk.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import mfusepy

_STAT = ("st_atime_ns", "st_ctime_ns", "st_gid", "st_mode", "st_mtime_ns", "st_nlink", "st_size", "st_uid")
_STATVFS = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")
_AUTO_INVALIDATE = 1 << 12  # FUSE_CAP_AUTO_INVAL_DATA
_LOOK_SECONDS = 0.01  # between two looks at PACE


class Passthrough(mfusepy.Operations):  # type: ignore[misc]
    """Each method is one call to the disk; `fh` is a descriptor in `folder`."""

    use_ns = True

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def init_with_config(self, connection: Any, config: Any) -> None:
        # Else the kernel would let go of its pages, and write them first, whenever it has written some: nobody
        # but it writes to these files.
        connection.want &= ~_AUTO_INVALIDATE

    def _at(self, path: str) -> str:
        return self._folder + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        found = os.lstat(self._at(path)) if fh is None else os.fstat(fh)
        return {name.removesuffix("_ns"): getattr(found, name) for name in _STAT}

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._at(path))
        return {name: getattr(found, name) for name in _STATVFS}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags & ~os.O_APPEND)  # the kernel says where each write goes

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(self._at(path) if fh is None else fh, length)

    def fallocate(self, path: str, mode: int, offset: int, size: int, fh: int) -> None:
        os.posix_fallocate(fh, offset, size)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fsync(fh)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._at(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    def rename(self, old: str, new: str) -> None:
        os.rename(self._at(old), self._at(new))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times)


def slowed(call: Callable[..., Any], pace: int) -> Callable[..., Any]:
    """`call`, which takes as long as the file `pace` says and then does what it does."""

    def late(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        while (left := began + float(os.pread(pace, 32, 0)) - time.monotonic()) > 0:
            if mfusepy._libfuse.fuse_interrupted():
                raise InterruptedError(errno.EINTR, "whoever called was killed")
            time.sleep(min(left, _LOOK_SECONDS))
        return call(*args, **kwargs)

    return late


def main(folder: str, mount: str, pace: str) -> None:
    disk = Passthrough(folder)
    descriptor = os.open(pace, os.O_RDONLY)
    for name in [name for name in vars(Passthrough) if not name.startswith(("_", "use_ns", "init"))]:
        setattr(disk, name, slowed(getattr(disk, name), descriptor))
    options = {"hard_remove": True, "entry_timeout": 0, "attr_timeout": 0, "kernel_cache": True}
    mfusepy.FUSE(disk, mount, foreground=True, fsname="slow", default_permissions=True, **options)


main(*sys.argv[1:])
