"""What an ASGI application is told of its connection's encryption: the extension `tls`.

Laws:

* Only the connection that the application's own server holds counts. Where a trusted proxy speaks for somebody else, by
  fields or by a preamble, the certificate may be the proxy's own, and nothing is told.
* What `ssl` does not say is None: the certificate that was shown (it may have been read again since).
* A client certificate is there only where it was asked for and is valid: with another one there is no connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import ssl

_VERSIONS: Final = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_SUITES: Final = {"TLS_AES_128_GCM_SHA256": 0x1301, "TLS_AES_256_GCM_SHA384": 0x1302, "TLS_CHACHA20_POLY1305_SHA256": 0x1303}
"""Those of TLS 1.3, which nearly every request comes over (RFC 8446 §B.4); to have `ssl` list all takes 40 µs."""
_SHORT: Final = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
"""The attributes with a short name (RFC 4514 §3); others keep the name that `ssl` gives them."""


def tls_extension(connection: ssl.SSLObject) -> dict[str, Any]:
    """The value of `scope["extensions"]["tls"]`.

    Args:
        connection: What `ssl` knows of the connection.
    """
    chain: list[str] = []
    name: str | None = None
    certificate = connection.getpeercert(True)
    if certificate is not None:
        from ssl import DER_cert_to_PEM_cert

        chain.append(DER_cert_to_PEM_cert(certificate))
        told = connection.getpeercert() or {}
        name = distinguished_name(cast("Iterable[Iterable[tuple[str, str]]]", told.get("subject", ())))
    return {
        "server_cert": None,
        "client_cert_chain": chain,
        "client_cert_name": name,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(connection.version() or ""),
        "cipher_suite": _suite(connection),
    }


def distinguished_name(subject: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A subject as RFC 4514 writes it: the last part first, "CN=Ada,O=Example".

    Args:
        subject: Its parts, as `ssl` gives them.
    """
    parts = ["+".join([f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in part]) for part in subject]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    """A value in a distinguished name (RFC 4514 §2.4)."""
    escaped = "".join(["\\" + each if each in '"+,;<>\\' else each for each in value]).replace("\0", "\\00")
    if escaped.startswith((" ", "#")):
        escaped = "\\" + escaped
    if value.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def _suite(connection: ssl.SSLObject) -> int | None:
    """The number of the cipher suite in IANA's registry."""
    cipher = connection.cipher()
    if cipher is None:
        return None
    if cipher[0] in _SUITES:
        return _SUITES[cipher[0]]
    # The lower half of OpenSSL's number is IANA's.
    return next((each["id"] & 0xFFFF for each in connection.context.get_ciphers() if each["name"] == cipher[0]), None)
