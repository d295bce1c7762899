"""Expressions are read as people mean them, and any text gives a tree or a fault with a place in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.policy.syntax import DEEPEST, And, Compare, Expression, Fault, Name, Not, Or, parse


def shape(node: Expression) -> str:
    if isinstance(node, And | Or):
        sign = " & " if isinstance(node, And) else " | "
        return "(" + sign.join(shape(part) for part in node.parts) + ")"
    if isinstance(node, Not):
        return "!" + shape(node.inner)
    if isinstance(node, Compare):
        return f"{shape(node.left)}{node.operator}{len(node.values)}"
    return node.text if isinstance(node, Name) else node.name.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a and b or c and d", "((a & b) | (c & d))"),
        ("a and (b or c)", "(a & (b | c))"),
        ("not a and b", "(!a & b)"),
        ("not (a and b)", "!(a & b)"),
        ("not a == b", "!a==1"),
        ("a not in (b, c) or d in (e)", "(anot in2 | din1)"),
        ("f(x) >= 3 and g(x, y) or h(x, minutes=60) > limit", "((f>=1 & g) | h>1)"),
        ('language == "or"', "language==1"),
        ("a # all of it\n and b", "(a & b)"),
    ],
)
def test_and_binds_more_than_or_and_not_most(text: str, expected: str) -> None:
    assert shape(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        ("", 0, "the expression ends here"),
        ("a and", 5, "the expression ends here"),
        ("a b", 2, "does not fit"),
        ("(a", 2, 'expected ")"'),
        ("a)", 1, "does not fit"),
        ("70 <= score(x)", 0, "cannot stand here"),
        ("f(x,", 4, "expected a word"),
        ("f(x y)", 4, 'expected ","'),
        ("f(x=y)", 4, "expected a whole number"),
        ("a in b", 5, 'expected "("'),
        ("a not b", 6, 'expected "in"'),
        ("a >= ", 5, "expected a number or a word"),
        ("a >= 'b", 5, "never closed"),
        ("a >= 70x", 5, "no whole number"),
        ("a ≥ 7", 2, "unexpected character"),
    ],
)
def test_a_fault_says_where(text: str, start: int, words: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(text)
    assert (caught.value.start, words in caught.value.message) == (start, True)


@pytest.mark.parametrize("text", ["(" * 5_000 + "a" + ")" * 5_000, "not " * 5_000 + "a"])
def test_nothing_nests_without_end(text: str) -> None:
    with pytest.raises(Fault, match=f"deeper than {DEEPEST}"):
        parse(text)


PIECES = st.sampled_from(
    (
        *[
            "a",
            "and",
            "or",
            "not",
            "in",
            "(",
            ")",
            ",",
            "=",
            "==",
            ">=",
            "7",
            "f(",
            "x",
            ")",
            "minutes=60",
            "'q'",
            '"',
            "&",
            "é",
            "、",
            "#",
        ],
        "\n",
    )
)


def extent(text: str) -> tuple[int, int]:
    """Where the tree or the fault stands."""
    try:
        tree = parse(text)
    except Fault as fault:
        return fault.start, fault.end
    return tree.start, tree.end


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_text_gives_a_tree_or_a_fault_inside_it(text: str) -> None:
    start, end = extent(text)
    assert 0 <= start <= end <= len(text)
