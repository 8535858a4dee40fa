"""What the exporters load, and what they do not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from lifesign.export.otlp.imports import later, without


def test_what_is_left_out_cannot_be_imported_until_it_may_be_again() -> None:
    sys.modules.pop("colorsys", None)
    with without("colorsys", "sys"):  # what is loaded stays
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
        assert importlib.import_module("sys") is sys
    assert importlib.import_module("colorsys").__name__ == "colorsys"


def test_what_is_put_off_is_loaded_once_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "heavy.py").write_text(
        "import sys\nsys.heavy = sys.__dict__.get('heavy', 0) + 1\ndef double(x): return 2 * x\n"
    )
    monkeypatch.setattr(sys, "heavy", 0, raising=False)
    later("heavy", "sys")  # what is loaded stays
    assert importlib.import_module("sys") is sys
    user = importlib.import_module("heavy")
    assert vars(sys)["heavy"] == 0
    assert user.double(4) == 8
    assert user.double(5) == 10
    assert vars(sys)["heavy"] == 1
    assert importlib.import_module("heavy") is not user
    del sys.modules["heavy"]
