"""What is made when it is first needed: modules of packages, regular expressions, and what annotations name.

Laws:

* What a program does not use costs its start nothing: `import hospes` reads one table; `App` brings what applications need.
* What was needed once is as quick as if it had been there from the beginning.
* A name of a package is looked for once; from then on it is the package's own, as if it had been imported at the top.
* A name in an annotation may come to be defined below it: in quotes, by `from __future__ import annotations`, and from
  Python 3.14 on always (PEP 649). Who looks at annotations early leaves such a name as it is.
* Type checkers see ordinary imports below `if TYPE_CHECKING`; a test holds table and imports to each other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, AnyStr, Generic, cast

if TYPE_CHECKING:
    from inspect import Signature


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package (PEP 562).

    Args:
        package: Its name.
        modules: By module of the package, the names that are taken from there, with blanks between them.
    """
    home = {name: module for module, names in modules.items() for name in names.split()}

    def find(name: str) -> Any:
        module = home.get(name)
        if module is not None:
            value = getattr(import_module(f"{package}.{module}"), name)
            setattr(sys.modules[package], name, value)
            return value
        if not name.startswith("_"):
            try:
                return import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return find, names


def regexp(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """A regular expression that is compiled when it is first used, as few of them are in any one program.

    Args:
        expression: As `re.compile` takes it. A mistake in it shows at its first use: each is used by some test.
        flags: The same.
    """
    return cast("re.Pattern[AnyStr]", _Regexp(expression, flags))


def signature_of(call: Callable[..., Any]) -> Signature:
    """The signature of something that can be called; a name in it that is not there yet stays a reference.

    Raises:
        TypeError, ValueError: where it has none that can be read.
    """
    from inspect import signature

    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return signature(call, annotation_format=Format.FORWARDREF)
    return signature(call)


def annotations_of(owner: object) -> Mapping[str, Any]:
    """The annotations of a function, a class or anything else; a name in them that is not there yet stays a reference."""
    if sys.version_info >= (3, 14) and (callable(owner) or hasattr(owner, "__annotate__")):
        from annotationlib import Format, get_annotations

        return get_annotations(owner, format=Format.FORWARDREF)
    found: Mapping[str, Any] = getattr(owner, "__annotations__", {})
    return found


def compile_expressions(package: str) -> None:
    """Compile what `regexp` has put off, in all modules of a package that are loaded: for who is about to serve."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{package}."):
            for each in list(vars(module).values()):
                if isinstance(each, _Regexp):
                    each.compile()


class _Regexp(Generic[AnyStr]):
    """In place of a `re.Pattern`: what it is asked for it takes from one, and keeps."""

    def __init__(self, expression: AnyStr, flags: int) -> None:
        self._given: tuple[AnyStr, int] = (expression, flags)

    def compile(self) -> re.Pattern[AnyStr]:
        """The pattern; `re` keeps it."""
        return re.compile(*self._given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # who copies it asks for its own
            raise AttributeError(name)
        value = getattr(self.compile(), name)
        setattr(self, name, value)
        return value
