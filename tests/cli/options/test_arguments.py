"""Flags and the configuration file: a typo is found, and another process resolves as we do."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from lifesign.cli.options import arguments, config_file
from lifesign.errors import SettingError
from lifesign.settings import TABLE, Settings
from support.rows import rows


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    arguments.add_settings(parser)
    return parser.parse_args(argv)


def test_every_setting_is_a_flag() -> None:
    for setting in TABLE:
        value = "0" if setting.name == "dry_run" else "x"
        assert arguments.flags(parsed(setting.flag, value))[setting.name] == value


def test_what_is_on_or_off_needs_no_value() -> None:
    given = arguments.flags(parsed("--linger", "--task-origin", "0"))
    assert (given["linger"], given["task_origin"], given["async_debug"]) == ("1", "0", None)


def test_the_file_gives_texts_numbers_and_truths(tmp_path: Path) -> None:
    config = tmp_path / "lifesign.toml"
    lines = ["heartbeat_timeout = 4", "boot_timeout = 1.5", 'events = "order=30s"', "log_level = true"]
    config.write_text("\n".join([*lines, 'checks = ["tcp:1", "tcp:2"]']))

    assert config_file.read(str(config)) == {
        "heartbeat_timeout": "4",
        "boot_timeout": "1.5",
        "events": "order=30s",
        "log_level": "1",
        "checks": "tcp:1,tcp:2",
    }


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        ("heartbeat-timeot = 4", "unknown setting heartbeat-timeot", "heartbeat_timeout"),
        ("xyzzy = 4", "unknown setting xyzzy", "lifesign doctor"),
        ("events = [1]", "events wants a text or a number", "events = "),
        ("= nonsense", "is not TOML", "heartbeat_timeout = "),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, content: str, what: str, hint: str) -> None:
    config = tmp_path / "lifesign.toml"
    config.write_text(content)

    with pytest.raises(SettingError, match=what) as raised:
        config_file.read(str(config))

    assert hint in raised.value.hint


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingError, match=r"/no/such\.toml cannot be read: No such file"):
        arguments.given(parsed(), {"LIFESIGN_CONFIG": "/no/such.toml"})


def test_the_flag_names_the_file_before_the_variable_does(tmp_path: Path) -> None:
    config = tmp_path / "lifesign.toml"
    config.write_text("boot_timeout = 2")

    given = arguments.given(parsed("--config", str(config)), {"LIFESIGN_CONFIG": "/no/such.toml"})

    assert given.settings({}).boot_timeout == 2.0


@rows(
    ("flags", "file", "environ", "added"),
    [
        ({"boot_timeout": "1"}, {"boot_timeout": "2"}, {"LIFESIGN_BOOT_TIMEOUT": "3"}, {"LIFESIGN_BOOT_TIMEOUT": "1"}),
        ({}, {"boot_timeout": "2"}, {"LIFESIGN_BOOT_TIMEOUT": "3"}, {}),
        ({}, {"boot_timeout": "2"}, {"BOOT_TIMEOUT_S": "3"}, {}),
        ({}, {"boot_timeout": "2"}, {"LIFESIGN_BOOT_TIMEOUT": ""}, {"LIFESIGN_BOOT_TIMEOUT": "2"}),
        ({"spool_dir": "/s"}, {"boot_timeout": "2"}, {}, {"LIFESIGN_BOOT_TIMEOUT": "2"}),
    ],
)
def test_another_process_resolves_as_we_do(
    flags: dict[str, str], file: dict[str, str], environ: dict[str, str], added: dict[str, str]
) -> None:
    given = arguments.Given(flags, file)

    assert given.variables(environ, ["boot_timeout"]) == added
    assert Settings(environ={**environ, **added}).boot_timeout == given.settings(environ).boot_timeout
