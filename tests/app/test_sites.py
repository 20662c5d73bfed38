"""Where in the program a decorator stands."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from hospes.app.sites import called_of, is_method, program_frame, program_line, visible_names


def here() -> FrameType:
    return sys._getframe(1)


def test_the_program_is_what_lies_outside_of_the_package() -> None:
    assert program_frame() is here()
    file, _, line = program_line().rpartition(":")
    assert (file, int(line)) == (__file__, here().f_lineno - 1)


def test_functions_of_the_package_are_passed_over() -> None:
    scope: dict[str, Any] = {"__name__": "hospes.compat.somewhere", "program_frame": program_frame}
    exec("def inner(): return program_frame()\ndef outer(): return inner()", scope)
    assert scope["outer"]() is here()
    foreign: dict[str, Any] = {"__name__": "hospes_demo", "program_frame": program_frame}
    exec("def inner(): return program_frame()", foreign)
    assert foreign["inner"]() is not here()


def test_the_loop_that_runs_the_package_is_passed_over() -> None:
    scope: dict[str, Any] = {"__name__": "hospes.x", "program_line": program_line, "asyncio": asyncio}
    exec("async def main(): return program_line()\ndef run(): return asyncio.run(main())", scope)
    assert scope["run"]() == f"{__file__}:{here().f_lineno}"


def test_a_package_that_is_all_there_is() -> None:
    scope: dict[str, Any] = {"__name__": "hospes.x", "program_frame": program_frame, "found": []}
    import threading

    exec("def run(): found.append(program_frame())", scope)
    thread = threading.Thread(target=scope["run"])
    thread.start()
    thread.join()
    assert scope["found"][0].f_back is None or scope["found"][0].f_globals["__name__"] == "threading"


def marked(found: list[bool]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        found.append(is_method(function, sys._getframe(1)))
        return function

    return decorate


def test_methods_are_told_from_functions() -> None:
    found: list[bool] = []
    mark = marked(found)

    def plain() -> None: ...

    mark(plain)
    assert found.pop() is False

    class Local:
        @mark
        def method(self) -> None: ...

        @mark
        @staticmethod
        def static() -> None: ...

        class Inner:
            @mark
            def method(self) -> None: ...

        def makes(self) -> None:
            def nested() -> None: ...

            mark(nested)

    assert found == [True, True, True]
    found.clear()
    Local().makes()
    mark(Local.static)
    mark(Local().method)
    mark(object())
    assert found == [False, False, False, False]


def test_a_method_in_the_hands_of_another_function() -> None:
    found: list[bool] = []
    mark = marked(found)

    def both(function: Any) -> Any:
        return mark(function)

    class Local:
        @both
        def method(self) -> None: ...

    both(Local.method)
    assert found == [True, False]


def test_names_around_a_decorator() -> None:
    outer = "outer"
    seen: list[dict[str, Any]] = []

    class Local:
        inner = "inner"
        seen.append(visible_names(sys._getframe()))

    assert seen[0]["inner"] == Local.inner
    assert seen[0]["outer"] == outer
    assert visible_names(sys._getframe())["outer"] == "outer"


def test_a_modules_names_are_no_local_ones() -> None:
    scope: dict[str, Any] = {"visible_names": visible_names, "sys": sys}
    exec("found = visible_names(sys._getframe())\nclass C:\n    x = 1\n    found = visible_names(sys._getframe())", scope)
    assert scope["found"] == {}
    assert scope["C"].found["x"] == 1
    assert "sys" not in scope["C"].found


def test_of_a_class_its_constructor_counts() -> None:
    class Plain: ...

    class Made:
        def __init__(self, n: int) -> None: ...

    def function() -> None: ...

    assert called_of(Made) is Made.__init__
    assert called_of(Plain) is Plain
    assert called_of(function) is function
