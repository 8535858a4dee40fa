"""A table that one test goes through: a row costs what it does, and not what pytest takes for a test of its own."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Iterable, Sequence


def rows(
    names: str | Sequence[str], table: Iterable[Any], ids: Iterable[str] | Callable[[Any], str] = repr
) -> Callable[[Any], Any]:
    """In the place of `pytest.mark.parametrize`, for rows that leave nothing behind: they share their fixtures.

    All rows are run, whichever fail; the error names those that did, by `ids` or by what is in them.
    """
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    given = list(table)
    called = [ids(row)[:100] for row in given] if callable(ids) else list(ids)
    cells = [dict(zip(keys, row if len(keys) > 1 else (row,))) for row in given]
    assert cells, "a table without rows"
    assert len(keys) == 1 or all(len(row) == len(keys) for row in given), "a row with too few cells, or too many"

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def over_rows(**fixtures: Any) -> None:
            failed: dict[str, Exception] = {}
            for name, row in zip(called, cells):
                try:
                    test(**fixtures, **row)
                except Exception as error:
                    failed[name] = error
            _raise(failed)

        @functools.wraps(test)
        async def over_rows_in_loop(**fixtures: Any) -> None:
            failed: dict[str, Exception] = {}
            for name, row in zip(called, cells):
                try:
                    await test(**fixtures, **row)
                except Exception as error:
                    failed[name] = error
            _raise(failed)

        made = over_rows_in_loop if inspect.iscoroutinefunction(test) else over_rows
        signature = inspect.signature(test)
        fixtures = [one for name, one in signature.parameters.items() if name not in keys]
        made.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return made

    return decorate


def _raise(failed: dict[str, Exception]) -> None:
    if failed:
        raise AssertionError(f"{len(failed)} rows: {'; '.join(failed)}") from next(iter(failed.values()))
