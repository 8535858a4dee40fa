"""An exception whole: its causes, its context, the parts of a group and the notes, bounded, each with its place."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import Any

import pytest

from lifesign.agent.exceptions import failure


def raised(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError


def fails() -> None:
    int("order-7")


def wraps() -> None:
    try:
        fails()
    except ValueError as error:
        raise RuntimeError("no order") from error


def handles() -> None:
    try:
        fails()
    except ValueError:
        raise KeyError("price")  # noqa: B904


def test_what_caused_it_comes_last_with_its_place() -> None:
    made = failure(raised(wraps))
    assert (made["type"], made["message"]) == ("RuntimeError", "no order")
    own, cause = made["stack"].split("caused by: ValueError: invalid literal for int() with base 10: 'order-7'\n")
    assert re.search(r"in wraps\n", own)
    assert re.search(r'File ".*test_exceptions\.py", line \d+, in fails\n', cause)


def test_what_was_being_handled_is_said_to_be_that() -> None:
    assert "raised while handling: ValueError: " in failure(raised(handles))["stack"]


def test_a_context_that_is_suppressed_is_none() -> None:
    def suppresses() -> None:
        try:
            fails()
        except ValueError:
            raise KeyError("price") from None

    assert "ValueError" not in failure(raised(suppresses))["stack"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups and no notes")
def test_the_parts_of_a_group_and_the_notes() -> None:
    inner = raised(fails)
    inner.add_note("while reading line 7")
    group = ExceptionGroup("unhandled errors", [inner, TimeoutError("late"), *(OSError(str(n)) for n in range(9))])  # noqa: F821 - 3.11
    stack = failure(group)["stack"]
    assert stack.count("one of 11: ") == 5
    assert "one of 11: ValueError: invalid literal" in stack
    assert "note: while reading line 7\n" in stack
    assert stack.index("in fails") > stack.index("one of 11: ValueError")


def test_of_a_stack_that_is_too_long_the_users_own_frames_are_left() -> None:
    """Most of it is how a client's library is called, and the user's line stands at its begin."""
    library = "/srv/lib/python3.13/site-packages/" + "client/" * 30 + "pool.py"
    calls: dict[str, Any] = {}
    text = "".join(f"def call{n}(last): call{n - 1}(last)\n" for n in range(1, 20))
    exec(compile(f"def call0(last): last()\n{text}", library, "exec"), calls)

    def asks() -> None:
        try:
            calls["call19"](fails)
        except ValueError as error:
            calls["call19"](partial(raised_from, error))

    found = re.findall(r"in (\w+)\n", failure(raised(asks))["stack"])
    assert found == ["raised", "asks", "raised_from", "asks", "fails"]


def raised_from(error: BaseException) -> None:
    raise RuntimeError("no answer") from error


def test_a_ring_of_causes_and_a_long_chain_end() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert failure(first)["stack"].count("caused by") == 1
    chain: BaseException = ValueError("0")
    for number in range(1, 1000):
        newer = ValueError(str(number))
        newer.__cause__ = chain
        chain = newer
    assert failure(chain)["stack"].count("caused by") == 9


class OddError(Exception):
    """Everything that can be asked of it raises."""

    def __str__(self) -> str:
        raise RuntimeError("no message for you")

    @property
    def exceptions(self) -> Any:
        raise KeyboardInterrupt

    @property
    def __notes__(self) -> Any:
        raise SystemExit


def test_an_odd_exception_is_a_record_too() -> None:
    assert failure(OddError()) == {
        "type": f"{__name__}.OddError",
        "message": "<its message cannot be read>",
        "stack": "",
    }


@pytest.mark.parametrize("parts", [(1, 2), ["no tuple"], "text"])
def test_an_attribute_of_that_name_need_not_be_a_groups(parts: Any) -> None:
    error = ValueError("x")
    error.exceptions = parts  # type: ignore[attr-defined]
    assert failure(error)["stack"] == ""


def test_no_value_of_a_variable_is_in_it() -> None:
    def secretive(password: str) -> None:
        token = password * 2
        raise ValueError(len(token))

    secret = "".join(("hun", "ter", "2"))  # lines of source are in a stack
    assert secret not in str(failure(raised(lambda: secretive(secret))))
