"""``--dry-run PATTERN:RATE``: what CMD finds of it, and what is refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from lifesign.cli.options import arguments
from lifesign.cli.supervise.environment import environments


def command_environment(*argv: str, **environ: str) -> dict[str, str]:
    parser = argparse.ArgumentParser()
    arguments.add_settings(parser)
    given = arguments.given(parser.parse_args(argv), environ)
    found = environments(given, environ, "/run", "a1").command
    return {name: value for name, value in found.items() if "DRY_RUN" in name}


KNOWN = {
    "DRY_RUN": "1",
    "DRY_RUN_PATTERN": "sequential",
    "DRY_RUN_RATE": "1.0",
    "DRY_RUN_SEED": "42",
    "DRY_RUN_ACCOUNT": "DRY-RUN",
}


def test_one_flag_sets_three_settings_under_both_names() -> None:
    assert command_environment("--dry-run", "burst:50") == {
        **KNOWN,
        "DRY_RUN_PATTERN": "burst",
        "DRY_RUN_RATE": "50.0",
        "LIFESIGN_DRY_RUN": "1",
        "LIFESIGN_DRY_RUN_PATTERN": "burst",
        "LIFESIGN_DRY_RUN_RATE": "50",
    }


def test_a_pattern_alone_leaves_the_rate_to_its_variable() -> None:
    found = command_environment("--dry-run", "random", DRY_RUN_RATE="7", DRY_RUN_SEED="9")
    assert (found["DRY_RUN_PATTERN"], found["DRY_RUN_RATE"], found["DRY_RUN_SEED"]) == ("random", "7.0", "9")


def test_a_variable_is_enough_and_off_is_nothing() -> None:
    assert command_environment(LIFESIGN_DRY_RUN="1") == {**KNOWN, "LIFESIGN_DRY_RUN": "1"}
    assert command_environment() == {}
    assert command_environment("--dry-run", "0") == {"LIFESIGN_DRY_RUN": "0"}


@pytest.mark.parametrize("typo", ["burts:50", "burst:", "burst:fast", "burst:0", ":5"])
def test_cmd_does_not_run_for_real_because_of_a_typo(cli: Callable, typo: str) -> None:
    code, out, err = cli("run", "--dry-run", typo, "--", "echo", "it ran")
    assert (code, out) == (3, "")
    assert "is not PATTERN:RATE, such as burst:50" in err
