"""The alert rules in promtool, against made-up histories; and no clause of a rule is there for nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support.mutation import Mutant, mutants
from support.paths import ROOT

RULES = ROOT / "collector-config" / "alerts.yaml"
HISTORIES = sorted((ROOT / "tests" / "alerts").glob("*.yaml"))


def promtool(binaries: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    line = [str(binaries / "promtool"), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def test_the_rules_are_well_formed(prometheus_binaries: Path) -> None:
    checked = promtool(prometheus_binaries, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.stem)
def test_who_is_told_of_and_when(history: Path, prometheus_binaries: Path) -> None:
    tested = promtool(prometheus_binaries, "test", "rules", history)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_without_any_clause_of_a_rule_some_history_goes_wrong(prometheus_binaries: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "alerts", tmp_path / "tests" / "alerts")
    (tmp_path / "collector-config").mkdir()
    all_of_them = list(mutants(yaml.safe_load(RULES.read_text())))
    assert len({mutant.rule for mutant in all_of_them}) == 12
    descendants = [mutant for mutant in all_of_them if survives(mutant, prometheus_binaries, tmp_path)]
    assert [(mutant.rule, mutant.lost) for mutant in descendants] == []


def survives(mutant: Mutant, binaries: Path, folder: Path) -> bool:
    """Whether all histories come out as before; that of the alert itself is asked first, the others seldom."""
    (folder / "collector-config" / "alerts.yaml").write_text(yaml.safe_dump(mutant.content))
    histories = sorted((folder / "tests" / "alerts").iterdir(), key=lambda path: path.stem != mutant.rule)
    return all(promtool(binaries, "test", "rules", history).returncode == 0 for history in histories)
