"""What the exporters load, and what they do not."""

from __future__ import annotations

import importlib
import sys

import pytest

from lifesign.export.otlp.exporters import without


def test_what_is_left_out_cannot_be_imported_until_it_may_be_again() -> None:
    sys.modules.pop("colorsys", None)
    with without("colorsys", "sys"):  # what is loaded stays
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
        assert importlib.import_module("sys") is sys
    assert importlib.import_module("colorsys").__name__ == "colorsys"
