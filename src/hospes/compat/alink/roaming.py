"""alink's client: a URL says where to and what, a Request says how.

Law: the answer is handed over as it came, encoded content included; `get_text()` decodes it. No redirect is followed.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from hospes.client import Body, ClientOptions, ClientTimeouts
from hospes.client import HttpClient as HospesClient
from hospes.compat.alink.request import Request
from hospes.compat.alink.response import Http_Response
from hospes.http.headers import Headers

_CONNECTIONS_OWN: Final = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade",
})  # fmt: skip
"""Fields of a connection, not of a request (RFC 9110 §7.6.1): those of the connection that the request came by, if it came."""


class HttpClient:
    """Sends requests to elsewhere; connections are kept for the next one.

    Args:
        timeout: Seconds for a whole exchange; 5 by default.
    """

    def __init__(self, timeout: float = 5) -> None:
        self._client = HospesClient(ClientOptions(timeouts=ClientTimeouts(total=timeout), decode=False))

    def send(self, url: str, request: Request | None = None) -> Http_Response:
        """Send a request, and wait for its answer.

        Args:
            url: Where to and what: scheme, host, any port, path and query; those of the request do not count.
            request: Method, fields and content; a GET without any by default.

        Raises:
            ClientError: if a step fails: it says which, and its cause is `__cause__`.
            ValueError: if the URL is none of http or https.
        """
        asked = request if request is not None else Request()
        fields = Headers((name, value) for name, value in asked.header_params.items() if name.lower() not in _CONNECTIONS_OWN)
        body = Body(content=bytes(asked.content)) if asked.content else None
        answer = self._client.request(asked.method, url, headers=fields, body=body)
        made = Http_Response(answer.status, answer.content)
        made.headers = answer.headers
        made.encoding = answer.headers.get("Content-Encoding", made.encoding)
        return made

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
