"""Conditions: the expressions that a route may put on a request's parameters and header fields.

    a       is there                        !a      is not there
    a=b     is there, one value is b        a!=b    is there, no value is b
    a^=b    is there, one value begins with b

Laws:

* All expressions of one kind must hold, or one of them where the route says so; parameters and fields must both agree.
* Names of parameters are exact, names of fields ignore case (RFC 9110 §5.1); values are always exact.
* The request is asked only for what the expressions name: a route without conditions decodes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol, TypeAlias

from msgspec import Struct

from hospes.errors import SetupError
from hospes.lazily import regexp

_TOKEN = regexp(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2


class FieldLines(Protocol):
    """Header fields, as far as conditions read them."""

    def get_all(self, name: str, /) -> Sequence[str]:
        """The values of a field, whatever the case of its name; none where it is not there."""
        ...


class Conditioned(Protocol):
    """A request, as far as conditions read it."""

    @property
    def parameters(self) -> Mapping[str, Sequence[str]]:
        """Every parameter with its values."""
        ...

    @property
    def headers(self) -> FieldLines:
        """The header fields."""
        ...


Condition: TypeAlias = Callable[[Conditioned], bool]


class Operator(Enum):
    """What an expression demands."""

    PRESENT = ""
    ABSENT = "!"
    EQUAL = "="
    UNEQUAL = "!="
    BEGINS = "^="


class Expression(Struct, frozen=True):
    """One expression, read."""

    name: str
    operator: Operator
    value: str = ""

    def holds(self, values: Sequence[str]) -> bool:
        """Whether the values of the parameter or field, none if it is not there, are as demanded."""
        match self.operator:
            case Operator.PRESENT:
                return bool(values)
            case Operator.ABSENT:
                return not values
            case Operator.EQUAL:
                return self.value in values
            case Operator.UNEQUAL:
                return bool(values) and self.value not in values
            case Operator.BEGINS:
                return any(value.startswith(self.value) for value in values)


def parse_expression(text: str, source: str = "") -> Expression:
    """Read an expression; blanks around its name and its value do not count.

    Args:
        text: `a`, `!a`, `a=b`, `a!=b` or `a^=b`; the first `=` is the operator's.
        source: `file:line` of the declaration, for the error.

    Raises:
        SetupError: if there is no name, or it is `!a=b`.
    """
    where = (source,) if source else ()
    left, equals, value = text.partition("=")
    operator = Operator.EQUAL if equals else Operator.PRESENT
    if equals and left.endswith(("!", "^")):
        operator, left = Operator(left[-1] + "="), left[:-1]
    if left.lstrip().startswith("!"):
        if equals:
            raise SetupError(f"The expression {text!r} has a '!' too many.", where=where, remedy="Write a!=b, or !a.")
        operator, left = Operator.ABSENT, left.lstrip()[1:]
    name = left.strip()
    if not name:
        raise SetupError(f"The expression {text!r} names nothing.", where=where, remedy="Write a, !a, a=b, a!=b or a^=b.")
    return Expression(name, operator, value.strip())


def parse_field_expression(text: str, source: str = "") -> Expression:
    """Read an expression on a header field.

    Raises:
        SetupError: as `parse_expression`, and if the name is none that a field can have.
    """
    expression = parse_expression(text, source)
    if not _TOKEN.fullmatch(expression.name):
        problem = f"The expression {text!r} names no header field."
        raise SetupError(problem, where=(source,) if source else (), remedy="A field name has no blanks or separators.")
    return expression


class Conditions(Struct, frozen=True):
    """All that a route demands of a request beside method and path. Two that demand the same are equal.

    Attributes:
        params: What must hold of parameters.
        headers: What must hold of header fields, names in lower case.
        all_params: Whether all of `params` must hold, or one.
        all_headers: Whether all of `headers` must hold, or one.
    """

    params: frozenset[Expression] = frozenset()
    headers: frozenset[Expression] = frozenset()
    all_params: bool = True
    all_headers: bool = True

    @classmethod
    def parse(
        cls, params: Sequence[str], headers: Sequence[str], all_params: bool, all_headers: bool, source: str = ""
    ) -> Conditions:
        """Read the expressions of a route.

        Raises:
            SetupError: if an expression is malformed.
        """
        fields = (parse_field_expression(text, source) for text in headers)
        of_params = frozenset(parse_expression(text, source) for text in params)
        of_headers = frozenset(Expression(each.name.lower(), each.operator, each.value) for each in fields)
        # With one expression, or none, "all" and "any" are the same: say "all", so that equal demands compare equal.
        return cls(of_params, of_headers, all_params or len(of_params) < 2, all_headers or len(of_headers) < 2)

    def __len__(self) -> int:
        return len(self.params) + len(self.headers)

    def compile(self) -> Condition | None:
        """The test of a request; None where nothing is demanded."""
        if not self:
            return None
        params, headers = tuple(self.params), tuple(self.headers)
        join_params, join_headers = all if self.all_params else any, all if self.all_headers else any

        def test(request: Conditioned) -> bool:
            if params:
                given = request.parameters
                if not join_params(each.holds(given.get(each.name, ())) for each in params):
                    return False
            if headers:
                lines = request.headers
                return join_headers(each.holds(lines.get_all(each.name)) for each in headers)
            return True

        return test
