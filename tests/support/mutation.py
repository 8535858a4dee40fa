"""Alert rules with one clause less: every rule that somebody could write by forgetting something."""

from __future__ import annotations

import copy
from typing import Any, Iterator, NamedTuple

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    VectorSelector,
    parse,
)


class Mutant(NamedTuple):
    """A rule file that lacks something; `lost` says what."""

    rule: str
    lost: str
    content: dict[str, Any]


def mutants(content: dict[str, Any]) -> Iterator[Mutant]:
    """Each clause of each rule is left out once.

    A clause is an operand of ``and``, ``or``, ``unless``; a comparison; what an operation is matched ``on``; a
    label matcher, and each word of one that matches several; a window; an offset; and ``for``.

    Args:
        content: a Prometheus rule file.
    """
    for number, group in enumerate(content["groups"]):
        for place, rule in enumerate(group["rules"]):
            for lost, changed in _without_one(rule):
                copied = copy.deepcopy(content)
                copied["groups"][number]["rules"][place] = changed
                yield Mutant(rule.get("alert") or rule["record"], lost, copied)


def _without_one(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "for" in rule:
        yield f"for: {rule['for']}", {key: value for key, value in rule.items() if key != "for"}
    for lost, expression in _shorter(parse(rule["expr"])):
        parse(expression)  # what no longer is PromQL would prove nothing
        yield lost, {**rule, "expr": expression}


def _shorter(node: Expr) -> Iterator[tuple[str, str]]:
    """What was left out of an expression, and the expression without it."""
    text = str(node)
    if isinstance(node, BinaryExpr):
        yield from _shorter_operation(node)
    elif isinstance(node, Call):
        for argument in node.args:
            if isinstance(argument, MatrixSelector):
                yield text, str(argument).rpartition("[")[0] + _offset(str(argument))
            for lost, shorter in _shorter(argument):
                yield lost, text.replace(str(argument), shorter, 1)
    elif isinstance(node, (ParenExpr, AggregateExpr, SubqueryExpr)):
        for lost, shorter in _shorter(node.expr):
            yield lost, text.replace(str(node.expr), shorter, 1)
    elif isinstance(node, (VectorSelector, MatrixSelector)):
        yield from _shorter_selector(text)


_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")


def _shorter_operation(node: BinaryExpr) -> Iterator[tuple[str, str]]:
    left, right = str(node.lhs), str(node.rhs)
    middle = str(node)[len(left) : -len(right)]
    operator = middle.split()[0]
    # Without a comparison what is compared remains, and not what it is compared with.
    if operator in _COMPARISONS or operator in ("and", "unless", "or"):
        yield f"{middle.strip()} {right}", left
    if operator == "or":
        yield f"{left} {operator}", right
    if " on " in middle:
        yield middle.strip(), f"{left} {operator} {right}"
    for lost, shorter in _shorter(node.lhs):
        yield lost, f"{shorter}{middle}{right}"
    for lost, shorter in _shorter(node.rhs):
        yield lost, f"{left}{middle}{shorter}"


def _shorter_selector(text: str) -> Iterator[tuple[str, str]]:
    offset = _offset(text)
    if offset:
        yield offset, text.removesuffix(offset)
    braces, _, rest = text.rpartition("}")
    name, _, inside = braces.partition("{")
    matchers = inside.split(",") if inside else []
    for number, matcher in enumerate(matchers):
        others = matchers[:number] + matchers[number + 1 :]
        if name or others:
            yield matcher, f"{name}{{{','.join(others)}}}{rest}"
        label, regex, words = matcher.partition("=~")
        for word in words.strip('"').split("|") if regex and "(" not in words else ():
            fewer = "|".join(one for one in words.strip('"').split("|") if one != word)
            if fewer:
                changed = [*others[:number], f'{label}=~"{fewer}"', *others[number:]]
                yield f"{word} of {matcher}", f"{name}{{{','.join(changed)}}}{rest}"


def _offset(text: str) -> str:
    _, word, duration = text.rpartition(" offset ")
    return word + duration if word else ""
