"""The session's cookie in one request and its answer.

It ends with the browser; how long the session lasts is the server's business. It is HttpOnly and SameSite=Lax, over TLS Secure
and bound to its host by `__Host-`.
"""

from __future__ import annotations

from msgspec import Struct

from hospes.http import Request, Response, SetCookie
from hospes.sessions.options import SessionOptions


class SessionCookie(Struct, frozen=True):
    """The cookie as one request has it.

    Args:
        name: Its name.
        value: What the visitor sent; "" for nothing.
        secure: Whether the request came over TLS.
    """

    name: str
    value: str
    secure: bool

    @classmethod
    def of(cls, request: Request, options: SessionOptions) -> SessionCookie:
        """The cookie of a request."""
        secure = request.scheme == "https"
        name = "__Host-" + options.cookie if secure else options.cookie
        return cls(name, request.cookies.get(name, ""), secure)

    def tell(self, response: Response, id: str) -> None:
        """Have the visitor keep an id.

        Raises:
            ValueError: for an id that may not stand in a cookie.
        """
        response.set_cookie(SetCookie(self.name, id, secure=self.secure))
        _keep_private(response)

    def remove(self, response: Response) -> None:
        """Have the visitor drop the cookie."""
        response.set_cookie(SetCookie(self.name, "", max_age=0, expires=0, secure=self.secure))
        _keep_private(response)


def _keep_private(response: Response) -> None:
    # RFC 9111 §7.3: Set-Cookie alone does not keep a shared cache from handing the answer, and the cookie, to others.
    response.headers.setdefault("Cache-Control", "private")
