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


def is_ours(origin: tuple[str, str], request: Request) -> bool:
    """Whether an origin is the host that a request is for."""
    scheme, host = origin
    # Behind a proxy that ends TLS we see http where the page has https; the other way round it is another page.
    if request.scheme == "https" and scheme != "https":
        return False
    return host == request.host.lower().removesuffix(_DEFAULT_PORTS[scheme])
