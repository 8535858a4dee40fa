"""Variables that look like settings of lifesign and are none."""

from __future__ import annotations

import difflib
import re
from typing import Mapping

from lifesign.cli.examine.problem import Problem
from lifesign.cli.options import config_file
from lifesign.cli.supervise import descendants
from lifesign.settings import TABLE

_PREFIX = "LIFESIGN_"
_KNOWN = {*(setting.env for setting in TABLE), config_file.VARIABLE, descendants.VARIABLE}
# Kubernetes makes these for a Service that is called lifesign, or lifesign-and-so-on.
_LINKS = r"LIFESIGN_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)"
_OF_OUR_TESTS = r"LIFESIGN_(TEST_.*|CACHE|SOAK_SECONDS)"
_NOT_OURS = re.compile(f"{_LINKS}|{_OF_OUR_TESTS}")


def problems(environ: Mapping[str, str]) -> list[Problem]:
    """Each variable with our prefix that nothing reads."""
    return [
        Problem(f"{name} is not a setting: nothing reads it", _instead(name))
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name not in _KNOWN and not _NOT_OURS.fullmatch(name)
    ]


def _instead(name: str) -> str:
    close = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else f"unset {name}; lifesign doctor lists the settings"
