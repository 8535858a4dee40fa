"""``stacks.json``, which the process writes.

The real-time signal that makes faulthandler write, the native id of the thread that is to get it, and its threads, by
the ids that faulthandler writes::

    {"signal": 43, "thread": 4250, "threads": [[140234, 4242, "MainThread"], [140235, 4250, ""]]}
"""

from __future__ import annotations

import contextlib
import os
from typing import Mapping, NamedTuple

from lifesign.wire.folder import STACKS_OFFER, OwnFolder
from lifesign.wire.lane import encode
from lifesign.wire.stacks.reading import is_number, json_object, read_file

_THREADS_MAX = 256  # that are named
_NAME_CHARACTERS = 60
_BYTES_MAX = 1 << 16


class KnownThread(NamedTuple):
    """A thread as the kernel and as the program call it."""

    native: int
    name: str


class StacksOffer(NamedTuple):
    """What a process says of the signal; `signal` is 0 where it answers none."""

    signal: int
    thread: int
    threads: Mapping[int, KnownThread]


def write_offer(folder: OwnFolder, offer: StacksOffer) -> None:
    """Replaces what the process says as a whole.

    Raises:
        OSError: the folder cannot be written any more.
    """
    new = f"{STACKS_OFFER}.new"
    with contextlib.suppress(FileNotFoundError):  # of one that failed halfway
        os.unlink(os.path.join(folder.path, new))
    threads = [
        [ident, one.native, one.name[:_NAME_CHARACTERS]] for ident, one in list(offer.threads.items())[:_THREADS_MAX]
    ]
    content = encode({"signal": offer.signal, "thread": offer.thread, "threads": threads}, _BYTES_MAX)
    descriptor = folder.create(new)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    os.rename(os.path.join(folder.path, new), os.path.join(folder.path, STACKS_OFFER))


def read_offer(directory: int) -> StacksOffer | None:
    """What the process says whose folder is behind `directory` (a descriptor); None where that is nothing."""
    content = json_object(read_file(STACKS_OFFER, directory, _BYTES_MAX))
    number, thread, threads = (content.get(name) for name in ("signal", "thread", "threads"))
    if not (is_number(number) and is_number(thread) and isinstance(threads, list)):
        return None
    known = {
        one[0]: KnownThread(one[1], one[2][:_NAME_CHARACTERS])
        for one in threads[:_THREADS_MAX]
        if isinstance(one, list) and len(one) == 3 and all(map(is_number, one[:2])) and isinstance(one[2], str)
    }
    return StacksOffer(number, thread, known)
