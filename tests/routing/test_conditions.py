"""Expressions on parameters and header fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.golden import check_golden

from hospes.errors import SetupError
from hospes.http.headers import Headers
from hospes.routing.conditions import Conditions, Expression, Operator, parse_expression, parse_field_expression


class Asked:
    """A request that knows what it was asked for."""

    def __init__(self, parameters: Mapping[str, Sequence[str]] | None = None, headers: Headers | None = None) -> None:
        self._parameters = parameters or {}
        self._headers = headers or Headers()
        self.asked: list[str] = []

    @property
    def parameters(self) -> Mapping[str, Sequence[str]]:
        self.asked.append("parameters")
        return self._parameters

    @property
    def headers(self) -> Headers:
        self.asked.append("headers")
        return self._headers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Expression("a", Operator.PRESENT)),
        ("!a", Expression("a", Operator.ABSENT)),
        ("a=b", Expression("a", Operator.EQUAL, "b")),
        ("a!=b", Expression("a", Operator.UNEQUAL, "b")),
        ("a^=b", Expression("a", Operator.BEGINS, "b")),
        ("a=", Expression("a", Operator.EQUAL, "")),
        ("a=b=c", Expression("a", Operator.EQUAL, "b=c")),
        ("a=b!=c", Expression("a", Operator.EQUAL, "b!=c")),
        (" a ^= b c ", Expression("a", Operator.BEGINS, "b c")),
        (" ! a ", Expression("a", Operator.ABSENT)),
        ("a^b", Expression("a^b", Operator.PRESENT)),
        ("数=值", Expression("数", Operator.EQUAL, "值")),
    ],
)
def test_expressions(text: str, expected: Expression) -> None:
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    ("text", "holds", "fails"),
    [
        ("a", [["x"], [""], ["x", "y"]], [[]]),
        ("!a", [[]], [["x"], [""]]),
        ("a=b", [["b"], ["x", "b"]], [[], ["x"], ["B"], [""]]),
        ("a!=b", [["x"], [""], ["x", "y"]], [[], ["b"], ["x", "b"]]),
        ("a^=b", [["b"], ["bc"], ["x", "bc"]], [[], ["xb"], [""]]),
        ("a=", [[""]], [[], ["x"]]),
    ],
)
def test_what_holds(text: str, holds: list[list[str]], fails: list[list[str]]) -> None:
    expression = parse_expression(text)
    assert all(expression.holds(given) for given in holds)
    assert not any(expression.holds(given) for given in fails)


@pytest.mark.parametrize(
    ("name", "text"),
    [("expression_empty", ""), ("expression_without_name", "=b"), ("expression_two_bangs", "!a=b"), ("expression_bang", "!")],
)
def test_mistakes(name: str, text: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse_expression(text, "main.py:3")
    check_golden(f"routing/{name}", str(caught.value))


@pytest.mark.parametrize("text", ["X Beta", "X-Beta:=1", "(a)=b"])
def test_a_field_expression_names_a_field(text: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse_field_expression(text, "main.py:3")
    assert caught.value.where == ("main.py:3",)
    with pytest.raises(SetupError, match="names no header field"):
        parse_field_expression(text)


def test_nothing_demanded_is_no_test() -> None:
    assert Conditions.parse((), (), True, False).compile() is None
    assert len(Conditions()) == 0


def test_all_or_one_parameter() -> None:
    both = Conditions.parse(("a=b", "c!=d"), (), True, True).compile()
    one = Conditions.parse(("a=b", "c!=d"), (), False, True).compile()
    assert both is not None
    assert one is not None
    assert both(Asked({"a": ["b"], "c": ["x"]}))
    assert not both(Asked({"a": ["b"], "c": ["d"]}))
    assert one(Asked({"a": ["b"], "c": ["d"]}))
    assert one(Asked({"c": ["x"]}))
    assert not one(Asked({}))


def test_names_of_fields_ignore_case() -> None:
    test = Conditions.parse((), ("X-Beta=1",), True, True).compile()
    assert test is not None
    assert test(Asked(headers=Headers({"x-BETA": "1"})))
    assert not test(Asked(headers=Headers({"x-beta": "2"})))
    assert Conditions.parse((), ("X-Beta=1",), True, True) == Conditions.parse((), ("x-beta=1",), True, True)


def test_all_or_one_field() -> None:
    both = Conditions.parse((), ("A", "B"), True, True).compile()
    one = Conditions.parse((), ("A", "B"), True, False).compile()
    assert both is not None
    assert one is not None
    request = Asked(headers=Headers({"a": "1"}))
    assert not both(request)
    assert one(request)


def test_parameters_and_fields_must_both_agree() -> None:
    test = Conditions.parse(("a",), ("X-Beta",), False, False).compile()
    assert test is not None
    assert test(Asked({"a": ["1"]}, Headers({"X-Beta": "1"})))
    assert not test(Asked({"a": ["1"]}))
    assert not test(Asked({}, Headers({"X-Beta": "1"})))


def test_the_request_is_asked_only_for_what_is_named() -> None:
    of_fields, of_params = Conditions.parse((), ("A",), True, True), Conditions.parse(("a",), (), True, True)
    for conditions, expected in ((of_fields, ["headers"]), (of_params, ["parameters"])):
        test, request = conditions.compile(), Asked()
        assert test is not None
        test(request)
        assert request.asked == expected


def test_order_repetition_and_a_lone_any_make_no_difference() -> None:
    assert Conditions.parse(("a", "b", "a"), (), True, True) == Conditions.parse(("b", "a"), (), True, True)
    assert Conditions.parse(("a",), (), False, False) == Conditions.parse(("a",), (), True, True)
    assert Conditions.parse(("a", "b"), (), False, True) != Conditions.parse(("a", "b"), (), True, True)
