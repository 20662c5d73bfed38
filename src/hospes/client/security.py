"""TLS as a client speaks it.

Laws:

* TLS 1.2 or newer; the certificate is verified and belongs to the host, unless the program brings a context that says otherwise.
* The authorities are read once for a client, and only when it first speaks TLS: that takes a tenth of a second.
"""

from __future__ import annotations

import ssl
from threading import Lock

import httpcore2


class Trust:
    """Gives the TLS context of a client.

    Args:
        given: The program's own; None for the system's authorities.
    """

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._given = given
        self._made: ssl.SSLContext | None = None
        self._lock = Lock()

    def context(self) -> ssl.SSLContext:
        """The context, made when it is first asked for."""
        with self._lock:
            if self._made is None:
                self._made = self._given or httpcore2.default_ssl_context()
                if self._made.minimum_version < ssl.TLSVersion.TLSv1_2:
                    self._made.minimum_version = ssl.TLSVersion.TLSv1_2
                self._made.set_alpn_protocols(["http/1.1"])
            return self._made


def placeholder() -> ssl.SSLContext:
    """What the library is given in its place, so that it makes none of its own; no connection ever uses it."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
