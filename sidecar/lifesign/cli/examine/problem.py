"""What `lifesign doctor` finds."""

from __future__ import annotations

from typing import NamedTuple, Union

from lifesign.errors import LifesignError


class Problem(NamedTuple):
    """What is wrong, and what to try."""

    what: str
    hint: str

    @classmethod
    def of(cls, error: LifesignError) -> Problem:
        """The problem that an error reports."""
        return cls(error.what, error.hint)


class Passed(NamedTuple):
    """What was tried, and works."""

    what: str


Finding = Union[Problem, Passed]
