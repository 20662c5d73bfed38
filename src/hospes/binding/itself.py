"""What binds in its own way: types that come from a request by themselves, and bindings that a program writes for a type.

Laws:

* Extraction belongs to the type. Whoever has `__from_request__` is bound by it, and binding knows nothing more about the type.
* A model binding is made for one argument of one request, asked once, and thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from hospes.http.request import Request
from hospes.http.response import Response

M = TypeVar("M", bound="type[ModelBinding]")


@runtime_checkable
class BindsItself(Protocol):
    """A type whose values come from a request by themselves, such as `User` and `Session`.

    What it has to undo or to save when the answer is made it registers with `request.finish_with`. A type that looks at the
    content says so by a class attribute, `__reads__ = Reads.CONTENT`: then that has been read, unless the handler takes it piece
    by piece.
    """

    @classmethod
    def __from_request__(cls, request: Request) -> Any:
        """The value for a request, or an awaitable of it. An `HttpError` it raises is the answer."""
        ...


class ModelBinding:
    """Base of a binding that a program writes for a type of its own; it overrides `bind`.

    Args:
        request: The request.
        response: Fields, cookies and status set here are added to the answer.
        arg: Name of the handler's argument.
        arg_type: Its declared type.
        val: Its default value, None where it has none.
    """

    def __init__(self, request: Request, response: Response, arg: str, arg_type: type, val: Any) -> None:
        self.request = request
        self.response = response
        self.arg_name = arg
        self.arg_type = arg_type
        self.default_value = val

    def bind(self) -> Any:
        """The argument's value, or an awaitable of it. It is asked when the content has been read."""
        raise NotImplementedError(f"{type(self).__qualname__} has to define bind(), or async bind()")


class ModelBindings:
    """The bindings of one application.

    `for_type[Person]` is asked for arguments of type Person; `default` last of all, for types nothing else can make.
    """

    def __init__(self) -> None:
        self.for_type: dict[type, type[ModelBinding]] = {}
        self.default: type[ModelBinding] | None = None

    def model_binding(self, kind: type) -> Callable[[M], M]:
        """Decorate a `ModelBinding` that makes arguments of type `kind`."""

        def register(binding: M) -> M:
            self.for_type[kind] = binding
            return binding

        return register

    def default_model_binding(self, binding: M) -> M:
        """Decorate the `ModelBinding` that makes arguments nothing else can make."""
        self.default = binding
        return binding


_INJECTED = "hospes.response"


def injected_response(request: Request) -> Response:
    """The response object that handlers of a request may ask for: what they set there is added to the answer.

    A status and a content set there count where the handler itself gives none. One object per request.
    """
    injected: Response | None = request.state.get(_INJECTED)
    if injected is None:
        injected = request.state[_INJECTED] = Response()

        async def complete(response: Response | None) -> None:
            if response is not None:
                _merge(injected, response)

        request.finish_with(complete)
    return injected


def _merge(injected: Response, response: Response) -> None:
    """Add what was set on the injected response; what the answer says itself stands."""
    if response is injected:
        return
    if response.content == b"" and injected.content != b"":
        response.content = injected.content
        if injected.content_type:
            response.content_type = injected.content_type
    if response.status == 200:
        response.status = injected.status
    own = {name.lower() for name in response.headers}
    for name, value in injected.lines():
        # Each cookie is a line of its own (RFC 6265 §3).
        if name == "Set-Cookie" or name.lower() not in own:
            response.headers.add(name, value)
