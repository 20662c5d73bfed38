"""`ModelBinding`: the base of a program's own bindings."""

from __future__ import annotations

from typing import Any

from hospes.compat.simple_http_server.incoming import Request
from hospes.compat.simple_http_server.outgoing import Response


class ModelBinding:
    """Makes one argument of a handler; a program overrides `bind`.

    Args:
        request: The request.
        response: Its injected response.
        arg: The argument's name.
        arg_type: Its declared type.
        val: Its default value, None where it has none.
    """

    def __init__(self, request: Request, response: Response, arg: str, arg_type: type, val: Any = None) -> None:
        self.request = request
        self.response = response
        self.arg = self.arg_name = arg
        self.arg_type = arg_type
        self.val = self.default_value = val

    def bind(self) -> Any:
        """The argument; may be `async`."""
        raise NotImplementedError(f"{type(self).__qualname__} has to define bind(), or async bind()")
