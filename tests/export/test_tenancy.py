"""One sidecar, one spool directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lifesign.errors import SpoolError, SpoolHeldError
from lifesign.export.tenancy import Tenancy, default_directory, first_free

HOLDER = """
import sys, pathlib
from lifesign.export.tenancy import Tenancy
tenancy = Tenancy(pathlib.Path(sys.argv[1]) / "0")
print("held", flush=True)
input()
"""


def test_a_second_sidecar_is_kept_out(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SpoolHeldError, match="another sidecar uses the spool") as caught:
            Tenancy(tmp_path / "0")
        assert caught.value.exit_code == 1
        free = first_free(tmp_path)
        assert free.directory == tmp_path / "1"
        free.end()
        holder.kill()
        holder.wait()
        Tenancy(tmp_path / "0").end()  # the kernel freed it


def test_the_default_directory_follows_xdg() -> None:
    assert default_directory({"XDG_STATE_HOME": "/state"}) == Path("/state/lifesign/spool")
    expected = Path.home() / ".local/state/lifesign/spool"
    assert default_directory({"XDG_STATE_HOME": "not/absolute"}) == expected
    assert default_directory({}) == expected


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("keep me")
    (tmp_path / "lock").symlink_to(secret)
    with pytest.raises(SpoolError, match="cannot be written"):
        Tenancy(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    tenancy = Tenancy(tmp_path)
    assert tenancy.folder("logs").is_dir()
    (tmp_path / "traces").write_text("")
    with pytest.raises(SpoolError, match="traces cannot be written: File exists"):
        tenancy.folder("traces")
    tenancy.end()
