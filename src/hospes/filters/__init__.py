"""Filters that come with hospes: `async (request, call_next) -> response`, made with their options.

| file | what |
|---|---|
| `compress` | answers compressed as they leave; `encoding` and `encoded` make the codings |
| `csrf` | refuses what another site's page made a visitor's browser send |
| `exemption` | paths that a filter leaves alone |
"""

from hospes.filters.compress import Compress
from hospes.filters.csrf import CrossSiteRequest, Csrf, MissingToken, csrf_matches, csrf_token

__all__ = ["Compress", "CrossSiteRequest", "Csrf", "MissingToken", "csrf_matches", "csrf_token"]
