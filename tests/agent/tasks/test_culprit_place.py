"""Whose a stack is that has many frames, of the real ones of this Python."""

from __future__ import annotations

import builtins
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from lifesign.agent.tasks.walk import culprit_place, thread_stack
from lifesign.wire.frames import importing


def test_whoever_imports_is_the_culprit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the real frames of this Python: the user's own, or a package's where there is none."""
    packages = tmp_path / "lib" / "python3" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "slow_one.py").write_text("import looked_at\n")
    (packages / "looked_at.py").write_text("import builtins\nbuiltins.look()\n")
    (packages / "plugins.py").write_text("def load(name):\n    return __import__(name)\n")
    monkeypatch.syspath_prepend(str(packages))
    seen: list[Any] = []
    monkeypatch.setattr(builtins, "look", lambda: seen.append(thread_stack(sys._getframe())), raising=False)
    plugins = importlib.import_module("plugins")

    def handler() -> None:
        import slow_one  # noqa: F401

    for call in (handler, lambda: plugins.load("slow_one")):
        for name in ("slow_one", "looked_at"):
            sys.modules.pop(name, None)
        call()
    own, others = seen
    own = own[: [one["file"] for one in own].index(str(packages / "looked_at.py")) + 1]
    assert culprit_place(own)["function"].rpartition(".")[2] == "handler"
    begin = [one["function"] for one in others].index("load")
    assert culprit_place(others[begin:-1])["function"] == "load"
    assert importing(others[begin:-1])[1] == str(packages / "slow_one.py")
