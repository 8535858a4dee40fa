"""`typing.NamedTuple`, for what is loaded into every process that is watched.

The agent has some forty of them. To define one takes typing 0.1 ms, and 0.2 ms from 3.13 on, which was a sixth to a
quarter of the agent's start. Most are not used there: what makes tuples of one is itself made with the first of them.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import would cost every program that imports asyncio
if TYPE_CHECKING:
    from typing import Any
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter  # as `namedtuple` has it

    class _Meta(type):
        def __new__(mcs, name, bases, content):
            if not bases:
                return super().__new__(mcs, name, bases, content)
            fields = tuple(content.get("__annotations__", ()))
            content["_field_defaults"] = {field: content.pop(field) for field in fields if field in content}
            content.update({field: _tuplegetter(index, "") for index, field in enumerate(fields)})
            content.update(
                _fields=fields, __match_args__=fields, __slots__=(), __new__=_first, _make=classmethod(_make)
            )
            return type(name, (tuple,), content)

    class NamedTuple(metaclass=_Meta):
        """A tuple whose fields have names: those that are annotated in its class."""


_made: Any = namedtuple  # a call of it by its own name would be a class to a type checker


def _first(cls: Any, *values: Any, **named: Any) -> Any:
    """The first tuple of a class."""
    _complete(cls)
    return cls(*values, **named)


def _make(cls: Any, values: Any) -> Any:
    _complete(cls)
    return cls._make(values)


def _complete(cls: Any) -> None:
    """Gives the class what it has not yet. Another thread that does so at the same time does the same."""
    owner = next(one for one in cls.__mro__ if "_fields" in vars(one))
    # Kept until the end: a class that is collected takes away what is in it.
    made = _made(owner.__name__, owner._fields, defaults=owner._field_defaults.values())
    for name, value in vars(made).items():
        if name not in vars(owner):
            setattr(owner, name, value)
    owner._make, owner.__new__ = vars(made)["_make"], vars(made)["__new__"]
