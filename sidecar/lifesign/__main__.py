"""``python -m lifesign`` is the command ``lifesign``.

``python -E -S .../lifesign/__main__.py`` is the same without what the environment brings into every Python: no
``sitecustomize``, and nothing of ``PYTHONPATH`` before what is installed. So `lifesign run` starts the sidecar: its
environment is meant for CMD.
"""

from __future__ import annotations

import sys


def _find_packages() -> None:
    """Does what ``-S`` left undone, but for the customization; our own folder is no place for top-level modules."""
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    import os
    import site

    site.execsitecustomize = site.execusercustomize = lambda: None
    site.main()
    more = [
        *os.environ.get("PYTHONPATH", "").split(os.pathsep),
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    ]
    sys.path += [path for path in more if path and path not in sys.path]


if __name__ == "__main__":
    if sys.flags.no_site:
        _find_packages()
    from lifesign.cli.main import main

    sys.exit(main())
