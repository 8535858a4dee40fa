"""What the exporters' libraries import and hardly ever need: some is left out, some put off. Each costs memory."""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from types import ModuleType
from typing import Any, Iterator


class _Later(ModuleType):
    """Stands in the place of a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def later(*modules: str) -> None:
    """Puts off what these modules cost until one of them is used, not only imported."""
    for name in modules:
        sys.modules.setdefault(name, _Later(name))


@contextlib.contextmanager
def without(*modules: str) -> Iterator[None]:
    """Nobody can import these modules meanwhile; whoever imports them must manage without."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: it cannot be imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is none
            yield
    finally:
        for name in absent:
            del sys.modules[name]
