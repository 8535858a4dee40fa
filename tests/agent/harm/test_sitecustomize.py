"""What Python imports at its start, in every version that may find it on its path."""

from __future__ import annotations

import ast

from support.victims import INJECT

SOURCE = (INJECT / "sitecustomize.py").read_text()
NEWER = (ast.AnnAssign, ast.AsyncFunctionDef, ast.JoinedStr, ast.NamedExpr, ast.Nonlocal)


def test_it_is_written_for_old_versions_too() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 4))
    assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, NEWER)] == []
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        assert function.returns is None
        assert function.args.kwonlyargs == []
        assert all(argument.annotation is None for argument in function.args.args)
