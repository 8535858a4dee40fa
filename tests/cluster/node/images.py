"""The images of a node: no registry can be reached, so they are all brought in one file."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cluster.node.place import output
from cluster.node.programs import PAUSE

_PYTHON = "localhost/lifesign-test/python"  # of which nothing knows of lifesign
_OURS = "localhost/lifesign-test"
# Agent and sidecar of another version, as far as they can tell; compiled modules are not compared with their source.
_OTHER = """\
FROM {lifesign}
USER 0
RUN python3 -c "import pathlib, re; [(path.write_text(re.sub('(?m)^VERSION = 1$', 'VERSION = 2', path.read_text())), \
[compiled.unlink() for compiled in path.parent.glob('__pycache__/layout.*')]) \
for path in pathlib.Path('/opt/lifesign').rglob('wire/layout.py')]"
USER 65532:65532
"""
_KEPT = 3  # files, for checkouts with different sources


class Images:
    """What podman has of them.

    Args:
        podman: the command.
        lifesign: the image of this checkout.
        programs: the binaries of the Collector, of Prometheus and of Alertmanager.
        kubernetes: the folder with `pause`.

    Attributes:
        python: an image with a Python, for services.
        of: those of the programs, in their order.
        other: of lifesign, but that its pulses have another version.
    """

    def __init__(self, podman: str, lifesign: str, programs: Sequence[Path], kubernetes: Path) -> None:
        self._podman = podman
        self._lifesign = lifesign
        self.python = next(
            line
            for line in output(podman, "images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
            if line.startswith(f"{_PYTHON}:")
        )
        self.of = [f"{_OURS}/{program.name}:{_digest(str(program))}" for program in programs]
        for name, program in ((PAUSE, kubernetes / "pause"), *zip(self.of, programs, strict=True)):
            self._import(name, program)
        self.other = f"{lifesign}-other"
        self._build(self.other, _OTHER.format(lifesign=lifesign))

    def saved(self, folder: Path) -> Path:
        """A file with all of them, written if there is none yet."""
        names = sorted({self._lifesign, self.other, self.python, *self.of, PAUSE})
        file = folder / f"{_digest(' '.join(names))}.tar"
        if file.exists():
            file.touch()
            return file
        folder.mkdir(parents=True, exist_ok=True)
        print("cluster: saving the images, which takes a quarter of a minute", flush=True)
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        output(self._podman, "save", "--quiet", "--multi-image-archive", "--output", str(unfinished), *names)
        unfinished.rename(file)
        for old in sorted(folder.glob("*.tar"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            old.unlink()
        return file

    def _build(self, name: str, file: str) -> None:
        if subprocess.run([self._podman, "image", "exists", name], check=False).returncode:
            command = [self._podman, "build", "--quiet", "--network", "none", "--tag", name, "--file", "-"]
            subprocess.run(command, input=file, text=True, check=True, stdout=subprocess.DEVNULL)

    def _import(self, name: str, program: Path) -> None:
        """Makes an image of one program that needs nothing else."""
        if subprocess.run([self._podman, "image", "exists", name], check=False).returncode == 0:
            return
        packing = ["tar", "-C", str(program.parent), "--create", program.name]
        with subprocess.Popen(packing, stdout=subprocess.PIPE) as tar:
            change = f'ENTRYPOINT ["/{program.name}"]'
            subprocess.run(
                [self._podman, "import", "--quiet", "--change", change, "-", name],
                stdin=tar.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
