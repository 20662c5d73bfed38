"""The pages of `DEBUG=True`: what was raised and where, and which paths there are.

Law: they are shown to this machine alone, whoever else can reach the server; all of their text is escaped.
"""

from __future__ import annotations

import html
import ipaddress
import traceback
from collections.abc import Container, Iterable
from typing import Final

from hospes.compat.http_server.url import Path
from hospes.http.response import HTML, Response

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem }}
pre {{ font: .9rem/1.5 ui-monospace, monospace; background: #8882; padding: 1rem; overflow-x: auto }}
</style></head>
<body><h1>{title}</h1>{more}<p>This page is shown because of <code>DEBUG=True</code>, and to this machine alone.</p></body></html>
"""


_PROXIES: Final = ("forwarded", "via", "x-forwarded-for", "x-real-ip")


def is_here(host: str, names: Container[str] = (), asked: str = "localhost") -> bool:
    """Whether a request comes from this machine, and is meant for it.

    Args:
        host: The peer's address; that of a unix socket is this machine's own.
        names: Of the request's fields; a proxy on this machine that adds its own speaks for somebody else.
        asked: The host that the request is for. A name of somebody else's that leads here (DNS rebinding) would let his page read
            ours.
    """
    if any(name in names for name in _PROXIES) or not _is_own_name(asked.lower()):
        return False
    return host.startswith("/") or _is_loopback(host)


def _is_own_name(asked: str) -> bool:
    name = asked.partition("]")[0][1:] if asked.startswith("[") else asked.partition(":")[0].removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def failure_page(error: BaseException) -> Response:
    """What was raised, with its traceback."""
    title = html.escape("".join(traceback.format_exception_only(error)).strip())
    lines = html.escape("".join(traceback.format_exception(error)))
    return _page(500, title, f"<pre>{lines}</pre>")


def missing_page(path: str, route: Iterable[Path], folders: Iterable[str]) -> Response:
    """What there would be."""
    rows = [f"<li><code>{html.escape(each.pattern)}</code> {html.escape(each.name)}</li>" for each in route]
    rows += [f"<li><code>{html.escape(each)}/…</code> files</li>" for each in folders]
    return _page(404, f"Nothing matches {html.escape(path)}", f"<p>In this order:</p><ol>{''.join(rows)}</ol>")


def _page(status: int, title: str, more: str) -> Response:
    response = Response(_PAGE.format(title=title, more=more).encode(), status, content_type=HTML)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
