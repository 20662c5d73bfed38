"""The plan: a handler's signature, compiled once, executed for every request.

Laws:

* Whatever can be wrong with a signature is a `SetupError` when the application starts, with file and line and the remedy.
* A request that does not fit is refused once, with all that is wrong with it, before any provided object is made for it.
* A handler without parameters costs nothing; each simple parameter costs one call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Sequence
from operator import itemgetter
from types import GeneratorType
from typing import Any

from msgspec.structs import replace

from hospes.binding.content import is_form
from hospes.binding.errors import Unfit, limited
from hospes.binding.itself import ModelBindings
from hospes.binding.providing import Providers
from hospes.binding.signature import Argument, Site, arguments_of
from hospes.binding.source import Read, Reads, Source
from hospes.binding.sources import Chooser
from hospes.http.content import ContentReader
from hospes.http.problem import FieldError, InvalidRequest
from hospes.http.request import Request

_Kind = inspect.Parameter
MISSING = ("query", "missing")


class Plan:
    """How a handler's arguments are made of a request.

    Attributes:
        reads: What of the content must be read first; `prepare` does.
        sources: Where the arguments come from, in the order of `call`.
        takes_nothing: Whether there is no argument to make: then neither.
        needs_await: Whether an argument has to be waited for: then `bind_async`, else `bind`.
        call: The handler as a function of positional arguments: `call(*plan.bind(request))`. It is the handler itself where
            that has only such parameters; else a small function that puts
            keyword arguments, `*args` and `**kw` where they belong.
    """

    __slots__ = ("_objects", "_order", "_plain", "call", "needs_await", "reads", "sources", "takes_nothing")

    def __init__(self, handler: Callable[..., Any], arguments: Sequence[Argument], sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.reads = _reads(sources)
        self.needs_await = any(each.waits for each in sources)
        self.takes_nothing = not sources
        self._plain: tuple[Read, ...] = tuple(each.read for each in sources if not each.is_object)
        self._objects: tuple[tuple[Read, bool], ...] = tuple((each.read, each.waits) for each in sources if each.is_object)
        self._order = _order(sources)
        self.call = _positional(handler, arguments)

    async def prepare(self, request: Request) -> None:
        """Read what `reads` says. Needed only for a request with content.

        Raises:
            HttpError: 413, 400 or 408 where the content is too large, malformed or late.
            ClientDisconnected: where the peer has gone.
        """
        if self.reads is Reads.OCTETS and is_form(request):
            # Let the form be read from the octets.
            request.content = ContentReader.of(await request.read())
            await request.read_form()
        elif self.reads is Reads.FORM or (self.reads is Reads.CONTENT and is_form(request)):
            await request.read_form()
        elif self.reads is not Reads.STREAM:
            await request.read()

    def bind(self, request: Request) -> Sequence[Any]:
        """Make the arguments, in the order of `call`.

        Raises:
            InvalidRequest: with all that is wrong with the request.
        """
        values: list[Any] = []
        try:
            for read in self._plain:
                values.append(read(request))  # noqa: PERF401 (where it failed must be known)
        except Unfit as first:
            raise self._invalid(request, len(values), first) from None
        if not self._objects:
            return values
        for read, _ in self._objects:
            values.append(read(request))
        return values if self._order is None else self._order(values)

    def bind_soon(self, request: Request) -> list[Any] | tuple[Any, ...] | Coroutine[Any, Any, Sequence[Any]]:
        """Make the arguments; where something has to be waited for, what is to be awaited for them.

        Raises:
            InvalidRequest: with all that is wrong with the request.
        """
        values: list[Any] = []
        try:
            for read in self._plain:
                values.append(read(request))  # noqa: PERF401 (where it failed must be known)
        except Unfit as first:
            raise self._invalid(request, len(values), first) from None
        for read, waits in self._objects:
            value = read(request)
            if waits and _has_to_be_awaited(value):
                return self._bind_rest(request, values, value)
            values.append(value)
        return values if self._order is None else self._order(values)

    async def bind_async(self, request: Request) -> Sequence[Any]:
        """Make the arguments, waiting for those that need it; it raises what `bind_soon` raises."""
        arguments = self.bind_soon(request)
        return arguments if isinstance(arguments, (list, tuple)) else await arguments

    async def _bind_rest(self, request: Request, values: list[Any], waiting: Any) -> Sequence[Any]:
        values.append(await waiting)
        for read, waits in self._objects[len(values) - len(self._plain) :]:
            value = read(request)
            values.append(await value if waits and _has_to_be_awaited(value) else value)
        return values if self._order is None else self._order(values)

    async def complete(self, request: Request, values: list[Any], shift: int, at: int) -> None:
        """Fill in provided objects from one on that has to be awaited.

        Args:
            request: Whose arguments they are.
            values: The arguments, in the order of `call`, behind as many places as `shift` says; those before `at` are there.
            shift: Where the first one is.
            at: Where the one is that has to be awaited.
        """
        values[at] = await values[at]
        for place, source in enumerate(self.sources[at - shift + 1 :], at + 1):
            if source.is_object:
                value = source.read(request)
                values[place] = await value if source.waits and _has_to_be_awaited(value) else value

    def _invalid(self, request: Request, position: int, first: Unfit) -> InvalidRequest:
        """Ask the remaining sources for their errors too."""
        errors: list[FieldError] = list(first.errors)
        for read in self._plain[position + 1 :]:
            try:
                read(request)
            except Unfit as error:
                errors.extend(error.errors)
        if request.content is not None and is_form(request):
            # What is nowhere is missed in the form: that is where whoever sends one has left it out.
            errors = [replace(each, source="form") if (each.source, each.message) == MISSING else each for each in errors]
        return InvalidRequest(limited(errors))


def compile_plan(
    handler: Callable[..., Any],
    site: Site,
    providers: Providers | None = None,
    model_bindings: ModelBindings | None = None,
) -> Plan:
    """Compile a handler's signature.

    Args:
        handler: Function, method, class or callable.
        site: What the route says.
        providers: Where provided objects come from; nowhere by default.
        model_bindings: Bindings the program has written; none by default.

    Raises:
        SetupError: for a parameter that can never be bound.
    """
    arguments = arguments_of(handler, site)
    sources = Chooser(site, providers, model_bindings).choose(arguments)
    return Plan(handler, arguments, sources)


def _has_to_be_awaited(value: object) -> bool:
    """As `inspect.isawaitable`, in a fifth of the time: the type tells, but for generators."""
    kind: type[object] = type(value)
    return hasattr(kind, "__await__") or (kind is GeneratorType and inspect.isawaitable(value))


def _reads(sources: Sequence[Source]) -> Reads:
    """The most that any source needs; the weak ones do not count where the handler streams."""
    streams = any(each.reads is Reads.STREAM for each in sources)
    return max((each.reads for each in sources if not (streams and each.is_weak)), default=Reads.NOTHING)


def _order(sources: Sequence[Source]) -> Callable[[Sequence[Any]], tuple[Any, ...]] | None:
    """From the order of asking (objects last) to the order of the parameters; None where they are the same."""
    asked = sorted(range(len(sources)), key=lambda index: sources[index].is_object)
    if asked == list(range(len(sources))):
        return None
    # There are two at least, so itemgetter gives a tuple.
    return itemgetter(*(asked.index(index) for index in range(len(sources))))


def _positional(handler: Callable[..., Any], arguments: Sequence[Argument]) -> Callable[..., Any]:
    kinds = [each.kind for each in arguments]
    if all(kind in {_Kind.POSITIONAL_ONLY, _Kind.POSITIONAL_OR_KEYWORD} for kind in kinds):
        return handler
    # What comes after *args or is keyword-only goes by name; the order of kinds is Python's own.
    first = next(index for index, kind in enumerate(kinds) if kind not in {_Kind.POSITIONAL_ONLY, _Kind.POSITIONAL_OR_KEYWORD})
    has_rest = kinds[first] is _Kind.VAR_POSITIONAL
    has_names = kinds[-1] is _Kind.VAR_KEYWORD
    names = [each.name for each in arguments if each.kind is _Kind.KEYWORD_ONLY]
    start = first + has_rest

    def call(*values: Any) -> Any:
        # A class's method gets its object in front.
        shift = len(values) - len(arguments)
        rest = values[shift + first] if has_rest else ()
        named = dict(zip(names, values[shift + start :], strict=False))
        if has_names:
            named.update(values[-1])
        return handler(*values[: shift + first], *rest, **named)

    return call
