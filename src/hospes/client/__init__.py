"""The HTTP client: from here to elsewhere.

| file | what |
|---|---|
| `client`, `calling` | `HttpClient` and `AsyncHttpClient`, and the calls they share |
| `options`, `errors` | how a client behaves; what can go wrong, by step |
| `exchange`, `planning` | from a call to its answer: cookies, retries, redirects; the decisions alone |
| `content`, `response`, `decoding` | what is sent, what comes, content codings |
| `url`, `addresses`, `cookies` | where to, whether that may be, what is kept for it |
| `link`, `attempt`, `driving` | the two transports' common contract, and how one code runs over both |
| `blocking`, `on_loop`, `security` | the transports: threads, asyncio, TLS |

The transport is httpcore2, the lower half of httpx2; everything that decides is here.
"""

from hospes.client.client import AsyncHttpClient, HttpClient
from hospes.client.content import Body, Upload
from hospes.client.cookies import CookieJar, StoredCookie
from hospes.client.errors import (
    AddressRefused,
    ClientError,
    ClientTimeout,
    ConnectError,
    ContentTooLarge,
    DecodeError,
    ReadError,
    RedirectError,
    ResolveError,
    SendError,
    StatusError,
    TlsError,
)
from hospes.client.options import ClientLimits, ClientOptions, ClientTimeouts
from hospes.client.response import AsyncStreamedResponse, ClientResponse, StreamedResponse

__all__ = [
    "AddressRefused",
    "AsyncHttpClient",
    "AsyncStreamedResponse",
    "Body",
    "ClientError",
    "ClientLimits",
    "ClientOptions",
    "ClientResponse",
    "ClientTimeout",
    "ClientTimeouts",
    "ConnectError",
    "ContentTooLarge",
    "CookieJar",
    "DecodeError",
    "HttpClient",
    "ReadError",
    "RedirectError",
    "ResolveError",
    "SendError",
    "StatusError",
    "StoredCookie",
    "StreamedResponse",
    "TlsError",
    "Upload",
]
