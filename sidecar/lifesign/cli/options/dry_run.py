"""``--dry-run PATTERN:RATE``: one flag for three settings, and their variables in the environment of CMD."""

from __future__ import annotations

import argparse
from typing import Mapping

from lifesign.errors import SettingError
from lifesign.settings import BY_NAME, Settings

_SETTINGS = ("dry_run", "dry_run_pattern", "dry_run_rate", "dry_run_seed", "dry_run_account")


def flag(raw: str) -> str:
    """The value of the flag, checked at once: CMD must not run for real because of a typo.

    Raises:
        argparse.ArgumentTypeError: it is neither 1 nor 0 nor PATTERN nor PATTERN:RATE.
    """
    try:
        Settings(expanded({"dry_run": raw}), {})
    except SettingError:
        raise argparse.ArgumentTypeError(f"{raw!r} is not PATTERN:RATE, such as burst:50") from None
    return raw


def expanded(flags: Mapping[str, str | None]) -> dict[str, str | None]:
    """The setting flags with ``--dry-run burst:50`` taken apart; 1 and 0 stay what they are."""
    given = flags.get("dry_run")
    if given is None or _is_switch(given):
        return dict(flags)
    pattern, colon, rate = given.partition(":")
    found = {"dry_run": "1", "dry_run_pattern": pattern, "dry_run_rate": rate if colon else None}
    return {**flags, **{name: value for name, value in found.items() if value is not None}}


def _is_switch(given: str) -> bool:
    try:
        BY_NAME["dry_run"].parse(given)
    except ValueError:
        return False
    return True


def variables(settings: Settings) -> dict[str, str]:
    """What to add to the environment of CMD in a dry run: the names that programs know and may ask for themselves."""
    if not settings.dry_run:
        return {}
    values = {name: getattr(settings, name) for name in _SETTINGS}
    return {BY_NAME[name].alias or "": "1" if value is True else str(value) for name, value in values.items()}
