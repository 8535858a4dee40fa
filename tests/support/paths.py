"""Where things are in this repository: the only place of the tests that counts folders."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent

CHART = ROOT / "helm" / "lifesign"
CONFIGS = ROOT / "collector-config"
DOCS = ROOT / "docs"
SIDECAR = ROOT / "sidecar"  # what is put on the path of a program that lifesign is not installed for
TOOLS = TESTS / "tools"
VICTIMS = TESTS / "e2e" / "victims"
