"""TLS as `server.start` is told of it: files, or a context of the program's own, and names that it is for.

Law: with `ssl_check_hostname=True` a connection comes to be only for a name that the certificate is for. The names are those
that a client would accept: it is asked, in memory.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import lru_cache

from hospes.errors import SetupError
from hospes.server import Tls

_KEPT_NAMES = 64
_STEPS = 10
"""Of a handshake in memory; TLS needs three."""


def context_of(certfile: str, keyfile: str, keypass: str, check_hostname: bool) -> ssl.SSLContext:
    """The context for files.

    Raises:
        SetupError: if there is no certificate, or a file cannot be used.
    """
    if not certfile:
        raise SetupError(
            "ssl=True needs a certificate", remedy="give certfile= and keyfile=, or an ssl.SSLContext as ssl_context="
        )
    files = Tls(certfile, keyfile or None, keypass or None)
    context = files.context()
    if check_hostname:
        is_its_name = _name_test(files)

        def refuse_others(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> int | None:
            return None if name is not None and is_its_name(name) else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        context.sni_callback = refuse_others
    return context


def _name_test(files: Tls) -> Callable[[str], bool]:
    """A test whether a certificate is for a name."""
    server, client = files.context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(files.cert)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is trusted; only its names are in question

    @lru_cache(_KEPT_NAMES)
    def is_its_name(name: str) -> bool:
        try:
            return _shake_hands(client, server, name)
        except (ssl.SSLError, ValueError):
            return False

    return is_its_name


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """Whether a client comes to terms with a server of a name."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname=name)
    answering = server.wrap_bio(up, down, server_side=True)
    for _ in range(_STEPS):
        try:
            asking.do_handshake()
        except ssl.SSLWantReadError:
            try:
                answering.do_handshake()
            except ssl.SSLWantReadError:
                continue
        else:
            return True
    return False
