"""The site has the repository's own Markdown at its own paths, so every link between them works in both.

A hook of mkdocs (``make docs``). A link to a file that is no page, such as a Collector configuration, brings that file
along; one to a folder leads to the folder's own page where it has one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parent.parent
STYLE = ROOT / "docs" / "site.css"
FOLDERS = (".", "docs", "collector-config", "collector-config/runbooks")
_LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Pages, and the files that they link to, instead of what lies in ``docs_dir``."""
    for file in [*files]:
        if file.src_dir == config.docs_dir:
            files.remove(file)
    pages = [page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md"))]
    linked = {
        (page.parent / found["path"]).resolve() for page in pages for found in _LINK.finditer(page.read_text("utf-8"))
    }
    for path in [STYLE, *pages, *sorted(file for file in linked.difference(pages) if file.is_file())]:
        files.append(
            File(
                path.relative_to(ROOT).as_posix(),
                str(ROOT),
                config.site_dir,
                config.use_directory_urls,
                inclusion=InclusionLevel.INCLUDED,
            )
        )
    return files
