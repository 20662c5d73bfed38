"""Filters that come with hospes: `async (request, call_next) -> response`, made with their options.

| file | what |
|---|---|
| `csrf` | refuses what another site's page made a visitor's browser send |
"""

from hospes.filters.csrf import CrossSiteRequest, Csrf, MissingToken, csrf_matches, csrf_token

__all__ = ["CrossSiteRequest", "Csrf", "MissingToken", "csrf_matches", "csrf_token"]
