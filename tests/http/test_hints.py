"""Early Hints: which links are sent, and for which requests."""

from __future__ import annotations

import pytest

from hospes.http.connection import Address, Connection
from hospes.http.octets import request_of
from hospes.http.request import Request
from hospes.limits import Limits
from hospes.wire import RequestHead

STYLE = "</style.css>; rel=preload; as=style"
FONT = "</caf\xe9.woff2>; rel=preload; as=font"


class Carrier:
    """Keeps what it is to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[RequestHead, tuple[str, ...]]] = []

    def request(self, version: str = "1.1") -> Request:
        ends = Connection(Address("192.0.2.7", 1), Address("127.0.0.1", 80), "http", Limits(), hint=self.hint)
        return request_of(f"GET /shop/a HTTP/{version}\r\nHost: x\r\n\r\n".encode(), b"", ends)

    def hint(self, head: RequestHead, links: tuple[str, ...]) -> None:
        self.sent.append((head, links))


def test_links_are_sent_for_the_request() -> None:
    carrier = Carrier()
    request = carrier.request()
    request.early_hints(STYLE, FONT)
    request.early_hints(FONT)
    assert carrier.sent == [(request.head, (STYLE, FONT)), (request.head, (FONT,))]


def test_a_mounted_application_sends_them_for_the_request_above() -> None:
    carrier = Carrier()
    request = carrier.request()
    below = request.below("/shop")
    assert below.head is not request.head
    below.below("/a").early_hints(STYLE)
    assert carrier.sent[0][0] is request.head


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_http_1_0_knows_no_interim_answers(version: str) -> None:
    carrier = Carrier()
    carrier.request(version).early_hints(STYLE)
    assert len(carrier.sent) == (version == "1.1")


def test_no_links_are_no_hints() -> None:
    carrier = Carrier()
    carrier.request().early_hints()
    assert carrier.sent == []


def test_a_carrier_that_cannot_is_no_mistake() -> None:
    ends = Connection(Address("192.0.2.7", 1), Address("127.0.0.1", 80), "http", Limits())
    request_of(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"", ends).early_hints(STYLE)


@pytest.mark.parametrize(
    "link", ["", "/style.css", "</a>\r\nSet-Cookie: a=b", "</a>\n", "</a>\0", "</a>; title=\x7f", "<\ud800>", b"</a>", None]
)
def test_what_is_no_link_is_refused_before_anything_leaves(link: object) -> None:
    carrier = Carrier()
    with pytest.raises(ValueError, match=r"early_hints\(") as caught:
        carrier.request().early_hints(STYLE, link)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"early_hints({link!r}): a link is one line of text, such as '</style.css>; rel=preload; as=style'"
    )
    assert carrier.sent == []
