"""Redaction: text loses what looks like a secret before it leaves the process. The one rule for all texts.

Passwords occur in messages of drivers, in source lines of a traceback, in arguments of a command. They are recognised
by their form: user and password in a URL, ``password=...`` and similar names, ``"password": "..."``, and the value of
an ``Authorization`` header. Anything else passes: this is a net, not a wall.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator

HIDDEN = "***"

# Patterns are compiled when there is something to search: most programs never have a secret to hide.
_READ_MAX = 20_000  # characters of a text that are searched; what lies behind them is cut off
_URL = r"(?<=://)[^\s/?#'\"<>]+(?=@)"  # postgres://user:password@host, to the last @ before the path
_QUOTED = r"\"(?:[^\"\\]|\\.)*(?:\"|$)|'(?:[^'\\]|\\.)*(?:'|$)"
# Behind a name: "password": "hunter2", password = 'hunter2', and password=hunter2 to where a word ends.
_VALUE = rf"[\"']?(?:\s*[=:]\s*[bru]?({_QUOTED})|=([^\s,;&'\")\]}}]+))"
_SCHEME = r"\s+([\w.~+/=-]{16,})"  # behind Bearer
_NAMES = (
    *("password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "credentials", "signature"),
    *(f"{whose}{joint}key" for whose in ("api", "access", "private", "secret") for joint in ("", "_", "-")),
)
_NAMES_WITHOUT_KEY = tuple(name for name in _NAMES if "key" not in name)
_WORDS = ("authorization", "auth", "sig")  # a name too, where no letter stands before it
_SCHEMES = ("bearer", "basic", "digest")
_OPTION = rf"(?i:--?(?:[\w-]*(?:{'|'.join(_NAMES)})|{'|'.join(_WORDS)}))"


def redacted(text: str) -> str:
    """The text without what looks like a secret."""
    text = text[:_READ_MAX]
    if "://" in text and "@" in text:
        text = re.sub(_URL, HIDDEN, text)
    shown, seen = [], 0
    for start, end in sorted(_secrets(text)):
        if start >= seen:
            shown += [text[seen:start], HIDDEN]
            seen = end
    return "".join((*shown, text[seen:]))


def redacted_arguments(arguments: Iterable[str]) -> list[str]:
    """The arguments of a command without what looks like a secret, also ``--password hunter2``."""
    shown: list[str] = []
    hide = False
    for argument in arguments:
        shown.append(HIDDEN if hide and not argument.startswith("-") else redacted(argument))
        hide = re.fullmatch(_OPTION, argument) is not None
    return shown


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the secrets in a text."""
    # Words are looked for in C and only what follows them by a pattern, which is a hundred times as slow.
    lower = text.lower()
    if len(lower) != len(text):  # a few letters of Unicode are two in lower case
        lower = text
    names = _NAMES if "key" in lower else _NAMES_WITHOUT_KEY
    for words, pattern in ((names, _VALUE), (_WORDS, _VALUE), (_SCHEMES, _SCHEME)):
        for word in words:
            for start in _places(lower, word):
                if words is not names and lower[start - 1 : start].isalnum():
                    continue
                match = re.compile(pattern).match(text, start + len(word))
                if match is not None:
                    yield match.span(match.lastindex or 0)


def _places(text: str, word: str) -> Iterator[int]:
    start = text.find(word)
    while start >= 0:
        yield start
        start = text.find(word, start + len(word))
