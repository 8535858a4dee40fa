"""The steps of a sidecar: the system calls by which it changes its files, and strace to hit one of them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from support.built import found

_BY_NAME = ("openat", "mkdir", "rename", "unlink", "unlinkat", "rmdir")  # the rest go by descriptor
_BY_DESCRIPTOR = ("write", "pwrite64", "ftruncate")
READING = ("read", "pread64", "lseek", "getdents64", "newfstatat", "fcntl")
_CALL = re.compile(r"\d+ +(\w+)\((.*)")
_NAME = re.compile(r'"([^"]*)"')
_DESCRIPTOR = re.compile(r"\d+<([^>]*)>")
_FAST = "--seccomp-bpf"
_READ_MAX = 1  # of one kind of reading, of one file


class Step(NamedTuple):
    """The `number`-th call of a kind (of one thread) with one path; `folder` stands for `{}` in the path."""

    call: str
    path: str
    number: int
    changes: bool

    def __str__(self) -> str:
        return f"{self.call} {self.path.removeprefix('{}/')} #{self.number}"


class Tracer:
    """strace, which sees each step, and can kill the process at one, before the call is made, or make it fail."""

    def __init__(self, strace: str) -> None:
        # The tracer stands behind, so that what it traces is our own child.
        self._command = [strace, "-D", "-f", "-q"]

    @classmethod
    def found(cls) -> Tracer:
        """Skips the test where nothing can be traced."""
        return cls(found("strace"))

    def records(self, log: Path) -> list[str]:
        """The command under which all steps of a process are written to `log`."""
        calls = ",".join((*_BY_NAME, *_BY_DESCRIPTOR, *READING))
        return [*self._command, _FAST, "-y", "-o", str(log), "-e", f"trace={calls}", "--"]

    def hits(self, step: Step, folder: Path, fault: str) -> list[str]:
        """The command under which one step does not come off: `fault` is ``KILL`` or the name of an errno."""
        how = "signal=KILL" if fault == "KILL" else f"error={fault}"
        command = self._command if fault == "KILL" else [*self._command, _FAST]  # the fast way injects no signals
        injection = f"inject={step.call}:{how}:when={step.number}"
        path = step.path.format(folder)
        return [*command, "-o", "/dev/null", "-P", path, "-e", f"trace={step.call}", "-e", injection, "--"]


def steps(log: Path, folder: Path, but: Path) -> list[Step]:
    """The steps in a log of `Tracer.records` that are about files in `folder` (`but` for one), in their order."""
    found: list[Step] = []
    numbers: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call, rest = match.groups()
        by_name = call in _BY_NAME or call == "newfstatat"
        path = (_NAME if by_name else _DESCRIPTOR).search(rest)
        if path is None or str(folder) not in rest or path[1] == str(but):
            continue
        # A name beside a descriptor of its folder stays as it is: so the tracer sees it.
        name = path[1].replace(str(folder), "{}")
        numbers[call, name] += 1
        changes = call not in READING and (call != "openat" or "O_CREAT" in rest or "O_TRUNC" in rest)
        if name and (changes or numbers[call, name] <= _READ_MAX):
            found.append(Step(call, name, numbers[call, name], changes))
    return found
