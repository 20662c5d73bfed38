"""Filters that come with hospes: `async (request, call_next) -> response`, made with their options.

| file | what |
|---|---|
| `compress` | answers compressed as they leave; `encoding` and `encoded` make the codings |
| `cors` | which other sites' pages may read the answers |
| `csrf` | refuses what another site's page made a visitor's browser send |
| `hosts` | which hosts a site answers for |
| `ratelimit` | how often somebody may ask |
| `security` | fields that tell browsers to be careful |
| `timelimit` | how long a handler may take |
| `exemption` | paths that a filter leaves alone |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.filters.compress import Compress
    from hospes.filters.cors import Cors
    from hospes.filters.csrf import CrossSiteRequest, Csrf, MissingToken, csrf_matches, csrf_token
    from hospes.filters.hosts import TrustedHosts
    from hospes.filters.ratelimit import RateLimit
    from hospes.filters.security import SecurityHeaders
    from hospes.filters.timelimit import TimeLimit
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "compress": "Compress",
            "cors": "Cors",
            "csrf": "CrossSiteRequest Csrf MissingToken csrf_matches csrf_token",
            "hosts": "TrustedHosts",
            "ratelimit": "RateLimit",
            "security": "SecurityHeaders",
            "timelimit": "TimeLimit",
        },
    )

__all__ = [
    "Compress",
    "Cors",
    "CrossSiteRequest",
    "Csrf",
    "MissingToken",
    "RateLimit",
    "SecurityHeaders",
    "TimeLimit",
    "TrustedHosts",
    "csrf_matches",
    "csrf_token",
]
