"""Ready-made checks as they are written: what is understood, what each is named, and what is never repeated."""

from __future__ import annotations

import pytest

from lifesign.checkspec import Spec, parse, parse_list
from lifesign.errors import MalformedError, SettingError
from lifesign.settings import Settings
from support.rows import rows


@rows(
    ("text", "spec"),
    [
        ("tcp:5432", Spec("tcp", "tcp:5432", "localhost", 5432)),
        (" tcp:db.local:5432 ", Spec("tcp", "tcp:db.local:5432", "db.local", 5432)),
        ("tcp:[::1]:80", Spec("tcp", "tcp:[::1]:80", "::1", 80)),
        ("unix:/run/a.sock", Spec("unix", "unix:/run/a.sock", path="/run/a.sock")),
        ("file:/run/alive", Spec("file", "file:/run/alive", path="/run/alive")),
        ("file:/run/a<b<60s", Spec("file", "file:/run/a<b", path="/run/a<b", age=60.0)),
        ("file:alive<0.5", Spec("file", "file:alive", path="alive", age=0.5)),
    ],
)
def test_what_needs_no_url(text: str, spec: Spec) -> None:
    assert parse(text) == spec


@rows(
    ("text", "label", "target"),
    [
        ("http://web/health?token=t", "http://web/health", ("web", 80, "/health?token=t")),
        ("http:http://web:8080", "http://web:8080", ("web", 8080, "/")),
        ("http:https://web/x", "https://web/x", ("web", 443, "/x")),
        ("https://u:p@web/", "https://web/", ("web", 443, "/")),
        ("http://[::1]:8/", "http://[::1]:8/", ("::1", 8, "/")),
        ("redis://:p@cache/0", "redis://cache/0", ("cache", 6379, "/0")),
        ("rediss://cache:7000", "rediss://cache:7000", ("cache", 7000, "/")),
        ("postgres://u:p@db/shop", "postgres://db/shop", ("db", 5432, "/shop")),
        ("postgresql:///shop", "postgresql:///shop", ("localhost", 5432, "/shop")),
    ],
)
def test_a_url_is_named_without_what_is_secret_in_it(text: str, label: str, target: tuple[str, int, str]) -> None:
    spec = parse(text)
    assert (spec.label, (spec.host, spec.port, spec.path)) == (label, target)


def test_user_and_password_are_unquoted() -> None:
    spec = parse("redis://a%40b:s%2Fc@cache")
    assert (spec.user, spec.password) == ("a@b", "s/c")


@rows(
    ("text", "wanted"),
    [
        ("", "wants tcp:PORT, http:URL"),
        ("5432", "wants tcp:PORT, http:URL"),
        ("ftp://hunter2@x", "wants tcp:PORT, http:URL"),
        ("tcp:", "wants tcp:PORT or tcp:HOST:PORT"),
        ("tcp::80", "wants tcp:PORT or tcp:HOST:PORT"),
        ("tcp:db:0", "wants tcp:PORT or tcp:HOST:PORT"),
        ("tcp:70000", "wants tcp:PORT or tcp:HOST:PORT"),
        ("unix:", "wants unix:PATH"),
        ("file:/a<soon", "wants file:PATH or file:PATH<60s"),
        ("file:/a<0s", "wants file:PATH or file:PATH<60s"),
        ("file:<5s", "wants file:PATH or file:PATH<60s"),
        ("http:localhost", "wants http://HOST"),
        ("http://", "wants http://HOST"),
        ("http://web/a b", "wants http://HOST"),
        ("https://web:hunter2/", "wants https://HOST"),
        ("redis://u:hunter2@", "wants redis://"),
        ("postgres://u:hunter2@a:1:2/db", "wants postgres://"),
    ],
)
def test_what_is_malformed_says_what_to_write_and_repeats_nothing(text: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=r"^wants ") as raised:
        parse(text)
    assert str(raised.value).startswith(wanted)
    assert "hunter2" not in str(raised.value)


def test_a_list_gives_names_and_takes_labels_for_the_rest() -> None:
    found = parse_list("db=tcp:5432, http://web/x?a=b,, cache node = redis://cache,")
    assert {name: spec.label for name, spec in found.items()} == {
        "db": "tcp:5432",
        "http://web/x": "http://web/x",
        "cache node": "redis://cache",
    }


def test_of_a_list_the_rest_is_kept() -> None:
    with pytest.raises(MalformedError, match=r"^wants tcp:PORT or tcp:HOST:PORT \(check number 2\)$") as raised:
        parse_list("db=tcp:1,tcp:x,db=tcp:2,tcp:3")
    assert list(raised.value.rest) == ["db", "tcp:3"]
    with pytest.raises(MalformedError, match="a name of its own"):
        parse_list("tcp:1,tcp:1")


def test_the_setting_is_strict_for_the_sidecar_and_lenient_for_the_main_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = {"LIFESIGN_CHECKS": "tcp:1,redis://u:hunter2@"}
    with pytest.raises(SettingError) as raised:
        Settings(environ=environ)
    assert raised.value.what == (
        "LIFESIGN_CHECKS=(not shown) cannot be used: it wants redis://[USER:PASSWORD@]HOST (check number 2)"
    )
    assert list(Settings(environ=environ, strict=False).checks) == ["tcp:1"]
    assert "LIFESIGN_CHECKS" in caplog.text
    assert "hunter2" not in caplog.text
    assert Settings(environ={}).checks == {}
