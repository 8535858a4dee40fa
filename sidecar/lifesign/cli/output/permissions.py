"""What we make is writable for us alone, whatever umask we were started with."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

_OTHERS_WRITE = 0o022


@contextlib.contextmanager
def closed_to_others() -> Iterator[None]:
    """Nothing that is made inside may be written to by the group or others; who else may is then said by `chmod`.

    The umask is the whole process's, and a program started inside would have it too.
    """
    before = os.umask(0o077)
    os.umask(before | _OTHERS_WRITE)
    try:
        yield
    finally:
        os.umask(before)
