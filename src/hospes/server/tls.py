"""TLS: the certificate to show, and the settings that hold everywhere.

Laws:

* TLS 1.2 or newer, with forward secrecy; no compression, no renegotiation, no session tickets for 1.2 with a long-lived key.
* ALPN offers `http/1.1`. A peer that offers only others is told of none, and served all the same: the alert that RFC 7301 §3.2
  asks for then cannot be had from Python's `ssl`, which passes over what does not match.
* A mistake in the files is found at start, with their names; a reload that fails leaves the certificate in place that was there.
* `ssl` is imported when TLS is used, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Final

from hospes.errors import SetupError, check_kind

if TYPE_CHECKING:
    import ssl

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!MD5:!DSS"
"""For TLS 1.2: ephemeral keys and authenticated ciphers only. TLS 1.3 has no others."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate and its key.

    Args:
        cert: Path of the certificate, PEM, with the chain up to the root behind it.
        key: Path of its private key, PEM; by default it is in the certificate's file.
        password: Of the key, or a function that gives it; None, the default, where the key is not encrypted.

    Raises:
        SetupError: for what is no path.
    """

    cert: str
    key: str | None = None
    password: str | Callable[[], str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_kind("Tls(cert={})", self.cert, (str, PathLike), '"cert.pem"')
        check_kind("Tls(key={})", self.key, (str, PathLike, NoneType), '"key.pem"')

    def context(self) -> ssl.SSLContext:
        """Make the context a server uses.

        Raises:
            SetupError: if a file is missing, is not what it should be, or the two do not belong together.
        """
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Read the files, again too: handshakes from now on see what they hold now.

        Args:
            context: The context that `context()` made.

        Raises:
            SetupError: as `context`; then nothing has changed.
        """
        import ssl

        for name, path in (("cert", self.cert), ("key", self.key)):
            if path is not None and not Path(path).is_file():
                raise SetupError(f"Tls({name}={path!r}): there is no such file", remedy="Give the path of a PEM file.")
        try:
            # First into a throw-away context: a key that does not fit would leave the certificate half changed.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key, self._password)
            context.load_cert_chain(self.cert, self.key, self._password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise SetupError(
                f"Tls(cert={self.cert!r}, key={self.key!r}): {self._explain(error)}",
                remedy="The certificate and its own unencrypted key, or the key's password, are needed, both in PEM.",
            ) from error

    def _password(self) -> str:
        # Never let OpenSSL ask on the terminal: a server would hang there.
        return (self.password() if callable(self.password) else self.password) or ""

    def _explain(self, error: Exception) -> str:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            return "the key does not belong to the certificate"
        if isinstance(error, PermissionError):
            return "this process may not read it"
        if b"ENCRYPTED" in Path(self.key or self.cert).read_bytes():  # OpenSSL only says "PEM lib"
            return "the key is encrypted, and the password is wrong or wanting"
        return "the files hold no certificate with its key"
