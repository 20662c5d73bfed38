"""What can go wrong when we are the client, told so that its reader knows where to look.

Laws:

* An error names the step that failed, the URL, and the reason; whoever catches `ClientError` catches them all.
* The URL is shown without credentials, query and fragment: they are secrets more often than not, and errors are logged.
* The exception that the transport met is the error's `__cause__`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from hospes.errors import HospesError

Step: TypeAlias = Literal["wait", "resolve", "connect", "tls", "send", "read", "decode", "redirect", "status"]
"""wait: for a free connection. resolve: the name's addresses. connect: TCP. The others are what they say."""

DOING: Final[dict[Step, str]] = {
    "wait": "waiting for a free connection to",
    "resolve": "looking up the address for",
    "connect": "connecting to",
    "tls": "securing the connection (TLS) to",
    "send": "sending the request to",
    "read": "reading the answer of",
    "decode": "decoding the answer of",
    "redirect": "following the redirect of",
    "status": "asking",
}
"""What we were doing, by step: the beginning of an error's text."""


class ClientError(HospesError):
    """A request of ours failed.

    Args:
        step: Which step failed; see `Step`.
        url: The URL, as it may be shown.
        reason: Why, in one line.
    """

    def __init__(self, step: Step, url: str, reason: str) -> None:
        super().__init__(step, url, reason)
        self.step: Step = step
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{DOING[self.step]} {self.url} failed: {self.reason}"


class ConnectError(ClientError):
    """There was no connection, so nothing was sent."""


class ResolveError(ConnectError):
    """The host's name has no address, or nobody could say."""


class AddressRefused(ConnectError):
    """The host has an address that is not public, and `public_only` is on."""


class TlsError(ConnectError):
    """The connection could not be secured: above all, the certificate is not trusted or is another host's."""


class SendError(ClientError):
    """The request could not be sent whole; the server may have acted on it."""


class ReadError(ClientError):
    """The answer did not come, or broke off, or is no HTTP; the server may have acted on the request."""


class DecodeError(ClientError):
    """The answer came whole but is not what its fields say it is."""


class ContentTooLarge(ClientError):
    """The answer is larger, or inflates more, than the client's limits let pass."""


class RedirectError(ClientError):
    """A redirect that cannot or must not be followed, or one more than is allowed."""


class ClientTimeout(ClientError):
    """A step took too long."""

    def __str__(self) -> str:
        return f"{DOING[self.step]} {self.url} took too long: {self.reason}"


class StatusError(ClientError):
    """The answer's status is an error, and the program asked to be told so by `raise_for_status`.

    Args:
        url: The URL, as it may be shown.
        status: The status code, 400 to 599.
        reason: The reason phrase, "" where there was none.
    """

    def __init__(self, url: str, status: int, reason: str) -> None:
        super().__init__("status", url, reason)
        self.status = status

    def __str__(self) -> str:
        return " ".join(part for part in (self.url, "answered", str(self.status), self.reason) if part)
