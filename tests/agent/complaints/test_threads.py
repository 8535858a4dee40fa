"""Threads that died: noted once, and what the program does about them stays as it is."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from lifesign.agent.complaints import threads
from support.noted import Noted


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(threading, "_make_invoke_excepthook", threading._make_invoke_excepthook)  # type: ignore[attr-defined]
    threads.forget()
    found = Noted()
    threads.observe(found)
    yield found
    threads.rest()


def ends_with(error: BaseException) -> None:
    def consume() -> None:
        raise error

    thread = threading.Thread(target=consume, name="kafka")
    thread.start()
    thread.join()


def test_a_thread_that_died_is_noted_and_its_own_hook_is_called(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append((args.exc_value, args.thread.name)))
    error = KeyError("price")
    ends_with(error)
    assert heard == [(error, "kafka")]
    (record,) = noted.records
    assert (record["task"], record["function"].rpartition(".")[2], record["thread"]) == ("kafka", "consume", True)
    assert (record["error"]["type"], record["place"]["file"]) == ("KeyError", __file__)


def test_an_end_that_is_meant_or_comes_after_the_agents_is_not_noted(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    ends_with(SystemExit())
    threads.rest()
    ends_with(ValueError())
    assert (noted.records, len(heard)) == ([], 2)


def test_one_that_cannot_be_noted_costs_the_program_nothing(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    monkeypatch.setattr(threads, "died", None)
    ends_with(ValueError())
    assert len(heard) == 1


def test_what_was_put_in_its_place_is_put_back_unless_somebody_else_has_done_so(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours: Any = threading._make_invoke_excepthook  # type: ignore[attr-defined]
    threads.observe(noted)
    assert threading._make_invoke_excepthook is ours  # type: ignore[attr-defined]
    threads.forget()
    assert threading._make_invoke_excepthook is ours.lifesign_original  # type: ignore[attr-defined]
    monkeypatch.setattr(threading, "_make_invoke_excepthook", None)
    threads.observe(noted)
    threads.forget()
    assert threading._make_invoke_excepthook is None  # type: ignore[attr-defined]


def test_one_that_died_in_no_code_of_the_users_has_no_function(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    thread = threading.Thread(target=json.loads, args=("{",))
    thread.start()
    thread.join()
    (record,) = noted.records
    assert (record["function"], record["error"]["type"]) == ("", "json.decoder.JSONDecodeError")
