"""The buttons of ``lifesign demo``, for the page."""

from __future__ import annotations

from functools import partial

from lifesign.demo import pipe
from lifesign.demo.illnesses import ILLNESSES, RECOVERY
from lifesign.errors import LifesignError
from lifesign.serve.behind import Button, Demo

BUTTONS = [Button(letter, one.title, one.what, one.look, one.part) for letter, one in (*ILLNESSES.items(), RECOVERY)]


def demo(directory: str) -> Demo:
    """Where a sample service runs in this run directory, it has buttons."""
    return Demo(lambda: BUTTONS if pipe.is_there(directory) else [], partial(_press, directory))


def _press(directory: str, letter: str) -> None:
    try:
        pipe.press(directory, letter)
    except OSError:
        raise LifesignError("the order desk has ended", "lifesign demo, which starts it again") from None
