"""`lifesign doctor` shows what holds, says all that is wrong, and keeps secrets."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from lifesign.cli import doctor
from lifesign.cli.examine import run_directory
from lifesign.cli.examine.problem import Problem
from lifesign.cli.supervise import rundirectory
from support.otlp_server import Answer, HttpServer


@pytest.fixture
def collector() -> Iterator[int]:
    """The port of a Collector."""
    server = HttpServer()
    yield int(server.url.rpartition(":")[2])
    server.stop()


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process of this machine is looked at."""
    monkeypatch.setattr(rundirectory, "_private", list)


def diagnosis(cli: Callable, *argv: str) -> tuple[int, dict[str, tuple[str, str]], list[str]]:
    code, out, _ = cli("doctor", "--json", *argv)
    found = json.loads(out)
    return (
        code,
        {value["name"]: (value["value"], value["source"]) for value in found["settings"]},
        [problem["what"] for problem in found["problems"]],
    )


def test_each_setting_has_its_source(cli: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "lifesign.toml"
    config.write_text('heartbeat_timeout = "4s"\nring_size = "2MiB"')
    monkeypatch.setenv("BOOT_TIMEOUT_S", "9")
    monkeypatch.setenv("LIFESIGN_EVENTS", "order=30s")

    code, values, problems = diagnosis(cli, "--config", str(config), "--ring-size", "1MiB", "--page-addr", "[::1]:80")

    assert (code, problems) == (0, [])
    assert values["heartbeat_timeout"] == ("4s", "file")
    assert values["ring_size"] == ("1MiB", "--ring-size")
    assert values["boot_timeout"] == ("9s", "BOOT_TIMEOUT_S")
    assert values["events"] == ("order=30s", "LIFESIGN_EVENTS")
    assert values["page_addr"] == ("[::1]:80", "--page-addr")
    assert values["poll_interval"] == ("0.25s", "default")
    assert values["spool_size"] == ("256MiB", "default")
    assert values["log_level"] == ("warning", "default")
    assert values["dir"] == ("-", "unset")


def test_every_malformed_value_is_listed(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFESIGN_BOOT_TIMEOUT", "soon")
    monkeypatch.setenv("LIFESIGN_EVENTS", "order")

    code, _, problems = diagnosis(cli, "--heartbeat-timeout", "0", "--config", "/no/such.toml")

    assert code == 3
    assert problems == [
        "/no/such.toml cannot be read: No such file or directory",
        "--heartbeat-timeout='0' cannot be used: it wants a number of seconds above 0",
        "LIFESIGN_BOOT_TIMEOUT='soon' cannot be used: it wants a number",
        "LIFESIGN_EVENTS='order' cannot be used: it wants NAME=SECONDS,NAME=SECONDS such as order=30s,tick=5s",
    ]


def test_what_profiles_are_sent_by_is_examined_where_they_are_sent(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROFILES_TIMEOUT", "soon")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
    assert [one for one in diagnosis(cli)[2] if "TIMEOUT" in one] == []
    monkeypatch.setenv("LIFESIGN_PROFILES", "1")
    assert [one for one in diagnosis(cli)[2] if "TIMEOUT" in one] == [
        "OTEL_EXPORTER_OTLP_PROFILES_TIMEOUT='soon' cannot be used: it wants seconds above 0"
    ]


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:20 / /dev rw - devtmpfs udev rw
24 23 0:21 / /dev/shm rw - tmpfs tmpfs rw
25 22 0:22 / /mnt/with\\040space rw - nfs server rw
"""


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "ext4"), ("/usr", "ext4"), ("/dev/shm", "tmpfs"), ("/mnt/with space", "nfs")]
)
def test_the_nearest_mount_tells_the_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, kind: str
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(run_directory, "_MOUNTS", str(tmp_path / "mountinfo"))

    assert run_directory.filesystem(path) == kind


def test_a_run_directory_that_will_not_do_is_said(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert diagnosis(cli, "--dir", "/no/such")[2] == ["the run directory /no/such does not exist"]

    monkeypatch.setattr(run_directory, "filesystem", lambda _path: "ext4")
    (problem,) = diagnosis(cli, "--dir", str(tmp_path))[2]
    assert problem.startswith(f"the run directory {tmp_path} is not on memory (ext4)")

    monkeypatch.setattr(run_directory, "filesystem", lambda _path: "tmpfs")
    assert diagnosis(cli, "--dir", str(tmp_path))[2] == []

    monkeypatch.setattr(run_directory.os, "access", lambda _path, _mode: False)
    assert diagnosis(cli, "--dir", str(tmp_path))[2] == [f"the run directory {tmp_path} cannot be written"]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("localhost:4318", "OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318 is not a URL with"),
        ("http://", "OTEL_EXPORTER_OTLP_ENDPOINT=http:// is not a URL with"),
        ("http://localhost:none", "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:none is not a URL with"),
        ("http://me:secret@127.0.0.1:1", "nothing answers at 127.0.0.1:1: Connection refused"),
        (f"http://{'a' * 64}.example", "nothing answers at"),
    ],
)
def test_an_endpoint_that_will_not_do_is_said(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, url: str, what: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)

    code, _, problems = diagnosis(cli)

    assert code == 3
    assert len(problems) == 1
    assert what in problems[0]


def test_secrets_are_not_shown(cli: Callable, monkeypatch: pytest.MonkeyPatch, collector: int) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:secret@127.0.0.1:{collector}/otlp")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "orders")
    monkeypatch.setenv("LIFESIGN_CHECKS", "redis://me:secret@cache")
    monkeypatch.setenv("LIFESIGN_UNTIL", "postgres://me:secret@books/orders")

    for argv in (["doctor"], ["doctor", "--json"]):
        out = cli(*argv).out
        assert "secret" not in out
        assert "(not shown)" in out
        assert f"http://127.0.0.1:{collector}/otlp" in out
        assert "orders" in out
        assert "redis://cache" in out
        assert "postgres://books/orders" in out


def test_the_table_ends_with_what_to_try(cli: Callable) -> None:
    code, out, _ = cli("doctor", "--heartbeat-timeout", "often")

    assert code == 3
    assert out.split()[:3] == ["SETTING", "VALUE", "FROM"]
    assert "✗ --heartbeat-timeout='often' cannot be used: it wants a number\n  try: " in out
    assert out.endswith("what to do next: fix the problem above, then run lifesign doctor again\n")
    next_line = "no problems found; what to do next: lifesign run -- "
    assert cli("doctor").out.endswith(f"{next_line}python app.py\n")
    for command, example in ((["/srv/shop", "--token=x"], "shop ..."), (["shop"], "shop")):
        out_file = io.StringIO()
        Console(file=out_file, width=100).print(doctor.render([], [], [], command))
        assert out_file.getvalue().endswith(f"{next_line}{example}\n")


def test_a_malformed_header_and_a_token_in_a_url_are_not_shown_either(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, collector: int
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b,authorization Bearer secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector}/otlp?token=secret")

    code, out, _ = cli("doctor")
    assert code == 3
    assert "OTEL_EXPORTER_OTLP_TRACES_HEADERS (not shown) cannot be used: header 2 is not" in out
    assert "secret" not in out


def test_certificates_that_will_not_do_are_said(cli: Callable, monkeypatch: pytest.MonkeyPatch, collector: int) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"https://127.0.0.1:{collector}")
    code, values, problems = diagnosis(cli)
    assert code == 3
    assert values["OTEL_EXPORTER_OTLP_CERTIFICATE"] == ("/no/such.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE")
    assert problems == ["OTEL_EXPORTER_OTLP_CERTIFICATE=/no/such.pem cannot be read: No such file or directory"]

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector}")
    assert all("OTEL_EXPORTER_OTLP_CERTIFICATE: not used" in problem for problem in diagnosis(cli)[2])


def test_a_problem_without_a_hint_is_one_line() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(
        doctor.render([], [Problem("the disk is gone", ""), Problem("it rains", "wait")], ["it is warm"])
    )
    assert out.getvalue().splitlines()[-5:] == [
        "✓ it is warm",
        "✗ the disk is gone",
        "✗ it rains",
        "  try: wait",
        "what to do next: fix the 2 problems above, from the first on, then run lifesign doctor again",
    ]


def test_a_sitecustomize_before_the_agents_own_is_named(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, file in (("agent", "lifesign_inject"), ("agent", "sitecustomize"), ("apm", "sitecustomize")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{file}.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/agent:{tmp_path}/apm")
    assert diagnosis(cli)[0] == 0
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/apm:{tmp_path}/agent")
    code, _, problems = diagnosis(cli)
    assert (code, len(problems)) == (3, 1)
    assert f"the sitecustomize of {tmp_path}/apm stands before that of lifesign" in problems[0]


def test_a_declarative_configuration_is_said_not_to_be_read(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, collector: int
) -> None:
    monkeypatch.setenv("OTEL_CONFIG_FILE", "/etc/otel.yaml")
    status, out, _ = cli("doctor", "--json")
    (problem,) = json.loads(out)["problems"]
    assert status == 3
    assert problem["what"] == "OTEL_CONFIG_FILE is not read by lifesign: nothing is exported by it"
    assert problem["hint"] == "set OTEL_EXPORTER_OTLP_ENDPOINT as well"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector}")
    assert cli("doctor")[0] == 0  # the service may have a configuration for itself


def test_a_variable_that_nothing_reads_is_named_with_the_nearest_setting(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIFESIGN_HEARTBEET_TIMEOUT", "LIFESIGN_XYZZY", "LIFESIGN_PORT_4318_TCP_ADDR", "LIFESIGN_CONFIG"):
        monkeypatch.setenv(name, "")
    found = json.loads(cli("doctor", "--json").out)["problems"]
    assert [(one["what"].partition(" ")[0], one["hint"]) for one in found] == [
        ("LIFESIGN_HEARTBEET_TIMEOUT", "did you mean LIFESIGN_HEARTBEAT_TIMEOUT?"),
        ("LIFESIGN_XYZZY", "unset LIFESIGN_XYZZY; lifesign doctor lists the settings"),
    ]


def test_the_collector_is_tried_with_each_kind_of_telemetry(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    server = HttpServer()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
    found = json.loads(cli("doctor", "--json").out)
    assert [one for one in found["problems"] if "spool" not in one["what"]] == []
    assert f"the Collector at {server.url} takes traces, metrics, logs" in found["passed"]
    server.script("logs", Answer(404))
    server.script("traces", Answer(503))
    problems = json.loads(cli("doctor", "--json").out)["problems"]
    assert [one["what"].partition(": ")[0] for one in problems if "spool" not in one["what"]] == [
        f"{kind} do not reach {server.url}/v1/{kind}" for kind in ("traces", "logs")
    ]
    server.stop()
