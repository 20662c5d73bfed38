"""Declarations: what classes and their methods' routes come to, together."""

from __future__ import annotations

import pytest
from tests.app.support import mistake
from tests.golden import check_golden

from hospes.app.declarations import (
    ClassEntry,
    MethodMark,
    RouteOptions,
    class_options,
    expressions,
    join,
    method_set,
    note_method,
    unite,
)
from hospes.errors import SetupError

HOME, OTHER = object(), object()


@pytest.mark.parametrize(
    ("methods", "names"),
    [
        ("", set()),
        ("GET", {"GET"}),
        ("get, Post,", {"GET", "POST"}),
        (["get", "PURGE"], {"GET", "PURGE"}),
        (frozenset({"GET"}), {"GET"}),
        ((), set()),
    ],
)
def test_methods(methods: str | list[str], names: set[str]) -> None:
    assert method_set(methods) == names


@pytest.mark.parametrize(("value", "found"), [("", ()), ("a=b", ("a=b",)), (["a", "b"], ("a", "b")), (("a",), ("a",)), ([], ())])
def test_expressions(value: str | list[str], found: tuple[str, ...]) -> None:
    assert expressions(value) == found


@pytest.mark.parametrize(
    ("prefix", "url", "joined"),
    [
        ("", "/a", "/a"),
        ("/a", "", "/a"),
        ("/a", "/b", "/a/b"),
        ("/a/", "b", "/a/b"),
        ("/", "/b", "/b"),
        ("/a", "/", "/a/"),
        ("", "", ""),
    ],
)
def test_join(prefix: str, url: str, joined: str) -> None:
    assert join(prefix, url) == joined


def test_unite_adds_what_the_class_says() -> None:
    outer = RouteOptions(url="/a", methods=frozenset({"GET"}), headers=("X",), params=("p",), match_all_params=False)
    inner = RouteOptions(url="/b", headers=("Y",), params=("q",), status=201, source="here:1", match_all_headers=False)
    united = unite(outer, inner)
    assert (united.url, united.headers, united.params) == ("/a/b", ("X", "Y"), ("p", "q"))
    assert united.methods == {"GET"}
    assert (united.match_all_headers, united.match_all_params, united.status, united.source) == (False, False, 201, "here:1")
    assert unite(outer, RouteOptions(methods=frozenset({"PUT"}))).methods == {"PUT"}


def test_a_regexp_ignores_the_prefix() -> None:
    united = unite(RouteOptions(url="/a", params=("p",)), RouteOptions(regexp="x"))
    assert (united.url, united.regexp, united.params) == ("", "x", ("p",))


def declared(entry: ClassEntry) -> list[tuple[str, str, bool]]:
    return [
        (each.options.url, each.function.__qualname__.rpartition(">.")[2], each.takes_object) for each in entry.declarations()
    ]


class Base:
    def one(self) -> str:
        return "base"

    def two(self) -> str:
        return "base"

    def three(self) -> str:
        return "base"


for place, attribute in enumerate(("one", "two", "three")):
    note_method(Base, attribute, RouteOptions(url=f"/{place}"), HOME)


def test_a_class_that_is_not_declared_answers_for_its_own_methods() -> None:
    class Child(Base):
        def one(self) -> str:
            return "child"

    assert declared(ClassEntry(Child, HOME)) == []
    assert declared(ClassEntry(Base, OTHER)) == []
    assert declared(ClassEntry(Base, HOME)) == [("/0", "Base.one", True), ("/1", "Base.two", True), ("/2", "Base.three", True)]


def test_a_declared_class_answers_for_what_it_inherits_and_what_it_overrides() -> None:
    class Child(Base):
        def one(self) -> str:
            return "child"

        two = None  # type: ignore[assignment]  # taken away

        def three(self) -> str:
            return "child"

    note_method(Child, "three", RouteOptions(url="/other"), OTHER)
    entry = ClassEntry(Child, HOME)
    entry.declare("here:1")
    assert declared(entry) == [("/other", "Child.three", True), ("/0", "Child.one", True)]


def test_inheriting_takes_the_routes_away_from_a_class_that_is_not_declared() -> None:
    class Mixin:
        def one(self) -> None: ...

    class Child(Mixin): ...

    note_method(Mixin, "one", RouteOptions(url="/one"), HOME)
    mixin, foreign, child = ClassEntry(Mixin, HOME), ClassEntry(Mixin, OTHER), ClassEntry(Child, HOME)
    child.declare("here:1")
    note_method(Mixin, "one", RouteOptions(url="/two"), OTHER)
    assert declared(mixin) == []
    assert declared(foreign) == [("/two", "Mixin.one", True)]
    assert [each[0] for each in declared(child)] == ["/one", "/two"]
    mixin.declare("here:2")
    assert [each[0] for each in declared(mixin)] == ["/one", "/two"]
    assert declared(foreign) == []


def test_several_prefixes_and_none() -> None:
    class Items:
        def show(self) -> None: ...

    note_method(Items, "show", RouteOptions(url="/x"), HOME)
    entry = ClassEntry(Items, HOME)
    entry.declare("here:1")
    assert [each[0] for each in declared(entry)] == ["/x"]
    entry.prefixes += [RouteOptions(url="/a"), RouteOptions(url="/b")]
    assert [each[0] for each in declared(entry)] == ["/a/x", "/b/x"]


def test_static_and_class_methods_take_no_object() -> None:
    class Items:
        @staticmethod
        def static() -> str:
            return "static"

        @classmethod
        def of_class(cls) -> str:
            return cls.__name__

    for name in ("static", "of_class"):
        note_method(Items, name, RouteOptions(url=f"/{name}"), HOME)
    entry = ClassEntry(Items, HOME)
    assert [(each.function(), each.takes_object) for each in entry.declarations()] == [("static", False), ("Items", False)]


def test_a_mark_learns_its_class_and_goes() -> None:
    noted: list[tuple[type, str]] = []

    def method() -> None: ...

    mark = MethodMark(method, "here:1")
    mark.then(lambda owner, name: noted.append((owner, name)))
    mark.then(lambda owner, name: noted.append((owner, name.upper())))
    owner = type("Owner", (), {"x": mark})
    mark.check()
    assert noted == [(owner, "X"), (owner, "x")]
    assert owner.__dict__["x"] is method


def test_a_mark_that_never_came_to_its_class() -> None:
    def method() -> None: ...

    check_golden("app/method_without_class", mistake(MethodMark(method, "items.py:7").check))


def test_what_a_class_says() -> None:
    options = RouteOptions(url="/a", methods=frozenset({"GET"}), headers=("X",), params=("p",), match_all_params=False)
    assert class_options(options, "here:1").url == "/a"
    assert class_options(options, "here:1").source == "here:1"


@pytest.mark.parametrize(
    "options",
    [RouteOptions(regexp="x"), RouteOptions(status=201), RouteOptions(inline=True), RouteOptions(body_limit=None)],
)
def test_what_a_class_cannot_say(options: RouteOptions) -> None:
    with pytest.raises(SetupError) as caught:
        class_options(options, "items.py:7")
    check_golden("app/class_options", str(caught.value))
