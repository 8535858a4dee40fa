"""For the tests of services: what they make lifesign record, and what must not happen in them.

pytest finds the plugin by itself (`plugin`): the fixture ``lifesigns`` is a `LifeSigns`, and the marker ``lifesign``
fails a test that blocks its event loop, leaves tasks behind or deadlocks. Without pytest there is `observe`.

What is not used is not loaded: pytest imports this at each of its starts.
"""

from lifesign.loading import load

TYPE_CHECKING = False  # as typing.TYPE_CHECKING
if TYPE_CHECKING:
    from lifesign.testing.lifesigns import LifeSigns, SeenCheckpoint, SeenDump, SeenPostcondition
    from lifesign.testing.run import observe

_HOME = {
    "LifeSigns": "lifesigns",
    "SeenCheckpoint": "lifesigns",
    "SeenDump": "lifesigns",
    "SeenPostcondition": "lifesigns",
    "observe": "run",
}

__all__ = ["LifeSigns", "SeenCheckpoint", "SeenDump", "SeenPostcondition", "observe"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load(f"{__name__}.{_HOME[name]}", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
