"""What a thread waits for in the kernel: real threads in real calls, as far as this kernel shows them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent.tasks.threads import syscalls
from lifesign.agent.tasks.threads.syscalls import system_call
from support.rows import rows
from support.waiting import eventually

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/syscall") or os.uname().machine not in syscalls._CALLS, reason="it does not say"
)


@contextlib.contextmanager
def in_thread(function: Callable[[], Any]) -> Iterator[int]:
    """A thread that does this; what it waits for must come after the block."""
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield thread.native_id or 0
    finally:
        pass
    thread.join()


def test_a_pipe_that_nobody_writes_to() -> None:
    reads, writes = os.pipe()
    with in_thread(lambda: os.read(reads, 1)) as thread:
        try:
            eventually(lambda: system_call(thread) == "reads from a pipe")
        finally:
            os.write(writes, b"x")
    os.close(reads)
    os.close(writes)


def test_a_server_that_says_nothing_and_a_client_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "_TABLE_BYTES", 1 << 24)  # other tests leave thousands of connections behind
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            with accepted, in_thread(lambda: client.recv(1)) as asks, in_thread(lambda: accepted.recv(1)) as serves:
                try:
                    eventually(lambda: system_call(asks) == f"reads from the server at port {port}")
                    eventually(lambda: system_call(serves) == "reads from a client")
                finally:
                    accepted.send(b"x")
                    client.send(b"y")


def test_two_that_know_each_other() -> None:
    one, other = socket.socketpair()
    with one, other, in_thread(lambda: one.recv(1)) as thread:
        try:
            eventually(lambda: system_call(thread) == "reads from a socket")
        finally:
            other.send(b"x")


def test_a_child_process() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    with child, in_thread(lambda: os.waitpid(child.pid, 0)) as thread:
        try:
            eventually(lambda: f"pid {child.pid}, alive" in system_call(thread))
            assert system_call(thread).startswith("waits for a child process: ")
        finally:
            assert child.stdin is not None
            child.stdin.write(b"\n")
            child.stdin.close()  # and the thread gets its status


def test_one_that_sleeps_and_one_that_is_gone() -> None:
    over = threading.Event()
    with in_thread(lambda: over.wait(60)) as thread:
        time.sleep(0)
        said = system_call(thread)
        over.set()
    assert (said, system_call(1 << 30)) == ("", "")


@rows(
    ("link", "said"),
    [
        ("/dev/pts/3", "stdout, a terminal"),
        ("/var/log/secret.log", "stdout, a file"),
        ("socket:[7]", "stdout, a socket"),
        (None, "a file"),
    ],
)
def test_a_file_is_never_named(link: str | None, said: str) -> None:
    def readlink(_: str) -> str:
        if link is None:
            raise OSError
        return link

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "readlink", readlink)
        assert syscalls._file(1) == said


@rows(
    ("text", "said"),
    [
        (b"running\n", ""),
        (b"nonsense", ""),
        (b"257 0xffffff9c 0x7f", "opens a file"),
        (b"42 0x9999 0x7f", "connects to a server"),
        (b"230 0x1", ""),
        (b"61 0xffffffffffffffff", ""),
        (b"0", "reads from "),
    ],
)
def test_what_the_kernel_may_say(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "syscall").write_bytes(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(syscalls, "_CALLS", {os.uname().machine: syscalls._X86})
        patched.setattr("builtins.open", lambda *_, **__: os.fdopen(os.open(tmp_path / "syscall", os.O_RDONLY), "rb"))
        found = system_call(1)
    assert found == said or (said == "reads from " and found.startswith(said))
