"""Origins: which page made a browser send a request (RFC 6454, RFC 9110 has it from there).

Law: an origin is compared as scheme, host and port, in lower case, the scheme's own port left out. `null`, and whatever is
malformed, is nobody's.
"""

from __future__ import annotations

import re
from typing import Final

from hospes.http.request import Request
from hospes.lazily import regexp

_ORIGIN: Final = regexp(r"(https?)://([a-z0-9._~%!$&'()*+,;=\[\]:-]+)", re.ASCII)  # RFC 6454 §7.1
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def parse_origin(text: str) -> tuple[str, str] | None:
    """Scheme and host of an origin, the host with its port where that is not the scheme's own; None for what is no origin."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    return match[1], match[2].removesuffix(_DEFAULT_PORTS[match[1]])


def checked_origin(origin: str, option: str) -> tuple[str, str]:
    """An origin that a program names, as `parse_origin` has it.

    Args:
        origin: The origin.
        option: Where it stands, in errors: "Cors(origins=[…])".

    Raises:
        ValueError: if it is none.
    """
    parsed = parse_origin(origin)
    if parsed is None or "*" in origin:
        what = 'an origin is "https://host" or "https://host:port", with nothing behind it'
        more = "; there are no patterns: name each" if "*" in origin else ""
        raise ValueError(f"{option.replace('…', repr(origin))}: {what}{more}")
    return parsed


def is_ours(origin: tuple[str, str], request: Request) -> bool:
    """Whether an origin is the host that a request is for."""
    scheme, host = origin
    # Behind a proxy that ends TLS we see http where the page has https; the other way round it is another page.
    if request.scheme == "https" and scheme != "https":
        return False
    return host == request.host.lower().removesuffix(_DEFAULT_PORTS[scheme])
