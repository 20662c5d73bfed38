"""Early Hints: what an answer will link to, told before the answer is there (RFC 8297).

    HTTP/1.1 103 Early Hints
    Link: </style.css>; rel=preload; as=style
    Link: <https://cdn.example.org>; rel=preconnect

Laws:

* They are hints: a peer may do without, and so may a carrier. Whatever stands in their way, the answer is the same.
* Never to HTTP/1.0, which knows no interim answers (RFC 9110 §15.2); never behind the beginning of the answer.
* A Link's value is a field's value like any other: what could end its line is refused, before anything leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hospes.wire import is_field_value

if TYPE_CHECKING:
    from hospes.http.connection import Connection
    from hospes.wire import RequestHead


def give_hints(connection: Connection, head: RequestHead, links: Sequence[str]) -> None:
    """Send Early Hints for a request, where its carrier can.

    Args:
        connection: The request's.
        head: Its head, as it came.
        links: Values of Link fields.

    Raises:
        ValueError: for what may not stand in a Link field.
    """
    for link in links:
        if not _is_link(link):
            raise ValueError(f"early_hints({link!r}): a link is one line of text, such as '</style.css>; rel=preload; as=style'")
    if links and connection.hint is not None and head.minor:
        connection.hint(head, tuple(links))


def _is_link(link: object) -> bool:
    if not isinstance(link, str) or not link.startswith("<") or not is_field_value(link):
        return False
    try:
        link.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True
