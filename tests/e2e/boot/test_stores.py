"""Ready-made checks of a real Redis and a real Postgres, with each driver that an app may have."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.agent.checks.ready_made import made
from lifesign.agent.checks.registry import registry
from lifesign.agent.checks.results import Result
from lifesign.agent.checks.runner import Postcondition
from lifesign.checkspec import parse
from support.backends.ports import free_port
from support.waiting import eventually

DRIVERS = ("asyncpg", "psycopg", "psycopg2")
# Postgres will not run as root; Debian's package brings a user for it.
OWNER = "postgres" if os.geteuid() == 0 else None


def said(spec: str) -> Result:
    """What a post-condition of that check reports."""
    one = Postcondition("it", made(parse(spec)), timeout=20.0)
    (result,) = asyncio.run(registry.run([one], None)).results
    return result


@contextlib.contextmanager
def serving(command: list[str], spec: str, user: str | None = None) -> Iterator[None]:
    """Runs a server until the context ends; it begins when the check `spec` holds."""
    with open(os.devnull, "wb") as nowhere:
        server = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, user=user, cwd="/")
    try:
        eventually(lambda: said(spec).passed, seconds=60.0, every=0.05)
        yield
    finally:
        server.terminate()
        server.wait(30)


def test_redis_answers_with_and_without_a_password(stores: dict[str, str]) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    options = ["--port", str(port), "--save", "", "--dir", "/tmp", "--requirepass", "hunter/2"]
    assert said(f"redis://{address}").error == "ConnectionRefusedError"
    with serving([stores["redis"], *options], f"redis://:hunter%2F2@{address}/0"):
        assert said(f"redis://default:hunter%2F2@{address}").passed
        assert said(f"redis://{address}").reason == "NOAUTH Authentication required."
        wrong = said(f"redis://:hunter3@{address}")
        assert (wrong.passed, wrong.reason.partition(" ")[0]) == (False, "WRONGPASS")
        assert "hunter" not in wrong.reason


def test_redis_over_tls_shows_a_certificate_that_is_trusted(
    stores: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key, port = tmp_path / "cert.pem", tmp_path / "key.pem", free_port()
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=cache -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate]
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--save", "", "--dir", "/tmp"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving([stores["redis"], *options, *map(str, files)], f"rediss://127.0.0.1:{port}"):
        monkeypatch.delenv("SSL_CERT_FILE")
        assert said(f"rediss://127.0.0.1:{port}").error == "ssl.SSLCertVerificationError"


@pytest.fixture(scope="module")
def database(stores: dict[str, str]) -> Iterator[int]:
    """The port of a Postgres whose user `ann` has the password `hunter/2`."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        data, password = Path(folder) / "data", Path(folder) / "password"
        password.write_text("hunter/2")
        if OWNER:
            for path in (folder, password):
                subprocess.run(["chown", OWNER, path], check=True)
        made = [f"{stores['postgres']}/initdb", "-D", data, "-U", "ann", "--auth=scram-sha-256", "-N"]
        subprocess.run([*made, "--pwfile", password], check=True, stdout=subprocess.DEVNULL, user=OWNER, cwd="/")
        port = free_port()
        command = [f"{stores['postgres']}/postgres", "-D", str(data), "-p", str(port), "-k", folder, "-F"]
        with serving(command, f"postgres://ann:hunter%2F2@127.0.0.1:{port}/postgres", OWNER):
            yield port


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only driver that the app has."""
    for name in DRIVERS:
        if name != request.param:
            monkeypatch.setitem(sys.modules, name, None)
    return str(request.param)


def test_postgres_answers_by_each_driver(database: int, driver: str) -> None:
    address = f"127.0.0.1:{database}"
    assert said(f"postgresql://ann:hunter%2F2@{address}/postgres") == Result("it", True)
    assert driver in sys.modules

    wrong = said(f"postgres://ann:hunter3@{address}/postgres")
    assert not wrong.passed
    assert "password authentication failed" in wrong.reason
    assert "hunter3" not in wrong.reason

    missing = said(f"postgres://ann:hunter%2F2@{address}/nosuch")
    assert 'database "nosuch" does not exist' in missing.reason


def test_postgres_that_is_not_there_is_refused(driver: str) -> None:
    away = said(f"postgres://ann:hunter%2F2@127.0.0.1:{free_port()}/postgres")
    assert not away.passed
    assert "refused" in away.reason.lower() or "Connect call failed" in away.reason
    assert "hunter" not in away.reason
