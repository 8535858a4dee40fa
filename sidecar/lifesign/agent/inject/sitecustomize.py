"""Python imports this at its start, whatever its version: what is not watched must not notice it.

So it is written in what Python 2.7 and 3.14 have in common. The agent is brought in by `lifesign_inject`. The
program's own ``sitecustomize``, which this one shadows, is run afterwards as if we were not here.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _bring_in():  # type: () -> None
    if sys.version_info < (3, 9) or not os.environ.get("LIFESIGN_DIR"):
        return
    try:
        import lifesign_inject  # type: ignore[import-not-found]
    except Exception:  # noqa: BLE001 - a program that cannot be watched still runs
        return
    lifesign_inject.bring_in()


def _run_next_sitecustomize():  # type: () -> None
    rest = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
    if sys.version_info < (3, 5):  # noqa: UP036
        import imp

        try:
            found = imp.find_module("sitecustomize", rest)
        except ImportError:
            return
        del sys.modules["sitecustomize"]
        imp.load_module("sitecustomize", *found)
        return
    from _frozen_importlib import module_from_spec  # as `importlib.util` has it, which costs every start its import
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)  # what it raises is between it and Python, as ever


_bring_in()
_run_next_sitecustomize()
