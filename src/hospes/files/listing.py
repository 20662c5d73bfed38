"""What is in a directory, as a page: for `app.files(…, listing=True)` and `hospes serve --listing`.

Laws:

* Whatever a name holds, it is text in the page and a path in a link: a name cannot be markup, nor lead elsewhere.
* Names that are not served are not shown: those that begin with a dot, links, and what is no file.
* The page runs nothing and loads nothing, and says so.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from hospes.files.opening import Entry
from hospes.http.response import HTML, Response

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>:root{{color-scheme:light dark;font:1rem/1.6 system-ui,sans-serif}}body{{max-width:48rem;margin:2rem auto;padding:0 1rem}}
ul{{list-style:none;padding:0}}</style>
<h1>{title}</h1>
<ul>
{items}</ul>
</html>
"""


def listing(entries: Iterable[Entry], names: Sequence[str]) -> Response:
    """The page of a directory.

    Args:
        entries: What is in it.
        names: The names that lead to it from the folder; none for the folder itself.
    """
    shown = sorted((each for each in entries if _is_served(each.name)), key=lambda each: (not each.is_directory, each.name))
    links = [each.name + "/" * each.is_directory for each in shown]
    # "./" in front: a name with a colon would be read as a scheme (RFC 3986 §4.2).
    items = [f'<li><a href="./{quote(link)}">{html.escape(link)}</a>\n' for link in links]
    if names:
        items.insert(0, '<li><a href="../">../</a>\n')
    title = html.escape("/" + "".join(f"{name}/" for name in names))
    page = _PAGE.format(title=title, items="".join(items))
    return Response(page.encode(), headers={"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}, content_type=HTML)


def _is_served(name: str) -> bool:
    """Whether `StaticFolder` would open it: see its laws."""
    try:
        name.encode()
    except UnicodeEncodeError:  # octets that are not UTF-8
        return False
    return not name.startswith(".") and not set(name) & {"/", "\\", "\0"}
