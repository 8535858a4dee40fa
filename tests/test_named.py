"""A named tuple that is made with the first of them is what typing's is."""

from __future__ import annotations

import copy
import gc
import pickle
import typing

import pytest

from lifesign import named


class Place(named.NamedTuple):
    """Where something is."""

    file: str
    line: int = 1
    library: bool = False

    @property
    def shown(self) -> str:
        return f"{self.file}:{self.line}"


class Asked(named.NamedTuple):
    at: int


class AskedAgain(Asked):
    pass


class Typings(typing.NamedTuple):
    file: str
    line: int = 1
    library: bool = False


def test_it_is_a_tuple_with_names_like_typings() -> None:
    with pytest.raises(TypeError, match="file"):
        Place()  # type: ignore[call-arg]
    place, same = Place("app.py", library=True), Typings("app.py", library=True)
    assert place == same == ("app.py", 1, True)
    assert repr(place) == "Place(file='app.py', line=1, library=True)"
    assert (place.file, place.line, place.library, place.shown) == ("app.py", 1, True, "app.py:1")
    assert place._replace(line=7) == ("app.py", 7, True)
    assert place._asdict() == same._asdict()
    assert (Place._fields, Place._field_defaults) == (Typings._fields, Typings._field_defaults)
    assert (Place.__doc__, Place.__module__) == ("Where something is.", __name__)
    assert {name for name in dir(Typings) if not name.startswith("__")} - set(dir(Place)) == set()
    assert not hasattr(place, "__dict__")
    assert pickle.loads(pickle.dumps(place)) == copy.copy(place) == place


def test_the_first_may_be_made_of_a_list_or_be_of_a_class_below() -> None:
    assert repr(AskedAgain._make([3])) == "AskedAgain(at=3)"
    assert Asked(at=4).at == 4
    assert type(AskedAgain(5)) is AskedAgain


class Collected(named.NamedTuple):
    at: int


def test_what_is_collected_meanwhile_takes_nothing_from_it() -> None:
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        assert repr(Collected(6)._replace(at=7)) == "Collected(at=7)"
    finally:
        gc.set_threshold(*before)
