"""What to do after an answer, or without one: pure decisions, which the exchange carries out.

Laws:

* A redirect never takes credentials to another origin: Authorization, Cookie and Proxy-Authorization that the program gave stay
  behind; the jar's own cookies go where they may.
* Only a request that may be repeated is: an idempotent method (RFC 9110 §9.2.2) whose content can be begun again.
* Pauses are drawn at random below a bound that doubles: clients that failed together do not come back together.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from hospes.client import errors
from hospes.client.link import Call
from hospes.client.url import join_url
from hospes.http.headers import Headers

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
CREDENTIALS: Final = ("Authorization", "Cookie", "Proxy-Authorization")
_OF_CONTENT: Final = ("Content-Type", "Content-Encoding", "Content-Language", "Content-Location")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SECONDS = re.compile(r"[0-9]{1,9}")


def redirected(call: Call, status: int, headers: Headers) -> Call | None:
    """The request that a redirect asks for; None where the answer is none.

    Raises:
        RedirectError: if it leads nowhere we can go, or the content would have to be sent again and cannot.
    """
    location = headers.get_all("location")
    if status not in _REDIRECTS or not location:
        return None
    shown = call.url.shown
    try:
        url = join_url(call.url, location[0])
    except ValueError as error:
        raise errors.RedirectError("redirect", shown, str(error)) from None
    fields, method, content = call.headers.copy(), call.method, call.content
    if url.origin == call.url.origin:
        url = replace(url, credentials=call.url.credentials)
    else:
        for name in (*CREDENTIALS, "Host"):
            fields.pop(name, None)
    # RFC 9110 §15.4: 303 asks for a GET; 301 and 302 after a POST are answered with one, as every user agent does.
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, content = "GET", None
        for name in _OF_CONTENT:
            fields.pop(name, None)
    elif content is not None and not content.is_replayable:
        raise errors.RedirectError("redirect", shown, "the content would have to be sent again, and came from an iterator")
    return Call(method, url, fields, content)


def may_repeat(call: Call) -> bool:
    """Whether a request can be sent again without doing harm."""
    return call.method in IDEMPOTENT and (call.content is None or call.content.is_replayable)


def is_worth_repeating(error: errors.ClientError) -> bool:
    """Whether a failure may be over at the next attempt: the connection could not be made, for no lasting reason, or it broke off
    before there was an answer (RFC 9110 §9.2.2: an idempotent request may be sent again even if it was acted on)."""
    if isinstance(error, errors.ClientTimeout):
        return error.step in {"resolve", "connect", "tls"}
    if isinstance(error, (errors.SendError, errors.ReadError)):
        return True
    return isinstance(error, errors.ConnectError) and not isinstance(error, (errors.AddressRefused, errors.TlsError))


def asked_pause(status: int, headers: Headers) -> float | None:
    """The pause that a 503 asks for (RFC 9110 §10.2.3), in seconds; None where it does not. Dates are passed over."""
    value = headers.get("retry-after", "")
    return float(value) if status == 503 and _SECONDS.fullmatch(value) else None


def pause(retry: int, first: float, chance: float) -> float:
    """The pause before a retry.

    Args:
        retry: Which one, from 0.
        first: The first one's bound, in seconds.
        chance: A random number from 0 to 1.
    """
    return first * 2.0 ** min(retry, 16) * chance
