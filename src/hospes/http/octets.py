"""A request made of octets, for those who have no carrier: the test client, and whoever replays what was recorded.

Law: the head goes through the wire, as from the network. What a peer could not send, nobody makes here.
"""

from __future__ import annotations

from hospes.http.content import ContentReader
from hospes.http.request import Connection, Request
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader


def request_of(head: bytes, content: bytes, connection: Connection) -> Request:
    """Make a request.

    Args:
        head: Request line and field lines, up to and with the empty line.
        content: All of the content, its chunks undone where the head says that it comes in chunks.
        connection: Whom it seems to come from, and the limits that hold.

    Raises:
        ProtocolError: for a head that breaks the protocol, or a limit.
        ValueError: for a head that is not complete or not all, or content that is not as long as the head says.
    """
    event = head_of(head, connection.limits)
    if not event.chunked and (event.content_length or 0) != len(content):
        raise ValueError(f"the head announces {event.content_length or 0} octets of content, and there are {len(content)}")
    return Request(event, _content(event, content, connection.limits.body), connection)


def _content(head: RequestHead, octets: bytes, limit: int) -> ContentReader | None:
    if not head.has_content:
        return None
    content = ContentReader(None, head.content_length, limit)
    content.feed(octets)
    content.end([])
    return content


def head_of(octets: bytes, limits: Limits) -> RequestHead:
    """The head of a request whose content somebody else has.

    Args:
        octets: Request line and field lines, up to and with the empty line.
        limits: Those that hold.

    Raises:
        ProtocolError: for a head that breaks the protocol, or a limit.
        ValueError: for one that is not complete or not all.
    """
    reader = RequestReader(limits)
    reader.receive(octets)
    event = reader.next()
    if not isinstance(event, RequestHead) or reader.buffered:
        raise ValueError("a request's head ends with its empty line, and there")
    return event
