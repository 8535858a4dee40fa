"""Ready-made checks as they are written: ``tcp:5432``, ``http://localhost:8080/health``, ``file:/run/alive<60s``.

Only their syntax, for both settings and agent; `agent.checks.ready_made` runs them. A URL may contain a password:
no label and no error of ours repeats it.
"""

from __future__ import annotations

import math
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from lifesign.errors import MalformedError

_LOCALHOST = "localhost"
_PORTS = {"http": 80, "https": 443, "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379}
_FORMS = {
    "tcp": "tcp:PORT or tcp:HOST:PORT",
    "http": "http://HOST[:PORT]/PATH",
    "https": "https://HOST[:PORT]/PATH",
    "unix": "unix:PATH",
    "file": "file:PATH or file:PATH<60s",
    "postgres": "postgres://USER:PASSWORD@HOST/DATABASE",
    "postgresql": "postgresql://USER:PASSWORD@HOST/DATABASE",
    "redis": "redis://[USER:PASSWORD@]HOST",
    "rediss": "rediss://[USER:PASSWORD@]HOST",
}
_KINDS = "tcp:PORT, http:URL, unix:PATH, file:PATH<60s, postgres://... or redis://..."


class Spec(NamedTuple):
    """One check. `label` names it and holds nothing secret; `age` is in seconds, None for any age."""

    kind: str
    label: str
    host: str = _LOCALHOST
    port: int = 0
    path: str = ""
    age: float | None = None
    url: str = ""
    user: str = ""
    password: str = ""


def parse(text: str) -> Spec:
    """One check.

    Raises:
        MalformedError: what is to be written instead.
    """
    kind, colon, rest = text.strip().partition(":") if isinstance(text, str) else ("", "", "")
    if not colon or kind not in _FORMS:
        raise MalformedError(_KINDS)
    if kind == "http" and rest.startswith(("http://", "https://")):
        return parse(rest)
    try:
        if kind == "tcp":
            return _tcp(rest)
        if kind in ("unix", "file"):
            return _path(kind, rest)
        return _url(kind, urlsplit(f"{kind}:{rest}"))
    except ValueError:
        # The reason of a library could repeat the text, and so a password.
        raise MalformedError(_FORMS[kind]) from None


def parse_list(text: str) -> dict[str, Spec]:
    """``tcp:5432,web=http://localhost/health`` by name; a check without one is named by its label.

    Raises:
        MalformedError: what is wrong with the first that cannot be used; the others are its `rest`.
    """
    found: dict[str, Spec] = {}
    wrong = ""
    for number, piece in enumerate(filter(None, (piece.strip() for piece in text.split(","))), 1):
        name, equals, written = piece.partition("=")
        if not equals or ":" in name:  # a URL may have an = too
            name, written = "", piece
        try:
            spec = parse(written)
            name = name.strip() or spec.label
            if name in found:
                raise MalformedError("a name of its own for each check, as in NAME=tcp:PORT")
            found[name] = spec
        except MalformedError as error:
            wrong = wrong or f"{error.wanted} (check number {number})"
    if wrong:
        raise MalformedError(wrong, found)
    return found


def _tcp(rest: str) -> Spec:
    host, colon, port = rest.rpartition(":")
    if (colon and not host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError
    return Spec("tcp", f"tcp:{rest}", host.strip("[]") or _LOCALHOST, int(port))


def _path(kind: str, rest: str) -> Spec:
    path, less, limit = rest.rpartition("<") if kind == "file" else (rest, "", "")
    if not less:
        path = rest
    age = float(limit.strip().removesuffix("s")) if less else None
    if not path or "\0" in path or (age is not None and not (math.isfinite(age) and age > 0)):
        raise ValueError
    return Spec(kind, f"{kind}:{path}", path=path, age=age)


def _url(kind: str, url: SplitResult) -> Spec:
    text = url.geturl()
    local = kind.startswith("postgres") and not url.netloc  # postgres:///DATABASE is the local socket
    if not (url.hostname or local) or not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError
    port = url.port or _PORTS[kind]
    bracketed = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    label = f"{kind}://{bracketed}{f':{url.port}' if url.port else ''}{url.path}"
    user, password = unquote(url.username or ""), unquote(url.password or "")
    target = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
    return Spec(kind, label, url.hostname or _LOCALHOST, port, target, None, text, user, password)
