"""Where a coroutine that was never awaited was dropped, and how Python's own warning is left as it is."""

from __future__ import annotations

import threading
import warnings
from typing import Any, Callable

import pytest

from lifesign.agent import lifecycle
from lifesign.agent.complaints import unawaited
from lifesign.agent.complaints.counted import Counted

PACKAGE = """
def drops(make, depth=0):
    if depth:
        drops(make, depth - 1)
    else:
        make()
"""
DROPS = 6  # the line of it


@pytest.fixture
def package() -> Any:
    """A function that lies where those of a package lie."""
    functions: dict[str, Any] = {}
    exec(compile(PACKAGE, "/x/site-packages/package.py", "exec"), functions)
    return functions["drops"]


async def never() -> None: ...


@pytest.fixture
def noted(started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[Any]]:
    """The places that are noted of what a function drops."""
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", warnings._warn_unawaited_coroutine)

    def run(function: Callable[[], None]) -> list[Any]:
        pulse = started()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            function()
        assert len(seen) == 1
        lifecycle.stop()
        return [one["place"] for one in pulse.ring("asyncio_complaint")]

    return run


@pytest.mark.parametrize(
    ("depth", "function"), [(0, "calls"), (50, "calls"), (150, "drops")]
)  # of a very deep stack the innermost frames are looked at
def test_what_a_package_drops_is_the_users_who_called_it(noted: Any, package: Any, depth: int, function: str) -> None:
    def calls() -> None:
        package(never, depth)

    (place,) = noted(calls)
    assert place["function"].rpartition(".")[2] == function


def test_where_no_frame_is_the_users_it_is_the_innermost(noted: Any, package: Any) -> None:
    def in_a_thread() -> None:
        thread = threading.Thread(target=package, args=(never,))
        thread.start()
        thread.join()

    (place,) = noted(in_a_thread)
    assert (place["function"], place["line"]) == ("drops", DROPS)


def test_after_the_end_of_the_agent_it_is_pythons_warning_alone(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", warnings._warn_unawaited_coroutine)
    pulse = started()
    lifecycle.stop()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        never()  # type: ignore[unused-coroutine]
    assert [str(one.message) for one in seen] == ["coroutine 'never' was never awaited"]
    assert pulse.ring("asyncio_complaint") == []


@pytest.mark.parametrize("other", [lambda coro: None, len])
def test_a_function_of_another_shape_is_left_alone(monkeypatch: pytest.MonkeyPatch, other: Any) -> None:
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", other)
    unawaited.observe(Counted())
    unawaited.rest()
    assert warnings._warn_unawaited_coroutine is other
