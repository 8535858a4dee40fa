"""The flags and the configuration file behind `lifesign.settings`."""

from __future__ import annotations

import argparse
from typing import Any, Iterable, Mapping, NamedTuple

from lifesign import parsing, settings
from lifesign.cli.options import config_file, dry_run
from lifesign.errors import SettingError

_SECONDS_MAX = 1_000_000  # eleven days; of many more no system call can wait for the end


class Given(NamedTuple):
    """What the command line and the configuration file say, by setting name, as text."""

    flags: Mapping[str, str | None]
    file: Mapping[str, str]

    def settings(self, environ: Mapping[str, str]) -> settings.Settings:
        """Resolved strictly; raises `SettingError` for the first malformed value."""
        return settings.Settings(self.flags, environ, self.file)

    def variables(self, environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
        """The variables to add to `environ` so that another process resolves `names` as this one does."""
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
        "--config", metavar="FILE", help=f"settings in TOML, one `name = value` per line [{config_file.VARIABLE}]"
    )
    for setting in (settings.BY_NAME[name] for name in names):
        default = f"; default {setting.default or setting.unset}" if setting.default or setting.unset else ""
        said = "; ".join(filter(None, (setting.help, setting.more)))
        help_text = f"{said} [{setting.env}{default}]".replace("%", "%%")
        checked = dry_run.flag if setting.name == "dry_run" else str
        alone: dict[str, Any] = {"nargs": "?", "const": "1"} if setting.parse is parsing.flag else {}
        group.add_argument(setting.flag, metavar="VALUE", dest=setting.name, help=help_text, type=checked, **alone)


def add_which(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that says which processes a command is about; see `cli.query.target`."""
    parser.add_argument(
        "which",
        metavar="PROCESS",
        nargs="?",
        help="a PID, that of a process above it (lifesign run, gunicorn), or a service's name; all where none is given",
    )


def add_question(parser: argparse.ArgumentParser, timeout: float, more: str = "") -> None:
    """Adds the arguments of a request to processes: which, how long to wait, and where they are.

    Args:
        more: when it is waited for longer.
    """
    add_which(parser)
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=float,
        default=timeout,
        help=f"seconds to wait for the answer{more}; default {timeout:g}",
    )
    add_settings(parser, ["dir"])


def check_seconds(flag: str, value: float, example: str) -> None:
    """Raises SettingError where nobody could wait for so long."""
    if not value > 0:
        raise SettingError(f"{flag} wants a number of seconds above 0", f"{flag} {example}")
    if value > _SECONDS_MAX:
        raise SettingError(f"{flag} takes at most {_SECONDS_MAX} seconds", f"{flag} {example}")


def given(args: argparse.Namespace, environ: Mapping[str, str]) -> Given:
    """What parsed arguments and the file named by ``--config`` or ``LIFESIGN_CONFIG`` say.

    Raises:
        SettingError: the file cannot be read, or says something that is no setting.
        MissingExtraError: this Python cannot read TOML.
    """
    path = args.config or environ.get(config_file.VARIABLE)
    return Given(flags(args), config_file.read(path) if path else {})


def flags(args: argparse.Namespace) -> dict[str, str | None]:
    """The setting flags alone."""
    return dry_run.expanded({name: getattr(args, name, None) for name in settings.BY_NAME})
