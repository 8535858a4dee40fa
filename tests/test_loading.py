"""A part of the agent that cannot be loaded just now: a call does nothing, and the next one tries again."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lifesign import loading
from lifesign.loading import from_signal_handler, import_now, load, load_or_stand_in
from support.waiting import eventually

PART = "not_there_yet"


@pytest.fixture
def arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a module where it is found from now on."""
    monkeypatch.syspath_prepend(tmp_path)
    yield (tmp_path / f"{PART}.py").write_text
    sys.modules.pop(PART, None)


def stand_in(name: str) -> Any:
    found, loaded = load_or_stand_in(PART, name)
    assert not loaded
    return found


def test_what_is_there_is_loaded() -> None:
    assert load_or_stand_in("lifesign.errors", "MalformedError") == (load("lifesign.errors", "MalformedError"), True)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("event", None),
        ("dry_run", None),
        ("start", False),
        ("is_synthetic", False),
        ("boot_trace_id", ""),
        ("synthetic_headers", {}),
    ],
)
def test_a_call_is_answered_as_if_nothing_were_watched(name: str, answer: Any) -> None:
    assert stand_in(name)("order", within=3) == answer


async def test_a_block_or_a_decorator_changes_nothing() -> None:
    block = stand_in("checkpoint")("loaded")
    with block as one:
        assert one is None
    async with block as one:
        assert one is None
    assert block(len) is len


def test_nothing_stands_in_for_a_class() -> None:
    with pytest.raises(ModuleNotFoundError):
        load_or_stand_in(PART, "DryRun")


async def test_once_it_can_be_loaded_the_next_call_is_a_real_one(arrive: Callable[[str], None]) -> None:
    event, check = stand_in("event"), stand_in("check_postconditions")
    arrive("def event(name): return name * 2\nasync def check_postconditions(): return 'checked'")
    assert event("x") == "xx"
    assert await check() == "checked"


class TooLateError(Exception):
    """What a handler raises, to end whatever it interrupts."""


class Handlers:
    def method(self, *_: object) -> None:
        raise TooLateError

    def __call__(self, *_: object) -> None:
        raise TooLateError


def function(*_: object) -> None:
    raise TooLateError


@pytest.mark.parametrize("handler", [function, functools.partial(function, 1), Handlers().method, Handlers()])
def test_what_a_signal_handler_raises_is_the_programs(handler: Any) -> None:
    def caught() -> BaseException:
        try:
            handler(1, None)
        except TooLateError as error:
            return error
        raise AssertionError

    assert not from_signal_handler(caught())
    before = signal.signal(signal.SIGUSR2, handler)
    try:
        assert from_signal_handler(caught())
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_and_it_goes_through_a_call_that_stands_in(arrive: Callable[[str], None]) -> None:
    arrive("import os, signal\nos.kill(os.getpid(), signal.SIGUSR2)\ndef event(): ...")
    before = signal.signal(signal.SIGUSR2, function)
    try:
        with pytest.raises(TooLateError):
            loading._StandIn(PART, "event")()
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_in_the_middle_of_an_import_imports_it_itself(
    arrive: Callable[[str], None], tmp_path: Path
) -> None:
    go = tmp_path / "go"
    arrive(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.001)\nhere = os.getpid()")
    thread = threading.Thread(target=load, args=(PART, "here"))
    thread.start()
    eventually(lambda: PART in sys.modules)
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        os._exit(0 if load(PART, "here") == os.getpid() else 1)
    go.touch()
    thread.join()
    assert os.waitpid(pid, 0)[1] == 0
    assert sys.modules[PART].here == os.getpid()


def test_what_another_thread_of_the_parent_was_importing_is_forgotten(
    arrive: Callable[[str], None], tmp_path: Path
) -> None:
    """As in a child, where that thread is not there any more."""
    go = tmp_path / "go"
    arrive(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.001)\nhere = os.getpid()")

    def importing() -> None:
        with contextlib.suppress(Exception):  # half of it is forgotten under its hands
            load(PART, "here")

    thread = threading.Thread(target=importing)
    thread.start()
    half = eventually(lambda: sys.modules.get(PART))
    loading._after_fork_in_child()
    assert PART not in sys.modules
    go.touch()
    assert load(PART, "here") == os.getpid()
    assert sys.modules[PART] is not half
    thread.join()
    loading._after_fork_in_child()
    assert PART in sys.modules, "nobody else imports"


def test_a_load_inside_of_a_load_ends_by_itself(arrive: Callable[[str], None]) -> None:
    arrive("from lifesign.loading import load\nhere = load('json', 'dumps')")
    assert load(PART, "here") is json.dumps
    assert loading._importing == {}


class Lazy(types.ModuleType):
    """A module of a program that imports lazily: whoever reads `names` imports what is behind it."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name == "names" and found:
            found()
        return found


def test_where_a_program_imports_lazily_all_is_imported_now(monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = Lazy("lifesign.outer"), Lazy("lifesign.outer.inner")
    reached: list[str] = []
    outer.names = lambda: monkeypatch.setitem(sys.modules, "lifesign.outer.inner", inner)  # type: ignore[attr-defined]
    inner.names = lambda: reached.append("inner")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lifesign.outer", outer)
    monkeypatch.setattr(sys, "get_lazy_imports", lambda: "normal", raising=False)
    import_now()
    assert reached == []
    monkeypatch.setattr(sys, "get_lazy_imports", lambda: "all")
    import_now()
    assert reached == ["inner"]
