"""The hosts that a site answers for: whoever names another one in Host is refused.

Host is the visitor's text. What is made of it, such as a link in a letter that resets a password, would lead wherever he likes;
and a page whose name was bound to this machine's address (DNS rebinding) would be let in.

Law: a name is compared whole, whatever its case and port. `*.example.org` is any name below example.org, and not that itself.
"""

from __future__ import annotations

import re
from typing import Final

from hospes.errors import HttpError
from hospes.filters.exemption import Paths, exactly
from hospes.http.handler import CallNext
from hospes.http.request import Request
from hospes.http.response import Response

_PATTERN: Final = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.ASCII)


class TrustedHosts:
    """A filter that refuses requests for other hosts: 421.

    Args:
        hosts: Names, addresses, or `*.example.org`.
        exempt: Paths that are answered under any name, as routes have them: those that a load balancer asks by address.

    Raises:
        TypeError: for hosts that are no str, a list of them for one.
        ValueError: for a host that is none, or none at all.
        SetupError: for a malformed pattern.
    """

    def __init__(self, *hosts: str, exempt: Paths = ()) -> None:
        if not hosts:
            raise ValueError("TrustedHosts(): name a host at least")
        if any(type(host) is not str for host in hosts):
            raise TypeError('TrustedHosts(…): give the hosts one by one, TrustedHosts("a.example", "*.b.example")')
        for host in hosts:
            if not _PATTERN.fullmatch(host.lower()):
                raise ValueError(
                    f"TrustedHosts({host!r}): a host is a name, an address or *.name, without scheme and port; "
                    "one beyond ASCII in its xn-- form"
                )
        lower = [host.lower() for host in hosts]
        self._names = frozenset(lower)
        self._below = tuple(host[1:] for host in lower if host.startswith("*."))
        self._is_exempt = exactly(exempt)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Let a request for one of the hosts pass.

        Raises:
            HttpError: 421 for another one.
        """
        if not self.trusts(request.host) and not self._is_exempt(request):
            raise HttpError(421, "Another host", "This server does not answer for the host that was asked for.")
        return await call_next(request)

    def trusts(self, host: str) -> bool:
        """Whether a host, with its port where it has one, is one of these."""
        name = host.lower()
        if not name.endswith("]"):  # an IPv6 address without a port has colons of its own
            name = name.rpartition(":")[0] or name
        name = name.removesuffix(".")
        return name in self._names or any(name.endswith(below) and len(name) > len(below) for below in self._below)
