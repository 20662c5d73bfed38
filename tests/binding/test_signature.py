"""Signatures of all kinds of handlers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.golden import check_golden

from hospes.binding.signature import EMPTY, Argument, Site, arguments_of, local_names, name_of, return_type_of, source_of
from hospes.errors import SetupError

if TYPE_CHECKING:
    from decimal import Decimal


def plain(a: int, b: str = "x") -> bool:
    return bool(a and b)


def wrapper(inner: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(inner)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    return wrapped


class Callee:
    def __init__(self, size: int = 1) -> None:
        self.size = size

    def __call__(self, a: int) -> int:
        return a

    def method(self, a: int) -> int:
        return a

    @classmethod
    def made(cls, a: int) -> int:
        return a

    @staticmethod
    def static(a: int) -> int:
        return a


def unknown_name(amount: Decimal) -> None: ...


def unreadable(a) -> None: ...  # type: ignore[no-untyped-def]  # its annotation is set below


unreadable.__annotations__["a"] = "1 +"


def shape(handler: Callable[..., Any], site: Site | None = None) -> list[tuple[str, Any]]:
    return [(each.name, each.annotation) for each in arguments_of(handler, site or Site())]


@pytest.mark.parametrize(
    ("handler", "arguments"),
    [
        (plain, [("a", int), ("b", str)]),
        (wrapper(plain), [("a", int), ("b", str)]),
        (functools.partial(plain, 1), [("b", str)]),
        (functools.partial(plain, a=1), [("b", str)]),
        (functools.partial(wrapper(plain), b=1), [("a", int)]),
        (Callee, [("size", int)]),
        (Callee(), [("a", int)]),
        (Callee().method, [("a", int)]),
        (Callee.made, [("a", int)]),
        (Callee.static, [("a", int)]),
        (lambda x: x, [("x", EMPTY)]),
    ],
)
def test_all_kinds_of_handlers(handler: Callable[..., Any], arguments: list[tuple[str, Any]]) -> None:
    assert shape(handler) == arguments


def test_a_method_is_called_with_its_object() -> None:
    assert shape(Callee.method, Site(is_method=True)) == [("a", int)]


def test_variadic() -> None:
    def handler(*args: int, **kw: str) -> None: ...

    assert [each.is_variadic for each in arguments_of(handler, Site())] == [True, True]
    assert not arguments_of(plain, Site())[0].is_variadic


def test_classes_local_to_a_function() -> None:
    class Local: ...

    class Unused: ...

    def handler(a: Local, b: list[Local]) -> Local:
        return a or b[0]

    names = local_names(handler, locals())
    assert names == {"Local": Local}
    assert shape(handler, Site(namespace=names)) == [("a", Local), ("b", list[Local])]
    assert return_type_of(handler, names) is Local
    assert local_names(lambda x: x, locals()) == {}


def test_return_types() -> None:
    assert return_type_of(plain, {}) is bool
    assert return_type_of(Callee, {}) is Callee
    assert return_type_of(lambda: 1, {}) is EMPTY


def test_builtins_have_no_globals() -> None:
    assert shape(math.fabs) == [("x", EMPTY)]


def test_names_and_places() -> None:
    assert name_of(wrapper(plain)) == "plain"
    assert name_of(functools.partial(plain, 1)) == "plain"
    assert name_of(Callee()) == "Callee"
    assert name_of(test_names_and_places) == "test_names_and_places"
    for handler in (plain, Callee, Callee(), Callee().method):
        file, _, line = source_of(handler).rpartition(":")
        assert file == __file__
        assert int(line) > 1
    assert source_of(print) == "module builtins"


@pytest.mark.parametrize("handler", [unknown_name, unreadable, dict])
def test_what_cannot_be_read(handler: Callable[..., Any]) -> None:
    with pytest.raises(SetupError) as caught:
        arguments_of(handler, Site(source="/srv/app/main.py:7"))
    check_golden(f"binding/signature_{handler.__name__}", str(caught.value))


def test_problems_name_the_parameter() -> None:
    argument = Argument("a", int, EMPTY, None, "f", ("x.py:1",))
    error = argument.problem("is wrong", "mend it")
    assert (error.problem, error.where, error.remedy) == ("parameter 'a' of f() is wrong", ("x.py:1",), "mend it")


@pytest.mark.parametrize(
    ("methods", "has_content"),
    [("", True), ("GET", False), ("GET HEAD", False), ("GET POST", True), ("BREW", True), ("DELETE", True)],
)
def test_sites_with_content(methods: str, has_content: bool) -> None:
    assert Site(methods=frozenset(methods.split())).has_content is has_content
