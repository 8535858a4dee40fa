"""`lifesign run` passes on what CMD reads and writes, exactly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.supervised import (
    COUNTER,
    PATIENCE,
    children,
    cmdline,
    environment,
    eventually,
    run_line,
    started,
    state,
    supervised,
)


def run(command: list[str], *options: str, **popen: Any) -> subprocess.CompletedProcess[bytes]:
    """`lifesign run` to its end, with what it said; `input` as in `subprocess.run`."""
    content = popen.pop("input", None)
    popen.setdefault("stdin", subprocess.DEVNULL if content is None else subprocess.PIPE)
    line = run_line(command, *options)
    with started(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen) as process:
        out, err = process.communicate(content, PATIENCE)
    return subprocess.CompletedProcess(line, process.returncode, out, err)


@pytest.mark.parametrize("code", [0, 1, 3, 77, 255])
def test_the_exit_code_is_that_of_cmd(code: int) -> None:
    assert run(["sh", "-c", f"exit {code}"]).returncode == code


@pytest.mark.parametrize(("name", "status"), [("TERM", 143), ("KILL", 137), ("SEGV", 139), ("INT", 130), ("PIPE", 141)])
def test_an_end_by_a_signal_is_128_and_the_signal(name: str, status: int) -> None:
    assert run(["sh", "-c", f"kill -{name} $$"]).returncode == status


@pytest.mark.parametrize(
    ("content", "mode", "status", "says"),
    [
        (None, 0, 127, "not found"),
        ("#!/bin/sh\n", 0o644, 126, "Permission denied"),
        ("#!/no/such/interpreter\n", 0o755, 127, "#! line"),
        ("echo no first line\n", 0o755, 126, "Exec format error"),
    ],
)
def test_what_cannot_be_started_ends_as_in_a_shell(
    tmp_path: Path, content: str | None, mode: int, status: int, says: str
) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(mode)

    ended = run([str(program)])

    assert ended.returncode == status
    assert says in ended.stderr.decode()
    assert "  try: " in ended.stderr.decode()


def test_each_forwarded_signal_is_seen_exactly_once() -> None:
    with supervised(COUNTER) as service:
        service.victim()
        for name in ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTERM"):
            os.kill(service.pid, signal.Signals[name])
            assert service.line() == name
        counts = json.loads(service.line())

        assert set(counts.values()) == {1}
        assert service.end() == 5


def test_standard_input_and_output_pass_through_byte_by_byte() -> None:
    content = os.urandom(1 << 20)

    assert run(["cat"], input=content).stdout == content


def test_cmd_starts_with_the_dispositions_and_the_mask_of_our_parent() -> None:
    def as_nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR1])

    status = run(["cat", "/proc/self/status"], preexec_fn=as_nohup).stdout.decode()

    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    ordinary = 0x7FFFFFFF  # above them the C library has signals of its own
    assert int(fields["SigIgn"], 16) & ordinary == 1 << (signal.SIGHUP - 1)
    assert int(fields["SigBlk"], 16) & ordinary == 1 << (signal.SIGUSR1 - 1)


def test_a_hangup_under_nohup_ends_nothing_and_asks_for_nothing(tmp_path: Path) -> None:
    def as_nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    command = [sys.executable, "-c", "import os, time; print('ready', os.getpid(), flush=True); time.sleep(0.5)"]
    with supervised(command, "--dir", str(tmp_path), preexec_fn=as_nohup) as service:
        service.victim()
        os.kill(service.pid, signal.SIGHUP)

        assert service.end() == 0
    assert json.loads((tmp_path / "run.json").read_text())["asked"] is None


def test_the_status_is_not_lost_where_our_parent_ignored_its_children() -> None:
    def as_careless() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    assert run(["sh", "-c", "exit 7"], preexec_fn=as_careless).returncode == 7


def test_cmd_inherits_descriptors_that_the_sidecar_does_not(tmp_path: Path) -> None:
    inherited = os.open(tmp_path / "socket", os.O_RDWR | os.O_CREAT)
    script = (
        f"import os, time; os.write({inherited}, b'heard'); print('ready', os.getpid(), flush=True); time.sleep(99)"
    )
    with supervised([sys.executable, "-c", script], pass_fds=[inherited]) as service:
        service.victim()
        held = [os.path.realpath(entry) for entry in Path(f"/proc/{service.sidecar()}/fd").iterdir()]
    os.close(inherited)

    assert (tmp_path / "socket").read_text() == "heard"
    assert str(tmp_path / "socket") not in held


def test_closed_standard_descriptors_stay_closed_for_cmd(tmp_path: Path) -> None:
    def close() -> None:
        for descriptor in (0, 1, 2):
            os.close(descriptor)

    script = f"import os; open({str(tmp_path / 'seen')!r}, 'w').write(str(os.listdir('/proc/self/fd')))"
    command = run_line(["sh", "-c", f'{sys.executable} -S -c "$0"; exec sleep 100', script])
    with started(command, preexec_fn=close) as process:
        sidecar = eventually(lambda: next((pid for pid in children(process.pid) if "watch" in cmdline(pid)), None))
        assert os.readlink(f"/proc/{sidecar}/fd/0").startswith("pipe:")
        seen = eventually(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text())

    assert seen in ("['0', '1']", "['1', '0']")  # the file and the listing themselves


def test_the_service_goes_on_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with supervised(COUNTER, "--dir", str(tmp_path)) as service:
        victim = service.victim()
        os.kill(service.pid, signal.SIGKILL)
        assert service.process.wait(PATIENCE) == -signal.SIGKILL
        os.kill(victim, signal.SIGUSR1)

        assert service.line() == "SIGUSR1"
        os.kill(victim, signal.SIGTERM)
        assert service.line() == "SIGTERM"


def test_as_process_1_it_reaps_orphans(tmp_path: Path) -> None:
    adopt = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execv(sys.argv[1], sys.argv[1:])"
    orphan = f"(sh -c 'echo $$ > {tmp_path}/orphan; exec sleep 0.1' &) ; echo ready $$; exec sleep 100"
    line = run_line(["sh", "-c", orphan])
    with started([sys.executable, "-c", adopt, *line], stdout=subprocess.DEVNULL) as process:
        pid = int(eventually(lambda: (tmp_path / "orphan").exists() and (tmp_path / "orphan").read_text()))
        eventually(lambda: state(pid) == "")
        process.terminate()
        assert process.wait(PATIENCE) == 143


@pytest.mark.parametrize(
    ("options", "variables", "says"),
    [
        (["--dir", "/proc/no"], {}, "the run directory /proc/no cannot be made"),
        (["--heartbeat-interval", "often"], {}, "--heartbeat-interval='often' cannot be used"),
        ([], {"LIFESIGN_BOOT_TIMEOUT": "-1"}, "LIFESIGN_BOOT_TIMEOUT='-1' cannot be used"),
        (["--config", "/no/such.toml"], {}, "/no/such.toml cannot be read"),
    ],
)
def test_cmd_runs_whatever_is_wrong_with_our_settings(options: list[str], variables: dict[str, str], says: str) -> None:
    ended = run(["sh", "-c", "echo here; exit 9"], *options, env=environment(**variables))

    assert (ended.returncode, ended.stdout) == (9, b"here\n")
    assert says in ended.stderr.decode()
    assert len(ended.stderr.splitlines()) == 2


def test_cmd_runs_where_the_extra_is_not_installed() -> None:
    blocked = "import sys; sys.modules.update(msgspec=None, uvicorn=None); from lifesign.cli.main import main; "
    command = [sys.executable, "-c", blocked + "sys.exit(main(['run', '--', 'sh', '-c', 'exit 9']))"]

    ended = subprocess.run(command, env=environment(), capture_output=True, text=True)

    assert ended.returncode == 9
    assert ended.stderr.splitlines() == [
        "lifesign: CMD runs without a sidecar: not installed: msgspec, uvicorn",
        "  try: pip install 'lifesign[sidecar]'",
    ]


CUSTOM = """\
import os, sys, threading
print("customized", len(sys.argv), flush=True)
threading.Thread(target=threading.Event().wait, daemon=True, name="theirs").start()
"""


def test_a_sitecustomize_of_the_program_is_run_in_the_program_and_not_in_the_sidecar(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CUSTOM)
    threads = "import os; print(len(os.listdir(f'/proc/{os.getppid()}/task')))"

    ended = run([sys.executable, "-c", threads], env=environment(PYTHONPATH=str(tmp_path)))

    # The first is of the Python that begins `lifesign run`, which no one can prevent; its thread is gone.
    first, second, of_supervisor = ended.stdout.decode().splitlines()
    assert (first.split()[0], second.split()[0], of_supervisor) == ("customized", "customized", "1")


def test_a_private_run_directory_is_on_memory_and_goes_with_cmd() -> None:
    script = "test -w $LIFESIGN_DIR && stat -c %a $LIFESIGN_DIR ${LIFESIGN_DIR%/*} && echo $LIFESIGN_DIR"

    mode, above, directory = run(["sh", "-c", script]).stdout.decode().split()

    # Root may turn into any user, and all of them may use it who know its name.
    assert (mode, above) == (("1777", "711") if os.geteuid() == 0 else ("700", "1777"))
    assert directory.startswith("/dev/shm/lifesign-")
    assert not os.path.exists(directory)


# Not the tests' own Python, which may stand where only root may read.
PYTHON_OF_ALL = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if os.path.exists(path)), "")
DROPS = """\
import asyncio, os, sys
async def main():
    import lifesign
    lifesign.event("order")
    print(os.getuid(), os.environ["LIFESIGN_DIR"], flush=True)
    await asyncio.sleep(60)
if os.fork() == 0:
    os.setgid(65534), os.setuid(65534)
    asyncio.run(main())
os.wait()
"""


@pytest.mark.skipif(os.geteuid() != 0 or not PYTHON_OF_ALL, reason="only root can become another user")
def test_a_worker_that_gives_up_being_root_is_watched() -> None:
    with supervised([PYTHON_OF_ALL, "-c", DROPS]) as service:
        user, directory = service.line().split()

        assert user == "65534"
        assert [os.stat(path).st_uid for path in Path(directory).glob("*/pulse")] == [65534]


def test_the_supervisor_costs_nothing_while_it_waits() -> None:
    with supervised(COUNTER) as service:
        service.victim()
        service.sidecar()
        time.sleep(0.2)
        before = Path(f"/proc/{service.pid}/stat").read_text().split()[13:15]
        time.sleep(0.5)
        assert Path(f"/proc/{service.pid}/stat").read_text().split()[13:15] == before
