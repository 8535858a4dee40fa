"""The configuration file: settings in TOML."""

from __future__ import annotations

import difflib
import sys
from typing import Any

from lifesign.errors import MissingExtraError, SettingError
from lifesign.settings import BY_NAME

VARIABLE = "LIFESIGN_CONFIG"


def read(path: str) -> dict[str, str]:
    """The settings in a file by name, as text.

    Raises:
        SettingError: the file cannot be read, or says something that is no setting.
        MissingExtraError: this Python cannot read TOML.
    """
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
        raise SettingError(f"{path} cannot be read: {error.strerror}", f"--config FILE or {VARIABLE}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise SettingError(f"{path} is not TOML: {error}", 'lines such as heartbeat_timeout = "3s"') from None


def _as_text(path: str, name: str, value: Any) -> str:
    if name not in BY_NAME:
        close = difflib.get_close_matches(name.replace("-", "_"), BY_NAME, n=1)
        raise SettingError(f"{path}: unknown setting {name}", close[0] if close else "lifesign doctor lists them all")
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    raise SettingError(f"{path}: {name} wants a text or a number", f'{name} = "..."')
