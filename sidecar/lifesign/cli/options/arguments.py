"""The flags and the configuration file behind `lifesign.settings`."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import Any, Iterable, Mapping, NamedTuple

from lifesign import settings
from lifesign.cli.options import dry_run
from lifesign.errors import MissingExtraError, SettingError

CONFIG_VARIABLE = "LIFESIGN_CONFIG"


class Given(NamedTuple):
    """What the command line and the configuration file say, by setting name, as text."""

    flags: Mapping[str, str | None]
    file: Mapping[str, str]

    def settings(self, environ: Mapping[str, str]) -> settings.Settings:
        """Resolved strictly; raises `SettingError` for the first malformed value."""
        return settings.Settings(self.flags, environ, self.file)

    def variables(self, environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
        """The variables to add to `environ` so that another process resolves `names` as we do."""
        added: dict[str, str] = {}
        for setting in (settings.BY_NAME[name] for name in names):
            flag = self.flags.get(setting.name)
            if flag is not None:
                added[setting.env] = flag
            elif setting.name in self.file and not any(
                environ.get(name or "") for name in (setting.env, setting.alias)
            ):
                added[setting.env] = self.file[setting.name]
        return added


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str] = settings.BY_NAME) -> None:
    """Adds ``--config`` and a flag for each of the settings `names`."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--config", metavar="FILE", help=f"settings in TOML, one `name = value` a line [{CONFIG_VARIABLE}]"
    )
    for setting in (settings.BY_NAME[name] for name in names):
        default = f"; default {setting.default}" if setting.default else ""
        help_text = f"{setting.help} [{setting.env}{default}]".replace("%", "%%")
        checked = dry_run.flag if setting.name == "dry_run" else str
        group.add_argument(setting.flag, metavar="VALUE", dest=setting.name, help=help_text, type=checked)


def add_question(parser: argparse.ArgumentParser, timeout: float) -> None:
    """Adds what a question to one process wants: which one, how long to wait, and where it is."""
    parser.add_argument("pid", metavar="PID", type=int, nargs="?", help="which process, where there are several")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=timeout,
        help=f"seconds to wait for the answer; default {timeout:g}",
    )
    add_settings(parser, ["dir"])


def given(args: argparse.Namespace, environ: Mapping[str, str]) -> Given:
    """What parsed arguments and the file named by ``--config`` or ``LIFESIGN_CONFIG`` say.

    Raises:
        SettingError: the file cannot be read, or says something that is no setting.
        MissingExtraError: this Python cannot read TOML.
    """
    path = args.config or environ.get(CONFIG_VARIABLE)
    return Given(flags(args), read_config(path) if path else {})


def flags(args: argparse.Namespace) -> dict[str, str | None]:
    """The setting flags alone."""
    return dry_run.expanded({name: getattr(args, name, None) for name in settings.BY_NAME})


def read_config(path: str) -> dict[str, str]:
    """A configuration file's settings by name, as text; raises like `given`."""
    parsed = _parse_toml(path)
    return {name: _as_text(path, name, value) for name, value in parsed.items()}


def _parse_toml(path: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ModuleNotFoundError:
            raise MissingExtraError(f"{path}: this Python cannot read TOML", "pip install tomli") from None
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}", f"--config FILE or {CONFIG_VARIABLE}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingError(f"{path} is not TOML: {error}", 'lines such as heartbeat_timeout = "3s"') from None


def _as_text(path: str, name: str, value: Any) -> str:
    if name not in settings.BY_NAME:
        close = difflib.get_close_matches(name.replace("-", "_"), settings.BY_NAME, n=1)
        raise SettingError(f"{path}: {name} is no setting", close[0] if close else "lifesign doctor lists them all")
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    raise SettingError(f"{path}: {name} wants a text or a number", f'{name} = "..."')
