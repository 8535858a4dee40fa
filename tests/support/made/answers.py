"""A main process made by hand that answers requests, as its watchdog would."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from support.mainprocess import Main


@contextlib.contextmanager
def answering(main: Main, word: int, records: Callable[[int], Sequence[Mapping[str, Any]]]) -> Iterator[None]:
    """Writes `records` of the number of each request of one kind into the ring."""
    ending = threading.Event()

    def answer() -> None:
        answered = 0
        while not ending.wait(0.002):
            asked = main.pulse.requests(word)
            if asked != answered:
                answered = asked
                for record in records(asked):
                    main.pulse.ring.append(record)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
