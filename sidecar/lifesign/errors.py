"""Errors for a person: what happened, what to try, and an exit code.

The exit codes of every command, in one table (``lifesign run`` and ``lifesign smoke`` pass the
status of CMD on where they say so):

====  ==========================================================================================
0     fine
1     the service failed: an exception, a crash, a failed post-condition, a loop that is not beating
2     the service stalled: no first event, no answer in time
3     usage or configuration: a flag, a setting, a run directory, a missing extra
126   CMD cannot be executed, as a shell says it
127   CMD was not found, as a shell says it
128+n CMD was ended by signal n
====  ==========================================================================================
"""

from __future__ import annotations

import os
import sys
from typing import Any

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_STALLED = 2
EXIT_USAGE = 3
EXIT_CANNOT_EXECUTE = 126
EXIT_NOT_FOUND = 127
EXIT_SIGNAL_BASE = 128


def to_exit_with(status: int) -> int:
    """The same, for ``sys.exit``; under ``PYTHONINSPECT`` it ends the process, as Python would make a 1 of it then.

    A container whose environment has that variable would be killed, as each of its probes failed.
    """
    if sys.flags.inspect and os.environ.get("PYTHONINSPECT"):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status)
    return status


class MalformedError(ValueError):
    """A text is no value of its setting.

    Args:
        wanted: what to write instead, after the word "wants".
        rest: where the text is a list: the value without what is malformed in it.
    """

    def __init__(self, wanted: str, rest: Any = None) -> None:
        super().__init__(f"wants {wanted}")
        self.wanted = wanted
        self.rest = rest


class LifesignError(Exception):
    """An error for a person.

    Args:
        what: what happened and where, one line.
        hint: what to try, one line; may be empty.
    """

    exit_code = EXIT_FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  try: {self.hint}" if self.hint else self.what


class UsageError(LifesignError):
    """The command line cannot be understood."""

    exit_code = EXIT_USAGE


class SettingError(LifesignError):
    """A setting has a value that cannot be used; ``what`` names the variable or flag."""

    exit_code = EXIT_USAGE


class RunDirectoryError(LifesignError):
    """The run directory is missing, not ours, or cannot be written."""

    exit_code = EXIT_USAGE


class SpoolError(LifesignError):
    """The spool's directory cannot be used."""

    exit_code = EXIT_USAGE


class SpoolFailedError(SpoolError):
    """The disk failed, or is full: nothing is wrong with the settings, it may be better later."""

    exit_code = EXIT_FAILED


class SpoolHeldError(SpoolError):
    """Another sidecar uses this spool: nothing is wrong with the settings, it may end."""

    exit_code = EXIT_FAILED


class MissingExtraError(LifesignError):
    """The sidecar's dependencies are not installed."""

    exit_code = EXIT_USAGE


class CommandError(LifesignError):
    """CMD could not be started; the exit code is the one a shell would give."""

    def __init__(self, what: str, hint: str, exit_code: int) -> None:
        super().__init__(what, hint)
        self.exit_code = exit_code


class NotWatchedError(LifesignError):
    """There is no such watched process."""

    exit_code = EXIT_FAILED


class NotAnsweredError(LifesignError):
    """The main process or the sidecar did not answer in time."""

    exit_code = EXIT_STALLED


class PostconditionError(LifesignError):
    """At least one critical post-condition does not hold, as `assert_postconditions` raises it.

    Attributes:
        diagnostic: what fails and why, in one line; it is the message too.
    """

    exit_code = EXIT_FAILED

    def __init__(self, diagnostic: str) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic
