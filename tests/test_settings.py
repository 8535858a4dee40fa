"""Settings: who wins, what is malformed, and what is said about it."""

from __future__ import annotations

import logging

import pytest

from lifesign.errors import SettingError
from lifesign.settings import Settings
from support.rows import rows


def test_flag_before_environment_before_file_before_default() -> None:
    flags, environ, file = {"boot_timeout": "1"}, {"LIFESIGN_BOOT_TIMEOUT": "2"}, {"boot_timeout": "3"}
    assert Settings(flags, environ, file).boot_timeout == 1
    assert Settings({}, environ, file).boot_timeout == 2
    assert Settings({}, {}, file).boot_timeout == 3
    assert Settings({}, {}, {}).boot_timeout == 8
    sources = [
        Settings(*given).sources["boot_timeout"]
        for given in ((flags, environ, file), ({}, environ), ({}, {}, file), ({}, {}))
    ]
    assert sources == ["--boot-timeout", "LIFESIGN_BOOT_TIMEOUT", "file", "default"]


def test_the_name_of_the_older_pack_works_and_ours_goes_before_it() -> None:
    assert Settings(environ={"BOOT_TIMEOUT_S": "20"}).boot_timeout == 20
    assert Settings(environ={"BOOT_TIMEOUT_S": "20", "LIFESIGN_BOOT_TIMEOUT": "5"}).boot_timeout == 5


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings(environ={"LIFESIGN_HEARTBEAT_TIMEOUT": ""}).heartbeat_timeout == 3


@rows(
    ("variable", "raw", "name", "value"),
    [
        ("LIFESIGN_HEARTBEAT_TIMEOUT", " 2.5s ", "heartbeat_timeout", 2.5),
        ("LIFESIGN_STALL_THRESHOLD", "0.05s", "stall_threshold", 0.05),
        ("LIFESIGN_STALL_THRESHOLD", "0.0", "stall_threshold", 0.0),
        ("LIFESIGN_RING_SIZE", "64KiB", "ring_size", 65536),
        ("LIFESIGN_SPOOL_SIZE", "1.5 GiB", "spool_size", 1610612736),
        ("LIFESIGN_SPOOL_SIZE", "1000", "spool_size", 1000),
        ("LIFESIGN_SPOOL_SIZE", "10b", "spool_size", 10),
        ("LIFESIGN_PAGE_ADDR", "127.0.0.1:0", "page_addr", ("127.0.0.1", 0)),
        ("LIFESIGN_HEALTH_ADDR", "[::]:8080", "health_addr", ("::", 8080)),
        ("LIFESIGN_EVENTS", "order=30s, tick=5,", "events", {"order": 30.0, "tick": 5.0}),
        ("LIFESIGN_LOG_LEVEL", "Info", "log_level", logging.INFO),
        ("LIFESIGN_DIR", "/run/desk", "dir", "/run/desk"),
    ],
)
def test_what_is_well_formed(variable: str, raw: str, name: str, value: object) -> None:
    assert getattr(Settings(environ={variable: raw}), name) == value


@rows(
    ("variable", "raw"),
    [
        ("BOOT_TIMEOUT_S", "soon"),
        ("LIFESIGN_HEARTBEAT_TIMEOUT", "0"),
        ("LIFESIGN_HEARTBEAT_TIMEOUT", "-1"),
        ("LIFESIGN_STALL_THRESHOLD", "0.009"),
        ("LIFESIGN_STALL_THRESHOLD", "-0"),
        ("LIFESIGN_STALL_THRESHOLD", "."),
        ("LIFESIGN_HEARTBEAT_TIMEOUT", "nan"),
        ("LIFESIGN_HEARTBEAT_TIMEOUT", "inf"),
        ("LIFESIGN_BOOT_TIMEOUT", "1e10"),
        ("LIFESIGN_RING_SIZE", "1 furlong"),
        ("LIFESIGN_RING_SIZE", "0"),
        ("LIFESIGN_RING_SIZE", "0.5 B"),
        ("LIFESIGN_RING_SIZE", "MiB"),
        ("LIFESIGN_PAGE_ADDR", "8080"),
        ("LIFESIGN_PAGE_ADDR", "host:port"),
        ("LIFESIGN_PAGE_ADDR", "host:70000"),
        ("LIFESIGN_EVENTS", "order"),
        ("LIFESIGN_EVENTS", "=5"),
        ("LIFESIGN_EVENTS", "order=never"),
        ("LIFESIGN_LOG_LEVEL", "loud"),
    ],
)
def test_what_is_malformed_is_named_with_what_is_wanted(
    variable: str, raw: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    with pytest.raises(SettingError) as raised:
        Settings(environ={variable: raw})
    assert raised.value.what.startswith(f"{variable}={raw!r} cannot be used: it wants ")
    assert raised.value.hint
    assert raised.value.exit_code == 3
    # The main process takes the default instead, and says so.
    lenient = Settings(environ={variable: raw}, strict=False)
    assert lenient.boot_timeout == 8
    assert lenient.heartbeat_timeout == 3
    assert variable in caplog.text


def test_a_malformed_flag_or_file_names_itself() -> None:
    with pytest.raises(SettingError, match=r"^--boot-timeout='x'"):
        Settings({"boot_timeout": "x"}, {})
    with pytest.raises(SettingError, match=r"^boot_timeout='x'"):
        Settings({}, {}, {"boot_timeout": "x"})
